"""What hw5 doctor says of machines with this or that missing. No GPU is needed: the driver's library is replaced."""

import importlib.metadata
import os
import sys
from pathlib import Path

import pytest

from hw5.devices.cuda import requirements
from hw5.errors import InputError


class Driver:
    """The functions of libcuda that the requirements call."""

    def __init__(self, *gpus, version=13000, failure=0):
        self.gpus, self.version, self.failure = gpus, version, failure

    def cuInit(self, flags):
        return self.failure

    def cuDeviceGetCount(self, count):
        count._obj.value = len(self.gpus)

    def cuDriverGetVersion(self, version):
        version._obj.value = self.version

    def cuDeviceGet(self, device, ordinal):
        device._obj.value = 100 + ordinal  # a handle, not the ordinal

    def cuDeviceGetName(self, name, length, device):
        name.value = self.gpus[device.value - 100].encode()


@pytest.fixture
def install(monkeypatch, tmp_path):
    """install(driver, nvcc="13.0", headers=...) makes a machine; None for no driver or nvcc. It returns the toolkit."""

    def install(driver=None, nvcc="13.0", headers=("cuda.h", "curand.h"), cublas=(13, 1)):
        def open_library(name):
            if driver is None:
                raise InputError("no libcuda.so was found: install NVIDIA's driver")
            return driver

        toolkit = tmp_path / "toolkit"
        for folder in ("bin", "include"):
            (toolkit / folder).mkdir(parents=True)
        if nvcc:
            program = toolkit / "bin" / "nvcc"
            program.write_text(f"#!/bin/sh\necho 'Cuda compilation tools, release {nvcc}, V{nvcc}.1'\necho a build\n")
            program.chmod(0o755)
        for header in headers:
            (toolkit / "include" / header).touch()
        monkeypatch.setenv("PATH", f"{toolkit / 'bin'}{os.pathsep}{_without_nvcc()}")
        monkeypatch.setattr(requirements, "open_library", open_library)
        monkeypatch.setattr(requirements, "library_version", lambda: cublas)
        for module in ("requirements", "cublas"):
            monkeypatch.setattr(f"hw5.devices.cuda.{module}.toolkits", list)
        return toolkit

    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(requirements, "_WSL", tmp_path / "wsl")
    return install


def _without_nvcc():
    folders = os.environ["PATH"].split(os.pathsep)
    return os.pathsep.join(folder for folder in folders if not Path(folder, "nvcc").exists())


