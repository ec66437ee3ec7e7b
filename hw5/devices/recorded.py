"""Training by recorded steps: a CUDA graph on a GPU, a list of calls in the emulator."""

from hw5.devices.stepper import Stepper

STEPS_IN_A_RECORDING = 16


class RecordedStepper(Stepper):
    """Replays recorded steps if the runtime can record; the rest run step by step."""

    def __init__(self, network, data):
        super().__init__(network, data, network.device.how)
        self._replay, self._recorded = None, None  # the recording, and the arguments that it is valid for

    def train(self, order, batch_size, rates, tally):
        device, arguments = self.device, (order.memory, batch_size, rates, tally)
        if len(order) >= batch_size and self._recorded != (arguments, self.space(batch_size)):
            # The first step is not recorded: it allocates buffers and loads kernels, which a recording cannot do
            super().train(order[:batch_size], batch_size, rates, tally)
            device.advance(device.first, 0)
            order = order[batch_size:]
            self._replay = device.record(lambda: self._recorded_steps(order, batch_size, rates, tally))
            self._recorded = (arguments, self.space(batch_size))
        replays = len(order) // (STEPS_IN_A_RECORDING * batch_size)
        if self._replay and replays:
            device.assign(device.first, [order.offset])
            for _ in range(replays):
                self._replay()
            device.assign(device.first, [0])
            order = order[replays * STEPS_IN_A_RECORDING * batch_size :]
        super().train(order, batch_size, rates, tally)

    def _recorded_steps(self, order, batch_size, rates, tally):
        """Train on the examples from first[0] in the order's memory, and advance first[0] beyond them."""
        n = STEPS_IN_A_RECORDING * batch_size
        super().train(order.from_start(n), batch_size, rates, tally)
        self.device.advance(self.device.first, n)
