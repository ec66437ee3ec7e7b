"""Profile hw5's kernels without a GPU: what each does to memory, against what it must move."""

from dataclasses import dataclass

from hw5.devices.emulated import EmulatorRuntime
from hw5.devices.kernels import KernelDevice, kernel_sources
from hw5.emulator.profile import Profile
from hw5.errors import InputError
from hw5.verify.bench import OPERATIONS, Arrays

SHAPE = (256, 128)


@dataclass(frozen=True)
class KernelProfile:
    """A Profile of a kernel at a shape (rows, columns), and the bytes that a call must move."""

    profile: Profile
    shape: tuple[int, int]
    nbytes: int


def profile_kernels(folder=None, shape=SHAPE):
    """Yield a KernelProfile of every kernel that a benchmark has, from the .cu files in a folder (default: hw5's own).

    Raises InputError if the folder has none of them, or there is no compiler.
    """
    emulator = EmulatorRuntime(kernel_sources(folder), check=True, time_limit=600)
    emulator.print_to_stderr()
    names = [name for name in OPERATIONS if name in emulator.kernels]
    if not names:
        raise InputError(f"{folder} has none of the kernels {', '.join(OPERATIONS)}")
    arrays = Arrays(KernelDevice("emulator", emulator), *shape)
    for name in names:
        nbytes, call = OPERATIONS[name]
        yield KernelProfile(emulator.profile(name, lambda: call(arrays)), shape, nbytes(*shape))
