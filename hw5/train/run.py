"""A training run from data set to checkpoint, and a checkpoint put back to work."""

import numpy as np

from hw5.train.checkpoint import HISTORY, Checkpoint, DataSource
from hw5.datasets import Examples
from hw5.errors import InputError
from hw5.nn.losses import LOSSES
from hw5.metrics import r2_and_rmse
from hw5.nn.network import Network, initial_parameters
from hw5.datasets.preprocessing import Standardisation, class_weights, split_dataset
from hw5.train.training import Training


class Run:
    """A data set and settings brought together on a device: what lies between loading one and saving the other.

    With a checkpoint, the training goes on from where it stood; pause_every so many steps it reports.
    """

    def __init__(self, device, dataset, settings, data_source: DataSource, checkpoint=None, pause_every=None):
        self.dataset, self.settings, self.data_source = dataset, settings, data_source
        self.parts = split_dataset(dataset, settings.validation, settings.holdout, settings.seed)
        if settings.patience and "validation" not in self.parts:
            raise InputError(
                f"--patience watches the validation loss, and --validation {settings.validation:g} of {dataset.name} "
                "is no example; raise it"
            )
        train = self.parts["train"]
        if checkpoint:
            self._require_the_data_of(checkpoint)
            self.standardisation, self.of_targets = checkpoint.standardisation, checkpoint.of_targets
        else:
            self.standardisation = Standardisation.fit(train)
            self.of_targets = Standardisation.fit_targets(train) if settings.is_regression else None
        weights = settings.class_weight and class_weights(
            settings.class_weight, dataset.class_names, train.examples.y[train.rows]
        )
        self.sizes = (dataset.train.X.shape[1], *settings.hidden, _units(settings.loss, dataset))
        parameters = initial_parameters(self.sizes, settings.activation, settings.seed)
        if settings.model == "perceptron":  # "usually begins with weight/bias 0"
            parameters = [tuple(map(np.zeros_like, pair)) for pair in parameters]
        self.network = Network(device, parameters, settings.activation, settings.loss, weights)
        self.history = list(checkpoint.history) if checkpoint else []
        self._data = self._place(dataset.train)
        validate = (lambda: self.evaluate("validation")) if "validation" in self.parts else None
        self.training = Training(self.network, self._data, train.rows, settings, validate, pause_every)
        if checkpoint:
            self.training.restore(checkpoint.state)

    def _require_the_data_of(self, checkpoint):
        if self.data_source.digest != checkpoint.data.digest:
            raise InputError(
                f"{self.dataset.name} has changed since the checkpoint was written, and a training can only go on with "
                "the data that it began with"
            )

    def _place(self, examples):
        return _place(self.network.device, examples, self.standardisation, self.of_targets)

    def train(self):
        """Train, yielding Progress; the history grows by a row at the end of every epoch."""
        for progress in self.training:
            if progress.epoch_ends:
                self.history.append({column: getattr(progress, column) for column in HISTORY})
            yield progress

    def evaluate(self, name):
        """Mean loss and accuracy (None in a regression) on the part "train", "validation" or "test"."""
        part = self.parts[name]
        data = self._data if part.examples is self.dataset.train else self._place(part.examples)
        loss, accuracy, _ = self.network.evaluate(data, part.rows)
        return loss, None if self.settings.is_regression else accuracy

    def regression_figures(self, name):
        """Mean loss, R^2 and the root mean square error, in the units of the targets, on a part."""
        return _regression_figures(self.network, self._place, self.of_targets, self.parts[name])

    def checkpoint(self):
        """All that there is to keep."""
        return Checkpoint(
            self.training.state(),
            self.standardisation,
            self.settings,
            self.data_source,
            self.dataset.class_names,
            self.dataset.feature_names,
            self.dataset.image_shape,
            self.history,
            self.of_targets,
        )


def _units(loss, dataset):
    """The units of the top layer. Raises InputError where the data do not fit the loss."""
    m = len(dataset.class_names)
    if loss == "binary-cross-entropy" and m != 2:
        raise InputError(
            f"--loss binary-cross-entropy parts two classes, and {dataset.name} has {m}; leave it out for the softmax"
        )
    return LOSSES[loss].units(m)


class Model:
    """A checkpoint's network on a device, ready for other examples."""

    def __init__(self, device, checkpoint):
        self.checkpoint = checkpoint
        settings = checkpoint.settings
        self.network = Network(device, checkpoint.parameters, settings.activation, settings.loss)

    def evaluate(self, part):
        """Mean loss, accuracy and the classes found (n,) of a Subset, whose labels are numbered as here."""
        data = self._place(part.examples)
        with np.errstate(all="ignore"):  # numbers beyond float32 show in the loss
            return self.network.evaluate(data, part.rows)

    def regression_figures(self, part):
        """Mean loss, R^2 and the root mean square error, in the units of the targets, of a Subset."""
        return _regression_figures(self.network, self._place, self.checkpoint.of_targets, part)

    def predict(self, X):
        """What the model says of the examples X (n, d): the probability of every class P (n, m), or numbers (n, 1).

        A perceptron has no probabilities: its P is 1 at the class found. Raises InputError as outputs does.
        """
        return self._READ[self.checkpoint.settings.loss](self, self.outputs(X))

    def outputs(self, X):
        """What the loss reads off the top layer for the examples X (n, d), as Network.outputs says.

        Raises InputError for an example so far from those of the training that float32 cannot hold the logits.
        """
        no_labels = np.zeros(len(X), np.float32 if self.checkpoint.settings.is_regression else np.int32)
        data, rows = self._place(Examples(X, no_labels)), np.arange(len(X))
        with np.errstate(all="ignore"):
            P = self.network.outputs(data, rows)
        lost = ~np.isfinite(P).all(axis=1)
        if lost.any():
            raise InputError(f"example {lost.argmax() + 1} has values too far from those of the training to be judged")
        return P

    def _place(self, examples):
        checkpoint = self.checkpoint
        return _place(self.network.device, examples, checkpoint.standardisation, checkpoint.of_targets)

    _READ = {
        "cross-entropy": lambda self, P: P,
        "binary-cross-entropy": lambda self, P: np.hstack([1 - P, P]),
        "squared": lambda self, z: self.checkpoint.of_targets.inverse_transform(z),
        "perceptron": lambda self, Z: _one_hot(Z),
    }


def _one_hot(Z):
    """1 at the class that the logits (n, m) find, of one unit the logits (0, z)."""
    logits = np.hstack([np.zeros_like(Z), Z]) if Z.shape[1] == 1 else Z
    return np.eye(logits.shape[1], dtype=Z.dtype)[logits.argmax(axis=1)]


def _regression_figures(network, place, of_targets, part):
    data = place(part.examples)
    with np.errstate(all="ignore"):
        loss, *_ = network.evaluate(data, part.rows)
        found = of_targets.inverse_transform(network.outputs(data, part.rows)[:, 0])
    return loss, *r2_and_rmse(part.examples.y[part.rows], found)


def _place(device, examples, standardisation, of_targets):
    y = examples.y if of_targets is None else of_targets.transform(examples.y)
    return device.place(examples.X, y, standardisation.mean, standardisation.scale)
