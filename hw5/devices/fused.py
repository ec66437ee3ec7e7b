"""Training a small network by fused steps: three launches a step instead of eleven (kernels/small_network.cu).

Fused steps are faster where launches take longer than arithmetic; elsewhere cuBLAS multiplies faster. The limits below
were measured (docs/benchmarks.md). They depend on the settings only, so that the bits of a run do too.
"""

from hw5.devices.recorded import RecordedStepper

MOST_EXAMPLES = 512  # in a minibatch
MOST_PRODUCTS = 1 << 26  # of an example's feature and a weight, in a minibatch
MOST_CLASSES = 1024  # whose Z fits in the shared memory of every GPU


class FusedStepper(RecordedStepper):
    """Records and replays steps, which it fuses where the device, the network and the minibatches allow it."""

    def fuses(self, k):
        """Whether steps of k examples are fused: of a softmax classifier with at most one, elementwise hidden layer."""
        layers, loss = self.network.layers, self.network.loss
        small = k <= MOST_EXAMPLES and k * sum(layer.W.size for layer in layers) <= MOST_PRODUCTS
        simple = loss.name == "cross-entropy" and len(layers) <= 2 and layers[0].pieces == 1
        return self.device.fuses and simple and small and layers[-1].units <= MOST_CLASSES

    def how_with(self, batch_size):
        return self.how.replace("steps", "fused steps") if self.fuses(batch_size) else self.how

    def step(self, order, start, space, rates, tally):
        if not self.fuses(len(space.y)):
            return super().step(order, start, space, rates, tally)
        device, data, network = self.device, self.data, self.network
        *hidden, top = network.layers
        below = None
        for layer, slot in zip(hidden, space.slots):
            device.hidden_layer(data, order, start, layer, slot.X)
            below = slot, layer.theta
        device.output_layer(data, order, start, top, network.class_weights, tally, space.Z, below)
        if rates.adam:
            device.advance(network.updates, 1)
        device.update_layers(data, order, start, network.layers, space.slots, rates, network.updates)
