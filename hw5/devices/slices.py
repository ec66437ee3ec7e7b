"""Training by slices of the minibatches (division.py): gradients of this process's share, their sum, the update.

ranks.py adds across the ranks.
"""

from types import SimpleNamespace

import numpy as np

from hw5.devices.division import Division
from hw5.devices.native import CompiledStepper
from hw5.devices.native.sliced import CompiledSlices
from hw5.devices.streaming import StreamedData
from hw5.text import counted


def slices_of(stepper):
    """What trains a Stepper's network by slices: compiled if the stepper is."""
    return (CompiledSlices if isinstance(stepper, CompiledStepper) else NetworkSlices)(stepper)


class SlicedStepper:
    """Trains a Stepper's network by slices of the minibatches."""

    def __init__(self, stepper, slices):
        self.stepper, self.slices = stepper, slices
        self.network, self.device = stepper.network, stepper.device
        self._by_slices = slices_of(stepper)

    def how_with(self, batch_size):
        """How it trains with minibatches of this size."""
        return f"{self._by_slices.how}, {counted(Division(batch_size, self.slices).slices, 'slice')}"

    def train(self, order, batch_size, rates, tally):
        """As Stepper.train. A short last minibatch is divided by itself, so that an example of a tally has one rank."""
        whole = len(order) // batch_size * batch_size
        for part, k in ((order[:whole], batch_size), (order[whole:], len(order) - whole)):
            if len(part):
                self.train_whole(part, k, rates, tally)

    def train_whole(self, order, k, rates, tally):
        """Train on minibatches of k examples."""
        self._by_slices.train(order, Division(k, self.slices), 0, rates, tally)


class NetworkSlices:
    """Trains a stepper's network by slices, operation by operation."""

    def __init__(self, stepper):
        self.stepper, self.network, self.device = stepper, stepper.network, stepper.device
        self.how = stepper.how if stepper.how.startswith("NumPy") else "step by step"  # nothing is recorded
        sizes = [array.size for layer in self.network.weighted for array in (layer.G, layer.Gb)]
        self.size = sum(sizes)
        self._gradient = self.device.empty((self.size,))  # of which the layers' gradients are views
        ends = iter(np.cumsum(sizes).tolist())
        for layer in self.network.weighted:
            for name in ("G", "Gb"):
                like, end = getattr(layer, name), next(ends)
                setattr(layer, name, self._gradient[end - like.size : end].reshape(like.shape))
        self._stack = self.device.empty((0, self.size))

    def train(self, order, division, rank, rates, tally, exchange=None):
        """Train on whole minibatches, of which this rank takes its share.

        exchange(stack, count) makes stack[0] the sum over all slices, of the first `count` rows that each rank has;
        stack (height, n) is a host array. Without it, this rank has all slices.
        """
        additions = division.additions(rank)
        height = max(division.depths(rank), default=0) + 1
        if len(self._stack) < height:
            self._stack = self.device.empty((height, self.size))
        for start in range(0, len(order), division.k):
            count = self._push_all(order, start, division, rank, additions, tally)
            if exchange is None:
                self.device.copy(self._gradient, self._row(0))
            else:
                stack = self.device.download(self._stack[: max(count, 1)])
                exchange(stack, count)
                self.device.assign(self._gradient, stack[0])
            self._update(rates)

    def _push_all(self, order, start, division, rank, additions, tally):
        """Push the gradients of the rank's slices onto the stack; return the number of sums that are left."""
        count = 0
        for number, times in enumerate(additions, start=division.share(rank)[0]):
            self._add_up(order, start, *division.examples(number, number + 1), division.k, tally)
            self.device.copy(self._row(count), self._gradient)
            count += 1
            for _ in range(times):
                count -= 1
                self.device.add(self._row(count - 1), self._row(count))
        return count

    def _row(self, i):
        return self._stack[i : i + 1].reshape((self.size,))

    def _add_up(self, order, start, first, last, k, tally):
        """The gradients of the examples from first to last of the minibatch that starts there; add to the tally."""
        network, space = self.network, self.stepper.space(last - first)
        self._load(order[start + first : start + last], space)
        for layer in network.layers:
            if layer.kind == "dropout":
                layer.first = first
        network.forward(space, network.updates)
        network.backward(space, SimpleNamespace(loss=tally.loss[first:last], correct=tally.correct[first:last]))
        for layer, slot in zip(network.layers, space.slots):
            if layer.weighted:
                layer.gradient(self.device, slot, k)

    def _load(self, order, space):
        data = self.stepper.data
        if isinstance(data, StreamedData):
            ((data, order),) = data.pieces(self.device.download(order), len(order))
        self.device.minibatch(data, order, 0, space.X, space.y)

    def _update(self, rates):
        network = self.network
        if rates.adam or network.counts_updates:
            self.device.advance(network.updates, 1)
        for layer in network.weighted:
            layer.step(self.device, rates, network.updates)
