"""What a contract is: an operation, its error against float64, and the shapes and values on which it is tested.

The error of a result is measured in units of float32's eps (1.2e-7) times a scale: the size of the operands, times the
square root of the number of terms for a reduction. Each formula states its scale; the tolerance is the same for all.
"""

from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np

from hw5.devices.windows import Window

TOLERANCE = 4.0  # in eps times the scale: expf and tanhf may be off by 2 eps, and a formula rounds a few more times
EPS = float(np.finfo(np.float32).eps)
SMALLEST = float(np.finfo(np.float32).tiny)  # below the smallest normal number, the absolute error counts


class Error(float):
    """The largest of some errors, in eps times the scale; its text shows the element."""

    def __new__(cls, errors, got, want):
        at = np.unravel_index(np.argmax(errors), errors.shape)
        self = super().__new__(cls, errors[at])
        self.element = f"[{', '.join(map(str, at))}] is {got[at]:.10g}, expected {want[at]:.10g}"
        return self

    def __str__(self):
        return self.element if np.isinf(self) else f"{self.element} (error {float(self):.3g} eps times the scale)"


def error(got, want, scale):
    """The Error of an array, infinite if its NaNs or infinities differ from the expected ones."""
    got, want, scale = np.broadcast_arrays(np.asarray(got, np.float64), want, scale)
    same = (got == want) | (np.isnan(got) & np.isnan(want))
    with np.errstate(invalid="ignore"):
        errors = np.maximum(abs(got - want) - SMALLEST, 0) / (EPS * scale + SMALLEST)
    errors = np.where(np.isfinite(got) & np.isfinite(want), errors, np.where(same, 0, np.inf))
    return Error(errors, got, want)


def error_of_integers(got, want):
    """An Error that is 0 if all elements are equal, else infinite."""
    got, want = np.broadcast_arrays(got, want)
    return Error(np.where(got == want, 0.0, np.inf), got, want)


