"""The losses J, one row a name: what the top layer's numbers z mean, and what they cost.

    cross-entropy           p = softmax(z),  J = -ln p_y                        lecture 14, "Linear classifier gradient"
    binary-cross-entropy    p = sigmoid(z),  J = -y ln p - (1 - y) ln(1 - p)    "Binary cross-entropy loss"
    squared                 J = (z - y)^2                                       "Quiz break: ReLU, square loss"
    perceptron              J = z_found - z_y, where found is the largest       "Training the Perceptron"

Two classes need one z only: with the logits (0, z) the softmax is the sigmoid of z, and class 1 is found where z > 0.
Each J is the one whose gradient the lecture's rule follows: that of the perceptron, found - y as vectors, is 0 but for
a mistake.
"""

from collections.abc import Callable
from dataclasses import dataclass

from hw5.devices.activations import Activation


@dataclass(frozen=True)
class Loss:
    """How the top layer is read; b (m,) is its bias, which Z (k, m) does not yet have.

    gradient(device, Z, b, y, weights, tally) turns Z into Delta = dJ/dZ and adds J and the hits to the tally;
    output(device, Z, b) turns Z into what a user is told: probabilities, or the number itself.
    """

    name: str
    units: Callable[[int], int]  # of the top layer, for so many classes
    gradient: Callable
    output: Callable

    @property
    def is_regression(self):
        return self.name == "squared"

    def find(self, device, Z, b, out):
        """The class of every example, out (k,) integers; Z stays as it is."""
        decide = device.threshold if Z.shape[1] == 1 else device.argmax
        decide(Z, b, out)


def _element_wise(name):
    theta = Activation.of(name)
    return lambda device, Z, b: device.activate(theta, Z, b)


LOSSES = {
    loss.name: loss
    for loss in (
        Loss(
            "cross-entropy",
            lambda m: m,
            lambda device, Z, b, y, weights, tally: device.softmax_cross_entropy(Z, b, y, weights, tally),
            lambda device, Z, b: device.softmax(Z, b),
        ),
        Loss(
            "binary-cross-entropy",
            lambda m: 1,
            lambda device, Z, b, y, weights, tally: device.sigmoid_cross_entropy(Z, b, y, weights, tally),
            _element_wise("sigmoid"),
        ),
        Loss(
            "squared",
            lambda m: 1,
            lambda device, Z, b, y, weights, tally: device.squared_error(Z, b, y, tally),
            _element_wise("linear"),
        ),
        Loss(
            "perceptron",
            lambda m: 1 if m == 2 else m,
            lambda device, Z, b, y, weights, tally: device.perceptron(Z, b, y, tally),
            _element_wise("linear"),
        ),
    )
}
