"""The compiled step by slices of the minibatches (hw5/devices/slices.py)."""

import numpy as np

from hw5.devices.native.job import EXCHANGE, address


class CompiledSlices:
    """Trains a CompiledStepper's network by slices, many minibatches in one call."""

    def __init__(self, stepper):
        self.stepper, self.network, self.how = stepper, stepper.network, stepper.how
        self.size = sum(array.size for layer in stepper.network.weighted for array in (layer.W, layer.b))
        self._stack = np.empty((0, self.size), np.float32)

    def train(self, order, division, rank, rates, tally, exchange=None):
        """As NetworkSlices.train."""
        additions, depths = (np.array(a, np.int64) for a in (division.additions(rank), division.depths(rank)))
        height = max(depths, default=0) + 1
        if len(self._stack) < height:
            self._stack = np.empty((height, self.size), np.float32)
        failures, count = [], len(division.sums(rank))

        def exchange_sums():
            try:
                exchange(self._stack, count)
            except BaseException as error:  # which C++ cannot pass on
                failures.append(error)
            return len(failures)

        call = EXCHANGE(exchange_sums) if exchange else EXCHANGE()
        share = division.examples(*division.share(rank))
        sliced = {"slice": division.size, "additions": address(additions), "depths": address(depths), "exchange": call}
        sliced |= {"share_begin": share[0], "share_end": share[1], "sums": address(self._stack), "stride": self.size}
        job = self.stepper.job
        for name, value in sliced.items():
            setattr(job, name, value)
        try:
            self.stepper.train(order, division.k, rates, tally)
        except MemoryError:
            if failures:
                raise failures[0] from None
            raise
        finally:
            job.slice = job.share_begin = 0
