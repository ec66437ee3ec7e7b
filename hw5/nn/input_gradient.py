"""The gradient with respect to the input: one more product than a training step has.

Training stops at Delta^(1), for the input has no weights below it. A^(0) = W^(1) Delta^(1) says how the loss, or an
output, changes with each feature of an example. It takes the same operations on every device.
"""

from copy import copy
from dataclasses import replace

import numpy as np

from hw5.devices.base import Tally
from hw5.devices.stepper import Stepper
from hw5.nn.network import Network


class InputGradient:
    """Gradients of a trained network with respect to examples X (n, d), in the units of X.

    A network with dropout is taken as after training, when dropout does nothing.
    """

    def __init__(self, device, parameters, layers, loss, standardisation):
        """parameters: [(W, b), ...] of the layers with weights; loss: its name."""
        layers = [layer for layer in layers if layer.kind != "dropout"]
        self.network = Network(device, parameters, loss=loss, layers=layers)
        self.standardisation = standardisation

    def of_loss(self, X, y):
        """dJ/dX (n, d) of each example's own loss J, for the labels or targets y (n,)."""
        return self._pull(self.network, X, y)[1]

    def of_outputs(self, X, Delta):
        """z (n, m) of the top layer, and the gradient (n, d) of the sum over Delta z, for numbers Delta (n, m)."""
        network = copy(self.network)
        network.loss = replace(network.loss, gradient=lambda device, Z, *_: device.assign(Z, Delta))
        return self._pull(network, X, np.zeros(len(X), network.loss.y_type))

    def _pull(self, network, X, y):
        device, its, n = network.device, self.standardisation, len(X)
        stepper = Stepper(network, device.upload_data(X, y, its.mean, its.scale))
        space = stepper.space(n)
        stepper.forward(device.upload(np.arange(n), device.index_dtype), 0, space)
        bottom, top = network.layers[0], network.layers[-1]
        z = device.download(space.Z) + device.download(top.b)
        network.backward(space, Tally(device, n))
        A, scratch = device.empty(space.X.shape), device.empty((n * bottom.scratch_per_example,))
        bottom.propagate(device, space.slots[0], A, network.updates, scratch)
        return z, device.download(A) * its.scale.astype(device.dtype)
