"""Models, from checkpoint to predictions."""

import numpy as np

from hw5.errors import InputError
from hw5.nn.losses import LOSSES
from hw5.nn.network import Network
from hw5.train.standardised import Standardised, evaluate_with_outputs


class Predictor:
    """A checkpoint's network on a device, to use on other examples."""

    def __init__(self, device, checkpoint):
        self.checkpoint = checkpoint
        loss = checkpoint.settings.loss
        self.network = Network(device, checkpoint.parameters, loss=loss, layers=checkpoint.layers())
        self._standardised = Standardised(self.network, checkpoint.standardisation, checkpoint.of_targets)

    def evaluate(self, subset):
        """Mean loss, predicted classes (n,) and P of a Subset, whose labels are numbered as here.

        P (n, m) has the probability of each class or label; it is None if the model has none. An example of another
        class counts as a mistake, and has no loss.
        """
        stepper = self._standardised.stepper
        with np.errstate(all="ignore"):  # numbers beyond float32 show in the loss
            loss, _, classes, outputs = evaluate_with_outputs(stepper(subset.examples), subset)
            return loss, classes, self.network.loss.classes(outputs) if self.network.loss.gives_probabilities else None

    def regress(self, subset):
        """Mean loss, and predictions (n,) or (n, q) in units of the targets, of a Subset."""
        return self._standardised.regress(self._standardised.stepper(subset.examples), subset)

    @property
    def chunk(self):
        """How many examples are evaluated at once."""
        return self._standardised.unlabelled(np.zeros((1, self.checkpoint.schema.features), np.float32)).chunk

    def predict(self, X):
        """The predictions for the examples X (n, d): each class's or label's probability (n, m), or numbers (n, q).

        A perceptron has no probabilities: it gives 1 to the predicted class. Raises InputError as outputs does.
        """
        return self._standardised.predictions(self.outputs(X))

    def logits(self, X):
        """Z (n, m) of the top layer for the examples X (n, d), before softmax or sigmoid.

        Raises InputError as outputs does.
        """
        return self.outputs(X, LOSSES["perceptron"].output)

    def outputs(self, X, output=None):
        """The outputs of the loss, or of another, for the examples X (n, d), as in Stepper.outputs.

        Raises InputError for an example so far from the training examples that float32 cannot hold the result.
        """
        with np.errstate(all="ignore"):
            P = self._standardised.outputs(X, output)
        lost = ~np.isfinite(P).all(axis=1)
        if lost.any():
            raise InputError(
                f"example {lost.argmax() + 1} has values too far from the training data; check its units, or remove it"
            )
        return P
