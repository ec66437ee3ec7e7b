"""What a GPU requires: each function returns what is installed, or raises InputError with what to do."""

import ctypes
import importlib.metadata
import os
import re
import shutil
from pathlib import Path

from hw5.compiler import version_lines
from hw5.devices.cuda.bindings import why_no_bindings
from hw5.devices.cuda.cublas import library_version, load, open_library, toolkits
from hw5.devices.cuda.nvcc import find_nvcc
from hw5.errors import InputError

_NO_DEVICE = 100  # CUDA_ERROR_NO_DEVICE
_WSL = Path("/usr/lib/wsl/lib")  # where Windows puts the driver's libraries


def driver():
    """The GPUs, and the newest CUDA that the driver supports."""
    names = gpus()
    found = names[0] if len(names) == 1 else ", ".join(f"cuda:{ordinal} {name}" for ordinal, name in enumerate(names))
    return f"{found}, for CUDA up to {_dotted(_driver_version())}"


def gpus():
    """The names of the GPUs, as CUDA lists them. Raises InputError if there is none."""
    cuda = open_library("cuda")
    failure, count = cuda.cuInit(0), ctypes.c_int()
    if failure not in (0, _NO_DEVICE):
        raise InputError(
            f"the driver does not start (CUDA error {failure}): reboot, or reinstall the driver for this kernel"
        )
    cuda.cuDeviceGetCount(ctypes.byref(count))
    if failure or not count.value:
        raise InputError(f"the driver shows no GPU: {_why_no_gpu()}")
    return [_gpu_name(cuda, ordinal) for ordinal in range(count.value)]


def _gpu_name(cuda, ordinal):
    device, name = ctypes.c_int(), ctypes.create_string_buffer(256)
    cuda.cuDeviceGet(ctypes.byref(device), ordinal)
    cuda.cuDeviceGetName(name, len(name), device)
    return name.value.decode(errors="replace")


def _why_no_gpu():
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return f"CUDA_VISIBLE_DEVICES is {visible!r}; unset it, or set it to the number of a GPU of nvidia-smi -L"
    if _WSL.exists():
        return f"on WSL2, remove a driver for Linux, which hides that of Windows, and put {_WSL} in LD_LIBRARY_PATH"
    return "check that nvidia-smi -L lists it; a container must be started with its GPUs (docker run --gpus all)"


def _driver_version():
    """(major, minor) of the newest CUDA that the driver supports."""
    version = ctypes.c_int()
    open_library("cuda").cuDriverGetVersion(ctypes.byref(version))
    return version.value // 1000, version.value % 1000 // 10


def _require_driver_for(version, what):
    """Raise InputError if the driver is too old for a CUDA version. A newer minor version works with it."""
    try:
        newest = _driver_version()
    except InputError:  # a Finding of its own
        return
    if version[0] > newest[0]:
        raise InputError(
            f"{what} is for CUDA {_dotted(version)}, but the driver only supports CUDA up to {_dotted(newest)}: update "
            f"the driver, or install the toolkit of CUDA {newest[0]}, put its bin on PATH and set CUDA_HOME to it"
        )


def _dotted(version):
    return ".".join(map(str, version))


def nvcc():
    """The build of CUDA's compiler."""
    lines = version_lines(find_nvcc().path)
    release = re.search(r"release (\d+)\.(\d+)", " ".join(lines))
    if release:
        _require_driver_for(tuple(map(int, release.groups())), "nvcc")
    return lines[-1]


def _version(package, advice="pip install 'hw5[cuda]'"):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError as error:
        raise InputError(f"not installed: {advice}") from error


def pycuda():
    """The version of PyCUDA, which loads."""
    version = _version("pycuda", how_to_build_pycuda())
    try:
        import pycuda.driver  # noqa: F401
    except ImportError as error:
        no_driver = "libcuda.so.1: cannot open" in str(error)
        advice = "install NVIDIA's driver" if no_driver else "pip install --no-cache-dir --force-reinstall pycuda"
        raise InputError(f"it does not load ({error}): {advice}") from error
    return version


def cuda_headers():
    """The folder of cuda.h, in the toolkit of nvcc or another. Raises InputError if there is none, or no nvcc."""
    nvcc = Path(find_nvcc().path)
    folders = [toolkit / "include" for toolkit in (nvcc.parents[1], nvcc.resolve().parents[1], *toolkits())]
    found = next((folder for folder in folders if (folder / "cuda.h").is_file()), None)
    if found is None:
        raise InputError(f"cuda.h is not in {folders[0]}: install the CUDA toolkit with its headers")
    return found


def how_to_build_pycuda():
    """The command that builds PyCUDA here, after what its compilation would miss."""
    try:
        headers = cuda_headers()
    except InputError as error:
        return f"it must be compiled, and {error}; then pip install 'hw5[cuda]'"
    command, programs = "pip install 'hw5[cuda]'", headers.parent / "bin"
    if Path(shutil.which("nvcc") or "").parent != programs:  # whose folder is where PyCUDA looks for its headers
        command = f"PATH={programs}:$PATH {command}"
    if not (headers / "curand.h").is_file():
        command = f"echo 'CUDA_ENABLE_CURAND = False' >> ~/.aksetup-defaults.py; {command}"
        return f"it must be compiled, and curand.h is not in {headers}, but hw5 does not need cuRAND: {command}"
    return command


def cublas():
    """The version of cuBLAS."""
    version = library_version()
    _require_driver_for(version, "cuBLAS")
    return _dotted(version)


def skcuda():
    """The version of scikit-cuda, which loads."""
    version = _version("scikit-cuda")
    load()
    return version


def graphs():
    """The version of cuda-bindings. It is optional: without it, training is slower."""
    reason = why_no_bindings()
    if reason:
        return f"{reason}, so steps are launched one by one; to record them: pip install --upgrade cuda-bindings"
    return _version("cuda-bindings")
