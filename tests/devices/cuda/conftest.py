"""Fixtures that replace a GPU and the packages that use it by a simulation."""

import importlib
import os
import sys
from pathlib import Path

import pytest

from hw5 import cache
from hw5.devices.cuda import contexts
from hw5.devices.kernels import kernel_sources

DOUBLE = Path(__file__).parent / "double"
PACKAGES = ("pycuda", "skcuda", "cuda", "simulated_gpu")


def _loaded():
    return [name for name in sys.modules if name.split(".")[0] in PACKAGES]


@pytest.fixture
def simulated(monkeypatch, tmp_path):
    """Install the simulated packages; simulated(**settings) creates a new GPU and returns it."""
    real = {name: sys.modules.pop(name) for name in _loaded()}
    monkeypatch.syspath_prepend(DOUBLE)
    _use_other_nvcc(monkeypatch, tmp_path)
    monkeypatch.setattr(contexts, "_contexts", contexts._Contexts())  # a real GPU may be open
    try:
        yield importlib.import_module("simulated_gpu").install
    finally:
        for name in _loaded():
            del sys.modules[name]
        sys.modules.update(real)


def _use_other_nvcc(monkeypatch, tmp_path):
    """Put a nvcc that fails if it is run on PATH, and use a separate cache for its output."""
    nvcc = tmp_path / "bin" / "nvcc"
    nvcc.parent.mkdir()
    nvcc.write_text("#!/bin/sh\nexit 1\n")
    nvcc.chmod(0o755)
    monkeypatch.setenv("PATH", f"{nvcc.parent}{os.pathsep}{os.environ['PATH']}")

    def cached(*args):
        with monkeypatch.context() as here:
            here.setenv("HW5_CACHE", str(tmp_path / "cache"))
            return cache.cached(*args)

    monkeypatch.setattr("hw5.devices.cuda.nvcc.cached", cached)


@pytest.fixture
def gpu(simulated):
    """A simulated GPU. After the test, nothing may be left on it."""
    gpu = simulated()
    yield gpu
    assert (gpu.contexts, gpu.handles, gpu.graphs, gpu.allocations) == ([], {}, {}, {})
    assert "dropped context" not in gpu.order


@pytest.fixture
def runtime(gpu):
    """A PyCudaRuntime with hw5's kernels on it."""
    from hw5.devices.cuda.runtime import PyCudaRuntime

    runtime = PyCudaRuntime(kernel_sources())
    yield runtime
    runtime.close()
