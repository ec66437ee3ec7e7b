"""The losses J of the top layer's outputs z.

    cross-entropy           p = softmax(z),  J = -ln p_y                        lecture 14, "Linear classifier gradient"
    binary-cross-entropy    p = sigmoid(z),  J = -y ln p - (1 - y) ln(1 - p)    "Binary cross-entropy loss"
    squared                 J = (z - y)^2                                       "Quiz break: ReLU, square loss"
    perceptron              J = z_p - z_y, p being the predicted class          "Training the Perceptron"

multilabel-cross-entropy is binary-cross-entropy of several labels of an example, each 0 or 1; it and squared have an
output for each label or target, and J is the sum over them.

Two classes need only one z: with the logits (0, z) the softmax is the sigmoid of z, and class 1 is predicted if z > 0.
Each J is the one whose gradient the lecture's rule follows: the perceptron's, p - y as vectors, is 0 unless the
prediction is a mistake.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hw5.devices.activations import Activation


@dataclass(frozen=True)
class Loss:
    """A loss of the outputs z of the top layer; b (m,) is its bias, which Z (k, m) does not contain yet.

    task: "classification", "multilabel" or "regression". gradient(device, Z, b, y, weights, tally) turns Z into
    Delta = dJ/dZ, and adds J and correct predictions to tally. output(device, Z, b) turns Z into probabilities or
    numbers. On the host, classes(outputs) has a column per class or label: probabilities if gives_probabilities, else 1
    at the predicted class. A regression has no classes. units(m): of the top layer, for m classes, labels or targets;
    one each by default. y_type: of these on the host.
    """

    name: str
    task: str
    gradient: Callable
    output: Callable
    classes: Callable | None = None
    units: Callable[[int], int] = lambda m: m
    y_type: type = np.int32
    gives_probabilities: bool = False

    def predict(self, device, Z, b, out):
        """The predicted class of each example, if it has one, out (k,) integers; Z does not change."""
        predict = device.threshold if Z.shape[1] == 1 else device.argmax
        predict(Z, b, out)


def _element_wise(name):
    theta = Activation.of(name)
    return lambda device, Z, b: device.activate(theta, Z, b)


def _one_hot(Z):
    """1 at the class with the largest logit of Z (n, m); one unit stands for the logits (0, z)."""
    logits = np.hstack([np.zeros_like(Z), Z]) if Z.shape[1] == 1 else Z
    return np.eye(logits.shape[1], dtype=Z.dtype)[logits.argmax(axis=1)]


LOSSES = {
    loss.name: loss
    for loss in (
        Loss(
            "cross-entropy",
            "classification",
            gradient=lambda device, Z, b, y, weights, tally: device.softmax_cross_entropy(Z, b, y, weights, tally),
            output=lambda device, Z, b: device.softmax(Z, b),
            classes=lambda P: P,
            gives_probabilities=True,
        ),
        Loss(
            "binary-cross-entropy",
            "classification",
            units=lambda m: 1,
            gradient=lambda device, Z, b, y, weights, tally: device.sigmoid_cross_entropy(Z, b, y, weights, tally),
            output=_element_wise("sigmoid"),
            classes=lambda p: np.hstack([1 - p, p]),
            gives_probabilities=True,
        ),
        Loss(
            "multilabel-cross-entropy",
            "multilabel",
            gradient=lambda device, Z, b, y, weights, tally: device.sigmoid_cross_entropy(Z, b, y, weights, tally),
            output=_element_wise("sigmoid"),
            classes=lambda P: P,
            gives_probabilities=True,
        ),
        Loss(
            "squared",
            "regression",
            y_type=np.float32,
            gradient=lambda device, Z, b, y, weights, tally: device.squared_error(Z, b, y, tally),
            output=_element_wise("linear"),
        ),
        Loss(
            "perceptron",
            "classification",
            units=lambda m: 1 if m == 2 else m,
            gradient=lambda device, Z, b, y, weights, tally: device.perceptron(Z, b, y, tally),
            output=_element_wise("linear"),
            classes=_one_hot,
        ),
    )
}
