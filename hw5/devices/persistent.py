"""Training a small network by one launch for many steps (kernels/small_epoch.cu)."""

from hw5.devices.fused import is_small
from hw5.devices.stepper import Stepper
from hw5.devices.streaming import StreamedData
from hw5.errors import InputError

MOST_STEPS = 1024  # in a launch: a display's driver ends kernels that take seconds


class PersistentStepper(Stepper):
    """Trains a small network on data in the device's memory. Raises InputError for others."""

    def __init__(self, network, data):
        if not is_small(network):
            raise _refusal("a softmax classifier with at most one hidden layer, dense and not maxout")
        if isinstance(data, StreamedData):
            raise _refusal("data that fits into the memory of the GPU")
        super().__init__(network, data, "a persistent kernel")
        self.arithmetic = self.arithmetic.replace("the CUDA kernels", "the persistent CUDA kernel")  # on any GPU
        self._parts = None

    def launch(self, k):
        """The EpochLaunch for minibatches of k examples, also if fewer are left.

        Raises InputError if it does not fit.
        """
        m1, *m2 = (layer.units for layer in self.network.layers)
        launch, fits = self.device.epoch_launch(self.data.X.dtype, k, self.network.features, m1, *m2 or (0,))
        if not fits:
            raise _refusal(
                f"room for {launch.blocks:,} blocks with {launch.shared / 1024:.0f} KB of shared memory at the same "
                "time"
            )
        return launch

    def how_with(self, batch_size):
        self.launch(self._k(batch_size))
        return self.how

    def _k(self, batch_size):
        """The number of examples in a minibatch.

        It determines the bits, so it is that of the data, not of a stretch.
        """
        return min(batch_size, len(self.data.y))

    def train(self, order, batch_size, rates, tally):
        n, k, network = len(order), self._k(batch_size), self.network
        layers, weights, t = network.layers, network.class_weights, network.updates
        launch, space = self.launch(k), self.space(k)
        if self._parts is None or self._parts.size < launch.parts:
            self._parts = self.device.empty((launch.parts,))
        for start in range(0, n, MOST_STEPS * k):
            part = order[start : start + MOST_STEPS * k]
            self.device.train_small(
                self.data, part, k, launch, layers, space.slots, weights, rates, tally, t, self._parts
            )
            if rates.adam:
                self.device.advance(t, -(-len(part) // k))


def _refusal(needs):
    return InputError(f"--persistent needs {needs}; leave it out")
