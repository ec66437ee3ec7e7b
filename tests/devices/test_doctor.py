"""The doctor: it lists all requirements, the first failure explains why a device is unusable, and auto uses it."""

import pytest

from hw5.devices import open_device
from hw5.devices.doctor import REQUIREMENTS, examine, first_failure
from hw5.errors import InputError


def met():
    return "1.0"


def missing():
    raise InputError("not installed: install it")


def must_not_be_checked():
    raise AssertionError


@pytest.fixture
def require(monkeypatch):
    """require(cuda=[...]) replaces the requirements of a device."""

    def replace(**requirements):
        for device, its_requirements in requirements.items():
            monkeypatch.setitem(REQUIREMENTS, device, its_requirements)

    return replace


def test_all_requirements_are_examined_but_first_failure_stops_at_the_first(require):
    require(cuda=[("a", met), ("b", missing), ("c", met)])
    assert [(finding.requirement, finding.ok) for finding in examine("cuda")] == [
        ("a", True),
        ("b", False),
        ("c", True),
    ]
    require(cuda=[("a", met), ("b", missing), ("c", must_not_be_checked)])
    assert first_failure("cuda").text == "not installed: install it"
    assert first_failure("cpu") is None


def test_auto_is_the_cpu_if_a_requirement_of_cuda_is_missing(require):
    require(cuda=[("nvcc", missing)])
    assert open_device("auto").name == "cpu"


def test_a_missing_compiler_only_affects_the_emulator(monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)
    assert "apt install g++" in first_failure("emulator").text and first_failure("cpu") is None


def test_tf32_needs_cuda(require):
    require(cuda=[("nvcc", missing)])
    for name in ("auto", "cpu", "emulator"):
        with pytest.raises(InputError, match="--precision tf32 needs --device cuda"):
            open_device(name, "tf32")
