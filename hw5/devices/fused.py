"""Training a small network by fused steps: three launches instead of eleven (kernels/small_network.cu).

Fused steps are faster where launches take longer than arithmetic; elsewhere cuBLAS multiplies faster. The limits below
were measured (docs/benchmarks.md). They depend on the settings only, so that the bits of a run do too.
"""

from dataclasses import replace

import numpy as np

from hw5.devices.recorded import RecordedStepper

MOST_EXAMPLES = 512  # in a minibatch
MOST_PRODUCTS = 1 << 27  # of an example's feature and a weight, in a minibatch
MOST_OUTPUT_PRODUCTS = 1 << 24  # of them in the output layer, whose blocks have an example each
MOST_CLASSES = 1024  # whose Z fits in the shared memory of every GPU


def is_small(network):
    """Whether a network is a softmax classifier with at most one hidden layer, dense ones that are not maxout."""
    layers = network.layers
    is_dense = all(layer.kind == "dense" and layer.pieces == 1 for layer in layers)
    return network.loss.name == "cross-entropy" and len(layers) <= 2 and is_dense


class FusedStepper(RecordedStepper):
    """Records and replays steps, which it fuses where the device, the network and the minibatches allow it."""

    def __init__(self, network, data):
        super().__init__(network, data)
        self._fused = False
        self._eta = self.device.upload([0.0], np.float32)  # so that a recording stays valid when a schedule changes it

    def fuses(self, k):
        """Whether steps of k examples are fused."""
        layers = self.network.layers
        if not self.device.fuses or not is_small(self.network):
            return False
        top, products = layers[-1], k * sum(layer.W.size for layer in layers)
        is_narrow = top.units <= MOST_CLASSES and k * top.W.size <= MOST_OUTPUT_PRODUCTS
        return is_narrow and k <= MOST_EXAMPLES and products <= MOST_PRODUCTS

    def train(self, order, batch_size, rates, tally):
        self._fused = self.fuses(batch_size)  # the last minibatch too, though it may be smaller
        if self._fused:
            self.device.assign(self._eta, [rates.eta])
        super().train(order, batch_size, rates, tally)

    def recorded_rates(self, batch_size, rates):
        return replace(rates, eta=0.0) if self.fuses(batch_size) else rates

    def how_with(self, batch_size):
        return self.how.replace("steps", "fused steps") if self.fuses(batch_size) else self.how

    def step(self, order, start, space, rates, tally):
        if not self._fused:
            return super().step(order, start, space, rates, tally)
        device, data, network = self.device, self.data, self.network
        *hidden, top = network.layers
        below = None
        for layer, slot in zip(hidden, space.slots):
            device.hidden_layer(data, order, start, layer, slot.X)
            below = slot, layer.theta
        t, weights = network.updates, network.class_weights
        device.output_layer(data, order, start, top, weights, tally, space.Z, t, int(rates.adam), below)
        device.update_layers(data, order, start, network.layers, space.slots, rates, self._eta, t)
