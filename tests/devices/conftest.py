"""Fixtures of the devices of this machine."""

import pytest

from hw5.devices import open_device
from hw5.devices.cpu import CpuDevice
from hw5.errors import InputError


def _open(name):
    try:
        return open_device(name)
    except InputError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session", params=["cpu", "numpy", "emulator", "cuda"])
def device(request):
    """A device by name, float32."""
    return _open(request.param)


@pytest.fixture(scope="session", params=["cpu", "emulator", "cuda"])
def other(request):
    """A device other than the NumPy reference."""
    return _open(request.param)


@pytest.fixture(scope="session", params=["emulator", "cuda"])
def launching(request):
    """A device that launches kernels."""
    return _open(request.param)


@pytest.fixture(scope="session")
def reference():
    """The NumPy device in float64."""
    return CpuDevice("float64")
