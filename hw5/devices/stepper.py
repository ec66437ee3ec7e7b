"""A network at work on a data set: training step by step, evaluation in chunks.

Device.stepper chooses the way once. This is the plain one; native/ compiles whole epochs, recorded.py replays steps.
"""

import numpy as np

from hw5.devices.base import Tally


class Stepper:
    """Trains a network on a data set of its device, and evaluates it there.

    how: in a few words, the way in which this is done.
    """

    def __init__(self, network, data, how="step by step"):
        """network: a Network; data: what network.device.upload_data returned."""
        self.network, self.data, self.device, self.how = network, data, network.device, how
        self._largest, self._spaces = 0, {}

    def space(self, k):
        """The workspace for k examples: views of one allocation, which grows for a larger minibatch."""
        if k > self._largest:
            self._largest = k
            self._spaces = {k: self.network.workspace(k, self.device.dtype_of(self.data.y))}
        if k not in self._spaces:
            self._spaces[k] = self._spaces[self._largest].first(k)
        return self._spaces[k]

    def train(self, order, batch_size, rates, tally):
        """Train on the examples data[order], batch_size at a time; the last minibatch may be shorter."""
        for start in range(0, len(order), batch_size):
            space = self.space(min(batch_size, len(order) - start))
            self.device.minibatch(self.data, order, start, space.X, space.y)
            self.network.step(space, rates, tally)

    def forward(self, order, start, space):
        """Z^(L) of the examples data[order[start : start + k]], without its bias, in a workspace for k; also its y."""
        self.device.minibatch(self.data, order, start, space.X, space.y)
        self.network.forward(space)

    def evaluate(self, rows, chunk=1024):
        """Mean loss, accuracy and predicted classes (n,) of the examples data[rows]; rows on the host.

        For a regression only the mean loss has a meaning.
        """
        network, tally = self.network, Tally(self.device, chunk)
        classes = self.device.empty((len(rows),), self.device.index_dtype)
        for chunk_of_rows, space in self._forward_in_chunks(rows, chunk):
            Z, b = space.Z, network.layers[-1].b
            network.loss.predict(self.device, Z, b, classes[chunk_of_rows])
            network.loss.gradient(self.device, Z, b, space.y, network.unit_weights, tally)
        loss, correct = tally.read()
        return loss / len(rows), correct / len(rows), self.device.download(classes)

    def outputs(self, rows, chunk=1024):
        """The loss's output for the examples data[rows], (n, m); their labels are not used.

        Softmax's probabilities (n, m), the sigmoid's of class 1 (n, 1), or the numbers z themselves.
        """
        P = np.empty((len(rows), self.network.sizes[-1]), self.device.dtype)
        for chunk_of_rows, space in self._forward_in_chunks(rows, chunk):
            self.network.loss.output(self.device, space.Z, self.network.layers[-1].b)
            P[chunk_of_rows] = self.device.download(space.Z)
        return P

    def _forward_in_chunks(self, rows, chunk):
        """For each chunk of rows: its slice of rows, and the workspace after the forward pass."""
        order = self.device.upload(rows, self.device.index_dtype)
        for start in range(0, len(rows), chunk):
            stop = min(start + chunk, len(rows))
            space = self.space(stop - start)
            self.forward(order, start, space)
            yield slice(start, stop), space
