"""What each device needs, and whether it is there: link by link, so that a broken chain shows the link to mend."""

import importlib.metadata
import platform
import subprocess
from collections.abc import Callable
from dataclasses import dataclass

from hw5.errors import InputError


@dataclass(frozen=True)
class Finding:
    """One link of a device's chain: what was found, or what is wrong and what mends it."""

    device: str
    link: str
    is_whole: bool
    text: str


def _python():
    return f"{platform.python_version()} on {platform.system()} {platform.machine()}"


def _numpy():
    import numpy

    return numpy.__version__


def _compiler():
    from hw5.compiler import find_compiler

    return _said(find_compiler().path)[0]


def _step():
    """Not needed, but faster with."""
    from hw5.devices import open_device

    return open_device("cpu").description


def _driver():
    """The driver's library loads and shows a GPU: its name, and the newest CUDA that the driver knows."""
    import ctypes

    from hw5.devices.cuda.cublas import open_library

    cuda = open_library("cuda")
    failure = cuda.cuInit(0)
    if failure:
        raise InputError(
            f"the driver does not start (CUDA error {failure}): reboot, or install the driver of this kernel again"
        )
    count, version, name = ctypes.c_int(), ctypes.c_int(), ctypes.create_string_buffer(256)
    cuda.cuDeviceGetCount(ctypes.byref(count))
    if not count.value:
        raise InputError("the driver shows no GPU: see what CUDA_VISIBLE_DEVICES says")
    cuda.cuDriverGetVersion(ctypes.byref(version))
    cuda.cuDeviceGetName(name, len(name), 0)
    return f"{name.value.decode()}, for CUDA up to {version.value // 1000}.{version.value % 1000 // 10}"


def _nvcc():
    from hw5.devices.cuda.runtime import find_nvcc

    return _said(find_nvcc().path)[-1]


def _version(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError as error:
        raise InputError("it is not installed: pip install 'hw5[cuda]'") from error


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
    """Not needed, but faster with."""
    try:
        return _version("cuda-bindings")
    except InputError:
        return "not installed, so steps are launched one by one; to have them recorded: pip install cuda-bindings"


# device: its links, in the order in which one needs the other
CHAINS: dict[str, list[tuple[str, Callable[[], str]]]] = {
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
    """A Finding for every link of a device."""
    for link, look in CHAINS[device]:
        try:
            yield Finding(device, link, True, look())
        except InputError as error:
            yield Finding(device, link, False, str(error))


def broken_link(device):
    """The first broken link of a device, or None where it is whole; looks no further than that."""
    return next((finding for finding in examine(device) if not finding.is_whole), None)


def _said(program):
    """The lines that a program prints about its version."""
    return subprocess.run([program, "--version"], capture_output=True, text=True).stdout.strip().splitlines() or ["?"]
