"""The driver without a GPU uses the emulator's headers, and so must follow them where PyCUDA is not installed, too."""

from tests.devices.cuda.driver import machine


def test_driver_compiles_without_pycuda(compiler, tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "_used_by_scikit_cuda", lambda name: set())
    monkeypatch.setattr(machine, "_linked_by_pycuda", set)
    (tmp_path / "lib64").mkdir()
    machine._build_library(tmp_path, "cuda", "libcuda.so.1")
    assert (tmp_path / "lib64" / "libcuda.so.1").exists()
