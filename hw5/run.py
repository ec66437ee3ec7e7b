"""A training run from data set to checkpoint, and a checkpoint put back to work."""

import numpy as np

from hw5.checkpoint import Checkpoint, DataSource
from hw5.datasets import Examples
from hw5.errors import InputError
from hw5.network import Network, initial_parameters
from hw5.preprocessing import Standardisation, partition
from hw5.training import train


class Run:
    """A data set and settings brought together on a device: what lies between loading one and saving the other."""

    def __init__(self, device, dataset, settings, data_source: DataSource):
        self.dataset, self.settings, self.data_source = dataset, settings, data_source
        self.parts = partition(dataset, settings.validation, settings.holdout, settings.seed)
        self.standardisation = Standardisation.fit(self.parts["train"])
        self.sizes = (dataset.train.X.shape[1], *settings.hidden, len(dataset.class_names))
        parameters = initial_parameters(self.sizes, settings.activation, settings.seed)
        self.network = Network(device, parameters, settings.activation)
        self.history = []
        self._data = _place(device, dataset.train, self.standardisation)

    def train(self):
        """Train, yielding Progress; the history grows by a row at the end of every epoch."""
        validate = (lambda: self.evaluate("validation")) if "validation" in self.parts else None
        for progress in train(self.network, self._data, self.parts["train"].rows, self.settings, validate):
            if progress.epoch_ends:
                columns = ("epoch", "loss", "accuracy", "validation_loss", "validation_accuracy")
                self.history.append({column: getattr(progress, column) for column in columns})
            yield progress

    def evaluate(self, name):
        """Mean cross-entropy and accuracy on the part "train", "validation" or "test"."""
        part, data = self.parts[name], self._data
        if part.examples is not self.dataset.train:
            data = _place(self.network.device, part.examples, self.standardisation)
        loss, accuracy, _ = self.network.evaluate(data, part.rows)
        return loss, accuracy

    def checkpoint(self):
        """All that there is to keep."""
        return Checkpoint(
            self.network.parameters(),
            self.network.velocities(),
            self.standardisation,
            self.settings,
            self.data_source,
            self.dataset.class_names,
            self.dataset.feature_names,
            self.dataset.image_shape,
            self.history,
        )


class Classifier:
    """A checkpoint's network on a device, ready for other examples."""

    def __init__(self, device, checkpoint):
        self.checkpoint = checkpoint
        self.network = Network(device, checkpoint.parameters, checkpoint.settings.activation)

    def evaluate(self, part):
        """Mean cross-entropy, accuracy and the classes found (n,) of a Part, whose labels are numbered as here."""
        data = _place(self.network.device, part.examples, self.checkpoint.standardisation)
        with np.errstate(all="ignore"):  # numbers beyond float32 show in the loss
            return self.network.evaluate(data, part.rows)

    def predict(self, X):
        """The probability of every class for the examples X (n, d): P (n, m).

        Raises InputError for an example so far from those of the training that float32 cannot hold the logits.
        """
        no_labels = np.zeros(len(X), np.int32)
        data = _place(self.network.device, Examples(X, no_labels), self.checkpoint.standardisation)
        with np.errstate(all="ignore"):
            P = self.network.probabilities(data, np.arange(len(X)))
        lost = ~np.isfinite(P).all(axis=1)
        if lost.any():
            raise InputError(
                f"example {lost.argmax() + 1} has values too far from those of the training to be classified"
            )
        return P


def _place(device, examples, standardisation):
    return device.place(examples.X, examples.y, standardisation.mean, standardisation.scale)
