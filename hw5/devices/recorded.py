"""Training by steps that are recorded once and replayed: a CUDA graph on a GPU, a list of calls in the emulator."""

from hw5.devices.stepper import Stepper

STEPS_IN_A_RECORDING = 16


class RecordedStepper(Stepper):
    """Replays recorded steps down the order, if the runtime can record; the others run one by one."""

    def __init__(self, network, data):
        super().__init__(network, data, network.device.how)
        self._replay, self._recorded = None, None  # the recording, and what it was made for

    def train(self, order, batch_size, rates, tally):
        device, arguments = self.device, (order.memory, batch_size, rates, tally)
        if len(order) >= batch_size and self._recorded != (arguments, self.space(batch_size)):
            # The first step runs as it is: it makes all buffers and loads all kernels, which a recording cannot do
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
        """Steps down the memory of the order, from *first on; they end with *first where the next ones start."""
        n = STEPS_IN_A_RECORDING * batch_size
        super().train(order.from_start(n), batch_size, rates, tally)
        self.device.advance(self.device.first, n)
