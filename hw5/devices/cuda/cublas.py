"""skcuda.cublas, helped through its import: scikit-cuda 0.5.3 with NumPy 2, CUDA 11 to 13, toolkit or wheels.

scikit-cuda is of 2019. What it says to cuBLAS is still right, but its import stumbles over seven things:

1. skcuda/version.py asks pkg_resources for its own version. setuptools 82 no longer has pkg_resources, and an
   older one refuses where any dependency lacks metadata. So skcuda.version is put in place beforehand.
2. skcuda/__init__.py uses pkg_resources too (with a deprecation warning), but does without where there is
   none. So pkg_resources is hidden during the import.
3. skcuda.misc and skcuda.linalg use names that NumPy 2 has dropped. So nothing but skcuda.cublas is imported.
4. It opens libcuda.so, libcudart.so and libcublas.so by these names, or by versions up to 10.1. Drivers
   install libcuda.so.1, and NVIDIA's wheels have libcublas.so.13 alone, in a folder that the loader does not
   search. So the libraries are found here, and opened for it.
5. For cuBLAS's version it runs ldconfig and objdump, and reads a major and a minor number from the soname.
   Today's sonames have no minor number (libcublas.so.12), and containers have no objdump; it then creates a
   cuBLAS context at import, before there may be one. So it is given a soname made of what cublasGetProperty
   says, which needs none.
6. Where pyelftools is installed it replaces objdump, in a way that Python 3 refuses. So it is hidden.
7. Newer Pythons warn of its escape sequences. So warnings are off during the import.

cublasSetMathMode and cublasSetWorkspace are younger than scikit-cuda; they are called here, in the library
that it opened.
"""

import contextlib
import ctypes
import importlib
import importlib.metadata
import os
import sys
import types
import warnings
from pathlib import Path

from hw5.errors import InputError

NOT_INSTALLED = "--device cuda needs PyCUDA and scikit-cuda: pip install 'hw5[cuda]', or use --device cpu"
MATH_MODES = {"fp32": 0, "tf32": 3}  # CUBLAS_DEFAULT_MATH and CUBLAS_TF32_TENSOR_OP_MATH

# Names for the loader to look up, best first; the unversioned one may be a stub for linking
_BY_LOADER = ("lib{}.so.13", "lib{}.so.12", "lib{}.so.11", "lib{}.so.11.0", "lib{}.so")
_ADVICE = {
    "cuda": "install NVIDIA's driver",
    "cudart": "set CUDA_HOME to a CUDA toolkit, or install the library by pip install nvidia-cuda-runtime",
    "cublas": "set CUDA_HOME to a CUDA toolkit, or install the library by pip install nvidia-cublas",
}


def load():
    """The module skcuda.cublas. Raises InputError where scikit-cuda or one of CUDA's libraries is missing."""
    with _hidden("pkg_resources", "elftools"), _libraries_opened(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            version = types.ModuleType("skcuda.version")
            version.__version__ = importlib.metadata.version("scikit-cuda")
            sys.modules.setdefault("skcuda.version", version)
            utils = importlib.import_module("skcuda.utils")
            with _replaced(utils, find_lib_path=lambda name: name, get_soname=_soname):
                return importlib.import_module("skcuda.cublas")
        except ModuleNotFoundError as error:  # also when there is no metadata of scikit-cuda
            raise InputError(NOT_INSTALLED) from error


def set_math_mode(blas, handle, mode):
    """cublasSetMathMode, whose mode is one of MATH_MODES; blas is what load() returns, as below."""
    blas.cublasCheckStatus(blas._libcublas.cublasSetMathMode(ctypes.c_void_p(handle), ctypes.c_int(mode)))


def set_workspace(blas, handle, address, nbytes):
    """cublasSetWorkspace. To be called after cublasSetStream, which takes a workspace away again."""
    memory = ctypes.c_void_p(address), ctypes.c_size_t(nbytes)
    try:
        blas.cublasCheckStatus(blas._libcublas.cublasSetWorkspace_v2(ctypes.c_void_p(handle), *memory))
    except AttributeError as error:
        raise InputError("this cuBLAS has no cublasSetWorkspace: install CUDA 12 or newer") from error


def toolkits():
    """Folders with CUDA's programs in bin or libraries in lib64 or lib: what the user names, then others."""
    return [*_named(), *_installed()]


def _named():
    return [Path(os.environ[name]) for name in ("CUDA_HOME", "CUDA_PATH", "CUDA_ROOT") if os.environ.get(name)]


def _installed():
    """NVIDIA's wheels (nvidia/cu13; for CUDA 11 and 12 nvidia/cublas and others), conda, the usual place."""
    wheels = [folder for entry in sys.path for folder in sorted(Path(entry, "nvidia").glob("*"))]
    return [*wheels, Path(sys.prefix), Path("/usr/local/cuda")]


def open_library(name):
    """CUDA's library of this name ("cuda", "cudart" or "cublas"), opened.

    The user's toolkit comes first, then what the loader finds (LD_LIBRARY_PATH, ldconfig, what is open
    already), then other installations. Raises InputError where there is none, with the loader's words on
    those that do not load.
    """
    refusals = []
    for candidate in _candidates(name):
        try:
            return ctypes.CDLL(str(candidate))
        except OSError as error:
            if isinstance(candidate, Path):
                refusals.append(str(error))
    found = f"lib{name}.so does not load ({'; '.join(refusals)})" if refusals else f"no lib{name}.so was found"
    raise InputError(f"{found}: {_ADVICE[name]}")


def _candidates(name):
    """Paths, and names for the loader to look up."""
    if name == "cuda":  # the driver is in no toolkit but as a stub
        return ["libcuda.so.1", "libcuda.so"]
    by_loader = [pattern.format(name) for pattern in _BY_LOADER]
    return [*_files(name, _named()), *by_loader, *_files(name, _installed())]


def _files(name, folders):
    return [
        file for folder in folders for lib in ("lib64", "lib") for file in sorted(folder.glob(f"{lib}/lib{name}.so*"))
    ]


def library_version():
    """cuBLAS's (major, minor) version."""
    library = open_library("cublas")
    numbers = ctypes.c_int(), ctypes.c_int()
    for which, number in enumerate(numbers):  # MAJOR_VERSION and MINOR_VERSION of libraryPropertyType
        library.cublasGetProperty(ctypes.c_int(which), ctypes.byref(number))
    return tuple(number.value for number in numbers)


def _soname(_):
    """libcublas's soname as it was in 2019: with the minor number."""
    return "libcublas.so.{}.{}".format(*library_version())


@contextlib.contextmanager
def _libraries_opened():
    """ctypes.cdll.LoadLibrary opens CUDA's libraries where they are, asked for by unversioned names."""
    names = {f"lib{name}.so": name for name in _ADVICE}
    original = ctypes.cdll.LoadLibrary
    with _replaced(
        ctypes.cdll, LoadLibrary=lambda file: open_library(names[file]) if file in names else original(file)
    ):
        yield


@contextlib.contextmanager
def _replaced(owner, **attributes):
    before = {name: getattr(owner, name) for name in attributes}
    vars(owner).update(attributes)
    try:
        yield
    finally:
        vars(owner).update(before)


@contextlib.contextmanager
def _hidden(*modules):
    """An import of these modules fails, as if they were not installed."""
    before = {name: sys.modules[name] for name in modules if name in sys.modules}
    sys.modules.update(dict.fromkeys(modules))  # None says: not to be had
    try:
        yield
    finally:
        for name in modules:
            del sys.modules[name]
        sys.modules.update(before)
