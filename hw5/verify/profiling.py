"""Profile hw5's kernels without a GPU: what each does to memory, against what it must move."""

from dataclasses import dataclass
from functools import partial

from hw5.devices.emulated import EmulatorRuntime
from hw5.devices.kernels import KernelDevice, kernel_sources
from hw5.emulator.profile import Profile
from hw5.errors import InputError
from hw5.verify import image_bench
from hw5.verify.bench import OPERATIONS, Arrays

SHAPE = (256, 128)
IMAGES = 8


@dataclass(frozen=True)
class KernelProfile:
    """A Profile of a kernel at a shape (rows, columns) or (k, h, w, c), and the bytes that a call must move."""

    profile: Profile
    shape: tuple[int, ...]
    nbytes: int


def profile_kernels(folder=None, shape=SHAPE):
    """Yield a KernelProfile of every kernel that a benchmark has, from the .cu files in a folder (default: hw5's own).

    The shape is that of all but the kernels for images, which take a few of LeNet's. Raises InputError if the folder
    has none of the kernels, or there is no compiler.
    """
    emulator = EmulatorRuntime(kernel_sources(folder), check=True, time_limit=600)
    emulator.print_to_stderr()
    if not emulator.kernels.keys() & (OPERATIONS.keys() | image_bench.OPERATIONS.keys()):
        raise InputError(f"{folder} has none of the kernels {', '.join((*OPERATIONS, *image_bench.OPERATIONS))}")
    device = KernelDevice("emulator", emulator)
    for name, its_shape, nbytes, call in (*_on_matrices(device, shape), *_on_images(device)):
        if name in emulator.kernels:
            yield KernelProfile(emulator.profile(name, call), its_shape, nbytes)


def _on_matrices(device, shape):
    """(kernel, shape, bytes, call) of the kernels for matrices."""
    arrays = Arrays(device, *shape)
    for name, (nbytes, call) in OPERATIONS.items():
        yield name, shape, nbytes(*shape), partial(call, arrays)


def _on_images(device):
    """The same of the kernels for images."""
    for name, (windows, bytes_of, call) in image_bench.OPERATIONS.items():
        arrays = image_bench.Images(device, IMAGES, windows[0])
        yield name, (IMAGES, *windows[0].image), IMAGES * bytes_of(windows[0]), partial(call, arrays)