@pytest.fixture
def nothing_installed(monkeypatch):
    def version(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", version)


@pytest.fixture
def packages_not_imported():
    """PyCUDA and cuda-bindings are imported again in this test, and again after it."""

    def forget():
        names = [name for name in sys.modules if name.split(".")[0] in ("pycuda", "cuda")]
        return {name: sys.modules.pop(name) for name in names}

    before = forget()
    yield
    forget()
    sys.modules.update(before)


def problem_of(requirement):
    with pytest.raises(InputError) as caught:
        requirement()
    return str(caught.value)


# ---- the driver


def test_all_gpus_are_listed(install, monkeypatch):
    install(Driver("NVIDIA H200", version=12080))
    assert requirements.driver() == "NVIDIA H200, for CUDA up to 12.8"
    monkeypatch.setattr(requirements, "open_library", lambda name: Driver("NVIDIA H200", "NVIDIA T4"))
    assert requirements.driver() == "cuda:0 NVIDIA H200, cuda:1 NVIDIA T4, for CUDA up to 13.0"


@pytest.mark.parametrize("driver", [Driver(failure=100), Driver()], ids=["error 100", "a count of 0"])
def test_no_gpu_is_visible(install, monkeypatch, tmp_path, driver):
    install(driver)
    assert "shows no GPU: check that nvidia-smi -L lists it; a container" in problem_of(requirements.driver)
    (tmp_path / "wsl").mkdir()
    assert f"remove a driver for Linux, which hides that of Windows, and put {tmp_path}/wsl in LD_LIBRARY_PATH" in (
        problem_of(requirements.driver)
    )
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert "shows no GPU: CUDA_VISIBLE_DEVICES is ''; unset it, or" in problem_of(requirements.driver)


def test_a_driver_that_does_not_start(install):
    install(Driver("NVIDIA T4", failure=999))
    assert problem_of(requirements.driver).startswith("the driver does not start (CUDA error 999): reboot")


# ---- driver and toolkit


@pytest.mark.parametrize("nvcc", ["11.8", "12.0", "12.4", "12.9"])
def test_a_toolkit_of_the_same_major_version_or_an_older_one(install, nvcc):
    install(Driver("NVIDIA T4", version=12040), nvcc=nvcc, cublas=(12, 9))
    assert requirements.nvcc() == "a build" and requirements.cublas() == "12.9"


def test_a_toolkit_of_a_newer_major_version(install):
    install(Driver("NVIDIA T4", version=12040), nvcc="13.0")
    for requirement, what in (
        (requirements.nvcc, "nvcc is for CUDA 13.0"),
        (requirements.cublas, "cuBLAS is for CUDA 13.1"),
    ):
        text = problem_of(requirement)
        assert text.startswith(f"{what}, but the driver only supports CUDA up to 12.4: update the driver, or install")
        assert "toolkit of CUDA 12" in text


def test_without_a_driver_the_toolkit_is_not_blamed(install):
    install(None)
    assert requirements.nvcc() == "a build"


# ---- PyCUDA


def test_pycuda_can_be_built(install, nothing_installed):
    install()
    assert problem_of(requirements.pycuda) == "not installed: pip install 'hw5[cuda]'"


def test_pycuda_cannot_be_built_without_cuda_h(install, nothing_installed):
    toolkit = install(headers=())
    assert problem_of(requirements.pycuda) == (
        f"not installed: it must be compiled, and cuda.h is not in {toolkit}/include: install the CUDA toolkit with "
        "its headers; then pip install 'hw5[cuda]'"
    )


def test_pycuda_is_built_without_curand(install, nothing_installed):
    toolkit = install(headers=("cuda.h",))
    assert problem_of(requirements.pycuda) == (
        f"not installed: it must be compiled, and curand.h is not in {toolkit}/include, but hw5 does not need cuRAND: "
        "echo 'CUDA_ENABLE_CURAND = False' >> ~/.aksetup-defaults.py; pip install 'hw5[cuda]'"
    )


def test_pycuda_needs_nvcc(install, nothing_installed):
    install(nvcc=None)
    assert "it must be compiled, and --device cuda needs nvcc" in problem_of(requirements.pycuda)


def test_pycuda_looks_for_headers_beside_the_nvcc_on_path(install, nothing_installed, monkeypatch):
    toolkit = install()
    monkeypatch.setenv("PATH", _without_nvcc())
    for module in ("requirements", "cublas"):
        monkeypatch.setattr(f"hw5.devices.cuda.{module}.toolkits", lambda: [toolkit])
    assert problem_of(requirements.pycuda) == f"not installed: PATH={toolkit}/bin:$PATH pip install 'hw5[cuda]'"


@pytest.mark.parametrize(
    ("reason", "advice"),
    [
        ("libcuda.so.1: cannot open shared object file: No such file or directory", "install NVIDIA's driver"),
        ("undefined symbol: cuNew", "pip install --no-cache-dir --force-reinstall pycuda"),
    ],
)
def test_a_pycuda_that_does_not_load(install, packages_not_imported, monkeypatch, tmp_path, reason, advice):
    install()
    folder = tmp_path / "pycuda"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "driver.py").write_text(f"raise ImportError({reason!r})")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "2026.1")
    assert problem_of(requirements.pycuda) == f"it does not load ({reason}): {advice}"


# ---- graphs


def test_a_broken_cuda_bindings_is_named(packages_not_imported, monkeypatch, tmp_path):
    folder = tmp_path / "cuda" / "bindings"
    folder.mkdir(parents=True)
    (folder / "__init__.py").touch()
    (folder / "driver.py").write_text("raise RuntimeError('built for another Python')")
    monkeypatch.syspath_prepend(tmp_path)
    assert requirements.graphs() == (
        "cuda-bindings does not load (built for another Python), so steps are launched one by one; to record them: "
        "pip install --upgrade cuda-bindings"
    )


def test_without_cuda_bindings(packages_not_imported, monkeypatch):
    monkeypatch.setitem(sys.modules, "cuda", None)
    assert requirements.graphs().startswith("cuda-bindings is not installed, so steps are launched one by one")
