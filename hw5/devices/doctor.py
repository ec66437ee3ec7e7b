"""What each device requires, and whether it is installed."""

import importlib.metadata
import platform
import subprocess
from collections.abc import Callable
from dataclasses import dataclass

from hw5.errors import InputError


@dataclass(frozen=True)
class Finding:
    """One requirement of a device: what is installed, or what is wrong and how to repair it."""

    device: str
    requirement: str
    ok: bool
    text: str


def _python():
    return f"{platform.python_version()} on {platform.system()} {platform.machine()}"


def _numpy():
    import numpy

    return numpy.__version__


def _compiler():
    from hw5.compiler import find_compiler

    return _version_lines(find_compiler().path)[0]


def _step():
    """Optional: without it, training is slower."""
    from hw5.devices.native import open_cpu

    return open_cpu().how


def _driver():
    """The name of the GPU, and the newest CUDA that the driver supports."""
    import ctypes

    from hw5.devices.cuda.cublas import open_library

    cuda = open_library("cuda")
    failure = cuda.cuInit(0)
    if failure:
        raise InputError(
            f"the driver does not start (CUDA error {failure}): reboot, or reinstall the driver for this kernel"
        )
    count, version, name = ctypes.c_int(), ctypes.c_int(), ctypes.create_string_buffer(256)
    cuda.cuDeviceGetCount(ctypes.byref(count))
    if not count.value:
        raise InputError("the driver shows no GPU: check CUDA_VISIBLE_DEVICES")
    cuda.cuDriverGetVersion(ctypes.byref(version))
    cuda.cuDeviceGetName(name, len(name), 0)
    return f"{name.value.decode()}, for CUDA up to {version.value // 1000}.{version.value % 1000 // 10}"


def _nvcc():
    from hw5.devices.cuda.runtime import find_nvcc

    return _version_lines(find_nvcc().path)[-1]


def _version(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError as error:
        raise InputError("not installed: pip install 'hw5[cuda]'") from error


def _pycuda():
    version = _version("pycuda")
    try:
        import pycuda.driver  # noqa: F401
    except ImportError as error:
        raise InputError(f"it does not load ({error}): pip install --no-cache-dir --force-reinstall pycuda") from error
    return version


def _cublas():
    from hw5.devices.cuda.cublas import library_version

    return ".".join(map(str, library_version()))


def _skcuda():
    from hw5.devices.cuda.cublas import load

    version = _version("scikit-cuda")
    load()
    return version


def _graphs():
    """Optional: without it, training is slower."""
    try:
        return _version("cuda-bindings")
    except InputError:
        return "not installed, so steps are launched one by one; to record them: pip install cuda-bindings"


# The requirements of each device, in the order in which they depend on each other
REQUIREMENTS: dict[str, list[tuple[str, Callable[[], str]]]] = {
    "cpu": [("Python", _python), ("NumPy", _numpy), ("training step", _step)],
    "numpy": [("Python", _python), ("NumPy", _numpy)],
    "emulator": [("C++ compiler", _compiler)],
    "cuda": [
        ("driver and GPU", _driver),
        ("nvcc", _nvcc),
        ("PyCUDA", _pycuda),
        ("cuBLAS", _cublas),
        ("scikit-cuda", _skcuda),
        ("CUDA graphs", _graphs),
    ],
}


def examine(device):
    """Yield a Finding for each requirement of a device."""
    for requirement, check in REQUIREMENTS[device]:
        try:
            yield Finding(device, requirement, True, check())
        except InputError as error:
            yield Finding(device, requirement, False, str(error))


def first_failure(device):
    """The Finding of the first requirement that is not met, or None; later ones are not checked."""
    return next((finding for finding in examine(device) if not finding.ok), None)


def _version_lines(program):
    """The lines that a program prints for --version."""
    return subprocess.run([program, "--version"], capture_output=True, text=True).stdout.strip().splitlines() or ["?"]
