"""Training by recorded steps: a CUDA graph on a GPU, a list of calls in the emulator."""

from hw5.devices.stepper import Stepper

STEPS_AT_ONCE = (16, 1)  # in a recording: many, for few launches, and one at a time for what is left of a stretch


class RecordedStepper(Stepper):
    """Replays recorded steps, or makes them one by one if the runtime cannot record."""

    def __init__(self, network, data):
        super().__init__(network, data, network.device.how)
        self._key, self._recordings = None, {}  # the recordings, and what all of them depend on
        self._made = set()  # the sizes of the minibatches of which a step was made

    def train(self, order, batch_size, rates, tally):
        key = order.memory, self.recorded_rates(batch_size, rates), tally, self.space(batch_size)
        if self._key != key:
            self._key, self._recordings = key, {}
        whole, rest = divmod(len(order), batch_size)
        self.device.assign(self.device.first, [order.offset])
        self._minibatches(order, whole, batch_size, rates, tally)
        self._minibatches(order, min(rest, 1), rest, rates, tally)
        self.device.assign(self.device.first, [0])

    def recorded_rates(self, batch_size, rates):
        """What a recording of steps depends on in the rates."""
        return rates

    def _minibatches(self, order, count, k, rates, tally):
        """Train on the next `count` minibatches of k examples, from first[0] on in the order's memory."""

        def make(steps):
            super(RecordedStepper, self).train(order.from_start(steps * k), k, rates, tally)
            self.device.advance(self.device.first, steps * k)

        if count and k not in self._made:  # it allocates buffers and loads kernels, which a recording cannot do
            self._made.add(k)
            count -= 1
            make(1)
        for steps in STEPS_AT_ONCE:
            times, count = divmod(count, steps)
            replay = self._recording(steps, k, make) if times else None
            for _ in range(times):
                replay()

    def _recording(self, steps, k, make):
        """A function that makes steps: a recording if possible."""
        if (steps, k) not in self._recordings:
            self._recordings[steps, k] = self.device.record(lambda: make(steps)) or (lambda: make(steps))
        return self._recordings[steps, k]
