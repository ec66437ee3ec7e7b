"""Training on several ranks: rank 0 trains, and at every stretch of an epoch has the others train their share of it.

All have the same weights, optimiser state and data, which rank 0 gives them. It alone reads, evaluates, prints and
saves.
"""

import signal
from dataclasses import dataclass
from time import monotonic

import numpy as np

from hw5.datasets.mapped import read_ahead
from hw5.devices import open_device
from hw5.devices.base import Tally
from hw5.devices.cuda.requirements import gpus
from hw5.devices.division import Division
from hw5.devices.doctor import first_failure
from hw5.devices.slices import SlicedStepper, slices_of
from hw5.errors import InputError
from hw5.text import counted

_PATIENCE = 0.5  # seconds in which a launcher's signal to all ranks has reached rank 0


@dataclass(frozen=True)
class _Mapped:
    """Features that are mapped from a file: where they are in it."""

    path: str
    dtype: np.dtype
    offset: int
    shape: tuple[int, ...]

    @classmethod
    def of(cls, X):
        return cls(X.filename, X.dtype, X.offset, X.shape)

    def open(self):
        """Map them here. Raises InputError if there is no such file."""
        try:
            return np.memmap(self.path, self.dtype, "r", self.offset, self.shape)
        except (OSError, ValueError) as error:
            raise InputError(
                f"{self.path} cannot be read there: {error}; it must be the same file for all ranks"
            ) from error


class RankedStepper(SlicedStepper):
    """A SlicedStepper of rank 0, whose minibatches all ranks share. Raises InputError if another cannot take part."""

    _told = False  # whether the others have the state of the network

    def __init__(self, stepper, slices, ranks, plan, data):
        """data: the arguments of Device.upload_data."""
        super().__init__(stepper, slices)
        self._ranks = ranks
        X, *others = data
        is_mapped = isinstance(X, np.memmap) and X.filename is not None and X.flags.c_contiguous
        with ranks.undivided():
            ranks.tell(("begin", plan, _Mapped.of(X) if is_mapped else None, others))
            if not is_mapped:
                ranks.copy_of(X)
            answers = ranks.gather(None)
        _require_all(answers)

    def how_with(self, batch_size):
        return f"{super().how_with(batch_size)}, {counted(self._ranks.size, 'rank')}"

    def idle(self, batch_size):
        """A sentence on the ranks that have no share of the minibatches, or None."""
        slices, ranks = Division(batch_size, self.slices).slices, self._ranks.size
        if slices >= ranks:
            return None
        return (
            f"minibatches of {batch_size} have {counted(slices, 'slice')}, so {ranks - slices} of {ranks} ranks "
            f"{'has' if ranks - slices == 1 else 'have'} nothing to do; use fewer ranks or a larger --batch-size"
        )

    def train_whole(self, order, k, rates, tally):
        ranks, sums = self._ranks, tally.sums()
        with ranks.undivided():
            rows, division = self.device.download(order), Division(k, self.slices, ranks.size)
            ranks.tell(("train", rows, k, rates, sums, None if self._told else self._state()))
            _train_share(self._by_slices, ranks, order, rows, division, rates, tally)
            answers = ranks.gather((slice(0), None, None))
        self._told, sums = True, tally.sums()
        for places, its_sums, _ in answers[1:]:
            sums[:, places] = its_sums
        tally.restore(sums)
        for signum in {signum for *_, signum in answers if signum}:
            if signal.getsignal(signum) != signal.SIG_DFL:  # as after the first one
                signal.raise_signal(signum)

    def _state(self):
        """The arguments of Network.assign."""
        network, (updates,) = self.network, self.device.download(self.network.updates).tolist()
        return network.parameters(), network.velocities(), network.squares(), updates


def _train_share(by_slices, ranks, order, rows, division, rates, tally):
    """Train a rank's share of the minibatches in an order, of the device, and the same as host array rows."""
    first, last = division.examples(*division.share(ranks.rank))
    read_ahead(by_slices.stepper.data.X, rows.reshape(-1, division.k)[:, first:last].ravel())
    exchange = None if ranks.size == 1 else lambda stack, count: ranks.add_up(stack, count, division)
    by_slices.train(order, division, ranks.rank, rates, tally, exchange)


def open_on_ranks(ranks, name, precision, threads):
    """Rank 0's Device, after all have opened theirs. Raises InputError if a rank cannot, or would round differently."""
    with ranks.undivided():
        ranks.tell(("open", name, precision, threads))
        its_threads, number = ranks.threads(threads), ranks.number_here()
    try:
        device = open_here(name, precision, its_threads, number)
    finally:
        answers = ranks.gather(None)
    _require_all(answers, device.arithmetic)
    device.ranks = ranks
    return device


def open_here(name, precision, threads, number):
    """A rank's device; cuda is the GPU with the number of the rank among those of its machine, around and around."""
    if name == "auto" and number and not first_failure("cuda"):
        name = "cuda"
    if name == "cuda" and number:
        name = f"cuda:{number % len(gpus())}"
    return open_device(name, precision, threads)


def _require_all(answers, arithmetic=None):
    """Raise InputError if another rank answers with one, or with another arithmetic."""
    for rank, answer in list(enumerate(answers))[1:]:
        if isinstance(answer, InputError):
            raise InputError(f"rank {rank}: {answer}")
        if answer != arithmetic:
            raise InputError(
                f"rank {rank} would compute by {answer}, and rank 0 by {arithmetic}, with other rounding errors; "
                "choose a --device that all have"
            )


class Worker:
    """Does what rank 0 tells, at another rank."""

    def __init__(self, ranks):
        self._ranks, self._device, self._signal = ranks, None, None

    def serve(self):
        """Until rank 0 says that it is the end. A signal is for rank 0, which stops all; SIGKILL is the launcher's."""
        for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(signum, self._note)
        while (message := self._ranks.hear()) is not None:
            getattr(self, message[0])(*message[1:])

    def _note(self, signum, frame):
        self._signal = self._signal or (signum, monotonic())

    def open(self, name, precision, threads):
        """Open the device."""
        its_threads, number = self._ranks.threads(threads), self._ranks.number_here()

        def opened():
            self._device = open_here(name, precision, its_threads, number)
            return self._device.arithmetic

        self._answer(opened)

    def begin(self, plan, mapped, others):
        """Make the network, and take or map the data."""
        X = self._ranks.copy_of(None) if mapped is None else None

        def ready():
            network = plan.on(self._device)
            data = self._device.upload_data(mapped.open() if mapped else X, *others)
            self._slices, self._count = slices_of(self._device.stepper(network, data)), plan.settings.slices
            self._network = network

        self._answer(ready)

    def _answer(self, work):
        """Do work() and answer with what it returns, or its InputError."""
        try:
            answer = work()
        except InputError as error:
            answer = error
        self._ranks.gather(answer)

    def train(self, rows, k, rates, sums, state):
        """Train a share of minibatches of k examples, and answer with its part of the tally."""
        ranks, device, division = self._ranks, self._device, Division(k, self._count, self._ranks.size)
        if state:
            self._network.assign(*state)
        tally = Tally(device, sums.shape[1])
        tally.restore(sums)
        with np.errstate(all="ignore"):
            order = device.upload(rows, device.index_dtype)
            _train_share(self._slices, ranks, order, rows, division, rates, tally)
        places = slice(*division.examples(*division.share(ranks.rank)))
        ranks.gather((places, tally.sums()[:, places], self._asked_to_stop()))

    def _asked_to_stop(self):
        """The signal that this rank alone has got, or None."""
        signum, since = self._signal or (None, 0)
        return signum if monotonic() - since > _PATIENCE else None