class Workbench:
    """Puts the arrays of an operation on a device, some of them one element off alignment.

    unaligned: array i of an operation is one of them if bit i % 8 is set.
    """

    def __init__(self, device, rng, unaligned=0):
        self.device, self.rng, self.unaligned, self._count = device, rng, unaligned, 0

    def put(self, host, dtype=np.float32):
        """A device array with the values of host."""
        host, offset = np.asarray(host, dtype), self.unaligned >> self._count % 8 & 1
        self._count += 1
        padding = np.zeros(offset, dtype)
        return self.device.upload(np.concatenate([padding, host.ravel()]))[offset:].reshape(host.shape)

    @contextmanager
    def start(self, start):
        """Where a minibatch starts in the order: half of it in the device's memory, if it has such a counter."""
        first = getattr(self.device, "first", None)
        if first is None:
            yield start
            return
        self.device.assign(first, [start // 2])
        try:
            yield start - start // 2
        finally:
            self.device.assign(first, [0])

    def get(self, array):
        return self.device.download(array)

    def empty(self, *shape):
        """A device array for results, full of NaN."""
        return self.put(np.full(shape, np.nan))

    def tally(self, k):
        """A tally of k examples with nonzero sums, on the device, and its losses and numbers correct on the host."""
        loss, correct = self.rng.normal(size=k), self.rng.integers(0, 9, k)
        tally = SimpleNamespace(loss=self.put(loss, np.float64), correct=self.put(correct, np.float64))
        return tally, loss, correct


# -- test values


def _with_specials(*specials):
    def values(rng, shape):
        return np.where(rng.random(shape) < 0.2, rng.choice(specials, shape), rng.normal(size=shape))

    return values


def _at_two_places(first, second):
    """Normal numbers, but two others in each row i of m: at i mod m, and at another place."""

    def values(rng, shape):
        rows = rng.normal(size=shape).reshape(-1, shape[-1])
        i, m = np.arange(len(rows)), shape[-1]
        rows[i, (3 * i + 1) % m] = second
        rows[i, i % m] = first
        return rows.reshape(shape)

    return values


FINITE_VALUES = {
    "normal": lambda rng, shape: rng.normal(size=shape),
    "large": lambda rng, shape: rng.normal(size=shape) * 1e4,
    "outliers": lambda rng, shape: rng.normal(size=shape) * np.where(rng.random(shape) < 0.05, 1e3, 1),
    "negative": lambda rng, shape: -50 * rng.random(shape) - 1,
    "equal": lambda rng, shape: np.full(shape, 0.5),
    "ties": lambda rng, shape: rng.integers(-1, 2, shape),
    "denormal": lambda rng, shape: rng.normal(size=shape) * 1e-40,
    "two maxima": _at_two_places(9, 9),
    "kink": _with_specials(0, -0.0, 1e-7, -1e-7, 1e-30, -1e-30),
}
VALUES = FINITE_VALUES | {
    "one NaN": _at_two_places(np.nan, 1),
    "both infinities": _at_two_places(np.inf, -np.inf),
    "minus infinity": _with_specials(-np.inf),
    "infinity": _with_specials(np.inf, -np.inf),
    "NaN": _with_specials(np.nan),
    "NaN and infinity": _with_specials(np.nan, np.inf, -np.inf),
}


# -- a kernel and its test cases


ALL_ARRAYS = 0xFF
_PARTS = (0xAA, 0x55, 0xCC, 0x33, 0xF0, 0x0F)  # of any two of eight arrays, each is aligned alone in one of these


@dataclass(frozen=True)
class Case:
    """A test case: the shape (k, m) of an operation's matrix, its kind of values, and whether memory is awkward.

    An operation on images has a Window instead of m.
    """

    k: int
    m: int | Window
    values: str = "normal"
    few_blocks: bool = False  # grids and slabs so small that loops repeat
    unaligned: int = 0  # the arrays one element off alignment, as of a Workbench

    def __str__(self):
        shape = f"shape ({self.k}, {self.m})" if isinstance(self.m, int) else f"{self.k} images of {self.m}"
        which = {0: "", ALL_ARRAYS: ", unaligned"}.get(self.unaligned, ", unaligned in part")
        return f"{shape}, values: {self.values}{which}{', with few blocks' * self.few_blocks}"

    @property
    def seed(self):
        """Of its random numbers."""
        sizes = (self.m,) if isinstance(self.m, int) else self.m.numbers
        return (self.k, *sizes, self.few_blocks)


@dataclass(frozen=True)
class Contract:
    """A kernel, its file, the operation that launches it, and its test shapes and values."""

    kernel: str
    file: str
    operation: Callable
    shapes: tuple
    values: tuple
    optional: bool = False  # whether training works without it

    def cases(self):
        """Every shape with normal values, plain and awkward; then a few shapes with all kinds of values."""
        for k, m in self.shapes:
            yield Case(k, m)
            yield Case(k, m, few_blocks=True, unaligned=ALL_ARRAYS)
            if _has_packs(m):
                yield Case(k, m, few_blocks=True)
        for k, m in [shape for shape in self.shapes if _has_packs(shape[1])][:1]:
            yield from (Case(k, m, unaligned=part) for part in _PARTS)
        for values in self.values:
            for k, m in self.shapes[3::4]:
                yield Case(k, m, values)

    def run(self, device, case):
        """The largest error of a case, in eps times the scale."""
        return max(error for _, error in self.errors(device, case))

    def errors(self, device, case):
        """(name, error) for each array that the kernel writes; the head of its .cu file has the names."""
        rng = np.random.default_rng(case.seed)
        device.most_blocks, device.tallest_slab = (2, 8) if case.few_blocks else (4096, 1024)
        with np.errstate(all="ignore"):
            bench = Workbench(device, rng, case.unaligned)
            return list(self.operation(bench, case.k, case.m, VALUES[case.values]))


def _has_packs(m):
    """Whether packs of four are loaded from aligned rows of m numbers, or from the pixels of a Window."""
    return (m if isinstance(m, int) else m.image[2]) % 4 == 0
