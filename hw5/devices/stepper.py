"""Training and evaluation step by step; native/, recorded.py, fused.py, persistent.py and streaming.py have others."""

from math import prod

import numpy as np

from hw5.devices.base import Tally

MOST_AT_ONCE, MOST_FLOATS = 1024, 1 << 26  # in an evaluation


class Stepper:
    """Trains and evaluates a network on a data set of its device. how: a short description of how it trains."""

    is_fallback = False  # whether it replaces one that does not work

    def __init__(self, network, data, how="step by step"):
        """network: a Network; data: what network.device.upload_data returned."""
        self.network, self.data, self.device, self.how = network, data, network.device, how
        self.arithmetic = self.device.arithmetic
        self._largest, self._spaces = 0, {}
        floats = sum(2 * prod(layer.shape) + layer.scratch_per_example for layer in network.layers)
        self.chunk = max(1, min(MOST_AT_ONCE, MOST_FLOATS // floats))  # examples that are evaluated at once

    def how_with(self, batch_size):
        """How it trains with minibatches of this size."""
        return self.how

    def space(self, k):
        """The workspace for k examples: a view of the largest one so far."""
        if k > self._largest:
            self._largest = k
            self._spaces = {k: self.network.workspace(k, self.device.dtype_of(self.data.y), self.data.y.shape[1:])}
        if k not in self._spaces:
            self._spaces[k] = self._spaces[self._largest].first(k)
        return self._spaces[k]

    def train(self, order, batch_size, rates, tally):
        """Train on the examples data[order], batch_size at a time; the last minibatch may be shorter."""
        for start in range(0, len(order), batch_size):
            self.step(order, start, self.space(min(batch_size, len(order) - start)), rates, tally)

    def step(self, order, start, space, rates, tally):
        """Train on the k examples data[order[start : start + k]], k being the workspace's."""
        self.device.minibatch(self.data, order, start, space.X, space.y)
        self.network.step(space, rates, tally)

    def forward(self, order, start, space):
        """Compute Z^(L), without its bias, and y of the k examples data[order[start : start + k]] in a workspace."""
        self.device.minibatch(self.data, order, start, space.X, space.y)
        self.network.forward(space)

    def evaluate(self, rows, outputs=None):
        """Mean loss, accuracy and predicted classes (n,) of the examples data[rows]; rows on the host.

        For a regression, only the mean loss is meaningful. Of several labels, all must be right, and there is no class.
        outputs: an array (n, m) on the host that gets what outputs() returns, or None.
        """
        network, tally = self.network, Tally(self.device, self.chunk)
        classes = self.device.empty((len(rows),), self.device.index_dtype)
        for chunk, space in self._forward_in_chunks(rows):
            Z, b = space.Z, network.layers[-1].b
            network.loss.predict(self.device, Z, b, classes[chunk])
            if outputs is not None:
                z = self.device.empty(Z.shape)  # a copy, for the gradient overwrites Z
                self.device.copy(z, Z)
                network.loss.output(self.device, z, b)
                outputs[chunk] = self.device.download(z)
            network.loss.gradient(self.device, Z, b, space.y, network.unit_weights, tally)
        loss, correct = tally.read()
        return loss / len(rows), correct / len(rows), self.device.download(classes)

    def outputs(self, rows, output=None):
        """The loss's output, or that of another Loss, for the examples data[rows]; their labels are not used.

        The softmax's probabilities (n, m), the sigmoid's of class 1 (n, 1) or of each label (n, m), or z itself (n, m).
        """
        output = output or self.network.loss.output
        P = np.empty((len(rows), self.network.outputs), self.device.dtype)
        for chunk, space in self._forward_in_chunks(rows):
            output(self.device, space.Z, self.network.layers[-1].b)
            P[chunk] = self.device.download(space.Z)
        return P

    def _forward_in_chunks(self, rows):
        """Yield (its slice of rows, workspace after the forward pass) for each chunk."""
        order = self.device.upload(rows, self.device.index_dtype)
        for start in range(0, len(rows), self.chunk):
            stop = min(start + self.chunk, len(rows))
            space = self.space(stop - start)
            self.forward(order, start, space)
            yield slice(start, stop), space
