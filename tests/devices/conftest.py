"""Fixtures of the devices of this machine."""

import pytest

from hw5.compiler import CompileError
from hw5.devices import native, open_device
from hw5.devices.cpu import CpuDevice
from hw5.devices.native import CompiledDevice
from hw5.errors import InputError


def _open(name):
    """The device of a name; "emulator fused" fuses the steps of small networks, "emulator" never does."""
    name, _, fused = name.partition(" ")
    try:
        device = open_device(name)
    except CompileError:
        raise  # hw5's own kernels compile wherever there is a compiler
    except InputError as error:
        pytest.skip(str(error))
    device.fuses = bool(fused)
    return device


@pytest.fixture(scope="session", params=["cpu", "numpy", "emulator", "cuda"])
def device(request):
    """A device by name, float32."""
    return _open(request.param)


@pytest.fixture(scope="session", params=["cpu", "numpy", "emulator", "emulator fused", "cuda", "cuda fused"])
def training(request):
    """A device by name, float32, and whether it fuses steps."""
    return _open(request.param)


@pytest.fixture(scope="session", params=["cpu", "emulator", "emulator fused", "cuda", "cuda fused"])
def other(request):
    """A device other than the NumPy reference."""
    return _open(request.param)


@pytest.fixture(scope="session", params=["emulator", "emulator fused", "cuda", "cuda fused"])
def launching(request):
    """A device that launches kernels."""
    return _open(request.param)


@pytest.fixture(scope="session")
def reference():
    """The NumPy device in float64."""
    return CpuDevice("float64")


@pytest.fixture(scope="module", params=[1, 2, 3], ids="threads-{}".format)
def compiled(request):
    """The compiled device with this number of threads, also for small minibatches."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(native, "_FLOPS_PER_THREAD", 1)
        try:
            yield CompiledDevice(request.param)
        except InputError as error:
            pytest.skip(str(error))
