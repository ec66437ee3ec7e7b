"""What a contract is: an operation, its error against float64, and the shapes and values on which it is tested.

The error of a result is measured in units of float32's eps (1.2e-7) times a scale: the size of the operands, times the
square root of the number of terms for a reduction. Each formula states its scale; the tolerance is the same for all.
"""

from collections.abc import Callable
from dataclasses import dataclass

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
    """Puts the arrays of an operation on a device; with an offset, they are not aligned."""

    def __init__(self, device, rng, offset=0):
        self.device, self.rng, self.offset = device, rng, offset

    def put(self, host, dtype=np.float32):
        """A device array with the values of host, offset elements after an aligned address."""
        host = np.asarray(host, dtype)
        padding = np.zeros(self.offset, dtype)
        return self.device.upload(np.concatenate([padding, host.ravel()]))[self.offset :].reshape(host.shape)

    def get(self, array):
        return self.device.download(array)

    def empty(self, *shape):
        """A device array for results, full of NaN."""
        return self.put(np.full(shape, np.nan))


# -- test values

FINITE_VALUES = {
    "normal": lambda rng, shape: rng.normal(size=shape),
    "large": lambda rng, shape: rng.normal(size=shape) * 1e4,
    "outliers": lambda rng, shape: rng.normal(size=shape) * np.where(rng.random(shape) < 0.05, 1e3, 1),
    "negative": lambda rng, shape: -50 * rng.random(shape) - 1,
    "equal": lambda rng, shape: np.full(shape, 0.5),
    "ties": lambda rng, shape: rng.integers(-1, 2, shape),
    "denormal": lambda rng, shape: rng.normal(size=shape) * 1e-40,
}


def _with_specials(*specials):
    def values(rng, shape):
        return np.where(rng.random(shape) < 0.2, rng.choice(specials, shape), rng.normal(size=shape))

    return values


VALUES = FINITE_VALUES | {
    "minus infinity": _with_specials(-np.inf),
    "infinity": _with_specials(np.inf, -np.inf),
    "NaN": _with_specials(np.nan),
    "NaN and infinity": _with_specials(np.nan, np.inf, -np.inf),
}


# -- a kernel and its test cases


@dataclass(frozen=True)
class Case:
    """A test case: the shape (k, m) of an operation's matrix, its kind of values, and whether memory is awkward.

    An operation on images has a Window instead of m.
    """

    k: int
    m: int | Window
    values: str = "normal"
    awkward: bool = False  # arrays one element off alignment, and grids and slabs so small that loops repeat

    def __str__(self):
        shape = f"shape ({self.k}, {self.m})" if isinstance(self.m, int) else f"{self.k} images of {self.m}"
        awkward = ", unaligned and with few blocks" if self.awkward else ""
        return f"{shape}, values: {self.values}{awkward}"

    @property
    def seed(self):
        """Of its random numbers."""
        sizes = (self.m,) if isinstance(self.m, int) else self.m.numbers
        return (self.k, *sizes, self.awkward)


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
        """Every shape with normal values, awkward or not; then a few shapes with all kinds of values."""
        for k, m in self.shapes:
            yield Case(k, m)
            yield Case(k, m, awkward=True)
        for values in self.values:
            for k, m in self.shapes[3::4]:
                yield Case(k, m, values)

    def run(self, device, case):
        """The largest error of a case, in eps times the scale."""
        return max(error for _, error in self.errors(device, case))

    def errors(self, device, case):
        """(name, error) for each array that the kernel writes; the head of its .cu file has the names."""
        rng = np.random.default_rng(case.seed)
        device.most_blocks, device.tallest_slab = (2, 8) if case.awkward else (4096, 1024)
        with np.errstate(all="ignore"):
            bench = Workbench(device, rng, int(case.awkward))
            return list(self.operation(bench, case.k, case.m, VALUES[case.values]))
