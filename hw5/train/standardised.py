"""Networks with the standardisation of their training, to use on examples as they are in the data."""

from dataclasses import dataclass, replace

import numpy as np

from hw5.datasets import Examples
from hw5.datasets.preprocessing import Standardisation
from hw5.nn.network import Network
from hw5.tables.labels import UNKNOWN


@dataclass(frozen=True)
class Standardised:
    """A network, and the Standardisation of its features and of its targets, which is None for labels."""

    network: Network
    of_features: Standardisation
    of_targets: Standardisation | None

    def arrays(self, examples):
        """The arguments of Device.upload_data."""
        y = examples.y if self.of_targets is None else self.of_targets.transform(examples.y)
        y = y.astype(np.float32) if y.dtype == np.float64 else y
        return examples.X, y, self.of_features.mean, self.of_features.scale

    def stepper(self, examples):
        """The Stepper of the network on these examples."""
        device = self.network.device
        return device.stepper(self.network, device.upload_data(*self.arrays(examples)))

    def unlabelled(self, X):
        """The Stepper of the network on examples X (n, d) to predict."""
        return replace(self, of_targets=None).stepper(Examples(X, np.zeros(len(X), self.network.loss.y_type)))

    def outputs(self, X, output=None):
        """The outputs of the loss, or of another, for the examples X (n, d), as in Stepper.outputs."""
        return self.unlabelled(X).outputs(np.arange(len(X)), output=output)

    def predictions(self, outputs):
        """Each class's or label's probability (n, m), or numbers (n, q) in units of the targets."""
        loss = self.network.loss
        return loss.classes(outputs) if loss.classes else self.of_targets.inverse_transform(outputs)

    def regress(self, stepper, subset):
        """Mean loss, and predictions (n,) or (n, q) in units of the targets, of a Subset.

        stepper: a Stepper of the network on its examples.
        """
        with np.errstate(all="ignore"):
            loss, *_, outputs = evaluate_with_outputs(stepper, subset)
            predicted = self.of_targets.inverse_transform(outputs)
            return loss, predicted[:, 0] if subset.examples.y.ndim == 1 else predicted


def evaluate(stepper, subset, outputs=None):
    """As Stepper.evaluate, of a Subset whose labels may be UNKNOWN."""
    y = subset.examples.y[subset.rows]
    known = y != UNKNOWN
    if known.all() or stepper.network.loss.task != "classification":
        return stepper.evaluate(subset.rows, outputs=outputs)
    of_all, classes = stepper.outputs(subset.rows), np.empty(len(y), np.int64)
    if outputs is not None:
        outputs[:] = of_all
    if known.any():
        loss, accuracy, classes[known] = stepper.evaluate(subset.rows[known])
    else:
        loss, accuracy = np.nan, 0.0
    classes[~known] = stepper.network.loss.classes(of_all[~known]).argmax(axis=1)
    return loss, accuracy * known.mean(), classes


def evaluate_with_outputs(stepper, subset):
    """As evaluate, and the loss's outputs (n, m), as those of Stepper.outputs."""
    outputs = np.empty((len(subset.rows), stepper.network.outputs), stepper.device.dtype)
    return *evaluate(stepper, subset, outputs), outputs
