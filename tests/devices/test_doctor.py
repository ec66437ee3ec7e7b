"""The doctor: each link of a chain is named, the first broken one explains the device, and auto follows it."""

import pytest

from hw5.devices import doctor, open_device
from hw5.devices.doctor import REQUIREMENTS, first_failure, examine
from hw5.errors import InputError


def whole():
    return "1.0"


def broken():
    raise InputError("it is not there: fetch it")


def must_not_be_asked():
    raise AssertionError


@pytest.fixture
def chains(monkeypatch):
    def use(**replacements):
        for device, chain in replacements.items():
            monkeypatch.setitem(REQUIREMENTS, device, chain)

    return use


def test_every_link_is_examined_but_no_more_than_needed_to_find_a_broken_one(chains):
    chains(cuda=[("a", whole), ("b", broken), ("c", whole)])
    assert [(finding.requirement, finding.ok) for finding in examine("cuda")] == [("a", True), ("b", False), ("c", True)]
    chains(cuda=[("a", whole), ("b", broken), ("c", must_not_be_asked)])
    assert first_failure("cuda").text == "it is not there: fetch it"
    assert first_failure("cpu") is None


def test_auto_is_the_cpu_where_cuda_is_not_whole(chains):
    chains(cuda=[("nvcc", broken)])
    assert open_device("auto").name == "cpu"


def test_a_missing_compiler_breaks_the_emulator_alone(monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)
    assert "apt install g++" in first_failure("emulator").text and first_failure("cpu") is None


def test_missing_packages_are_named_with_what_mends_them(monkeypatch):
    monkeypatch.setattr(
        doctor.importlib.metadata,
        "version",
        lambda name: (_ for _ in ()).throw(doctor.importlib.metadata.PackageNotFoundError(name)),
    )
    texts = {finding.requirement: finding.text for finding in examine("cuda")}
    assert texts["PyCUDA"] == texts["scikit-cuda"] == "not installed: pip install 'hw5[cuda]'"
    assert "one by one" in texts["CUDA graphs"]


def test_tf32_is_refused_elsewhere_than_on_cuda(chains):
    chains(cuda=[("nvcc", broken)])
    for name in ("auto", "cpu", "emulator"):
        with pytest.raises(InputError, match="--precision tf32 needs --device cuda"):
            open_device(name, "tf32")
