"""Fixtures: the devices of this machine, for the slides that print numbers."""

import pytest

from hw5.devices import open_device
from hw5.errors import InputError


@pytest.fixture(scope="session", params=["cpu", "emulator", "cuda"])
def device(request):
    """A device by name, float32."""
    try:
        return open_device(request.param)
    except InputError as error:
        pytest.skip(str(error))
