"""Import skcuda.cublas: scikit-cuda 0.5.3 with NumPy 2 and CUDA 11 to 13, from a toolkit or wheels.

scikit-cuda is from 2019. Its calls of cuBLAS still work, but its import fails for seven reasons:

1. skcuda/version.py gets its version from pkg_resources. setuptools 82 no longer has pkg_resources, and older ones fail
   if any dependency lacks metadata. So skcuda.version is created first.
2. skcuda/__init__.py uses pkg_resources too (with a deprecation warning), but only if it is installed. So pkg_resources
   is hidden during the import.
3. skcuda.misc and skcuda.linalg use names that NumPy 2 has removed. So only skcuda.cublas is imported.
4. It opens libcuda.so, libcudart.so and libcublas.so by these names, or with versions up to 10.1. Drivers install
   libcuda.so.1, and NVIDIA's wheels only have libcublas.so.13, in a folder that the loader does not search. So the
   libraries are located and opened here.
5. For cuBLAS's version it runs ldconfig and objdump, and parses a major and a minor number from the soname. Current
   sonames have no minor number (libcublas.so.12), and containers have no objdump; it then creates a cuBLAS context at
   import, when there may be no CUDA context yet. So it is given a soname with the version from cublasGetProperty, which
   needs no context.
6. If pyelftools is installed, it is used instead of objdump, in a way that fails in Python 3. So it is hidden.
7. Newer versions of Python warn about its escape sequences. So warnings are ignored during the import.

cublasSetMathMode and cublasSetWorkspace are newer than scikit-cuda; they are called here in the library that it opened.
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

NOT_INSTALLED = (
    "--device cuda needs PyCUDA and scikit-cuda, which are not both installed: hw5 doctor says how to install them; or "
    "use --device cpu"
)
MATH_MODES = {"fp32": 0, "tf32": 3}  # CUBLAS_DEFAULT_MATH and CUBLAS_TF32_TENSOR_OP_MATH

# File names for the loader, best first; the unversioned one may be a stub for linking
_BY_LOADER = ("lib{}.so.13", "lib{}.so.12", "lib{}.so.11", "lib{}.so.11.0", "lib{}.so")
_ADVICE = {
    "cuda": "install NVIDIA's driver",
    "cudart": "set CUDA_HOME to a CUDA toolkit, or install the library by pip install nvidia-cuda-runtime",
    "cublas": "set CUDA_HOME to a CUDA toolkit, or install the library by pip install nvidia-cublas",
}


def load():
    """Import and return skcuda.cublas. Raises InputError if scikit-cuda or one of CUDA's libraries is missing."""
    with _hidden("pkg_resources", "elftools"), _libraries_opened(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            version = types.ModuleType("skcuda.version")
            version.__version__ = importlib.metadata.version("scikit-cuda")
            sys.modules.setdefault("skcuda.version", version)
            utils = importlib.import_module("skcuda.utils")
            with _replaced(utils, find_lib_path=lambda name: name, get_soname=_soname):
                return importlib.import_module("skcuda.cublas")
        except ModuleNotFoundError as error:  # also if scikit-cuda has no metadata
            raise InputError(NOT_INSTALLED) from error
        except AttributeError as error:  # a library without a function
            raise InputError(f"scikit-cuda does not load ({error}): install CUDA 12 or newer") from error


def set_math_mode(blas, handle, mode):
    """Call cublasSetMathMode with a value of MATH_MODES; blas is what load() returned, as below."""
    blas.cublasCheckStatus(blas._libcublas.cublasSetMathMode(ctypes.c_void_p(handle), ctypes.c_int(mode)))


def set_workspace(blas, handle, address, nbytes):
    """Call cublasSetWorkspace, after cublasSetStream, which resets the workspace."""
    memory = ctypes.c_void_p(address), ctypes.c_size_t(nbytes)
    try:
        blas.cublasCheckStatus(blas._libcublas.cublasSetWorkspace_v2(ctypes.c_void_p(handle), *memory))
    except AttributeError as error:
        raise InputError("this cuBLAS has no cublasSetWorkspace: install CUDA 12 or newer") from error


def toolkits():
    """Folders with CUDA's programs in bin or libraries in lib64 or lib: those that the user set, then others."""
    return [*_named(), *_installed()]


def _named():
    return [Path(os.environ[name]) for name in ("CUDA_HOME", "CUDA_PATH", "CUDA_ROOT") if os.environ.get(name)]


def _installed():
    """NVIDIA's wheels (nvidia/cu13; for CUDA 11 and 12 nvidia/cublas and others), conda, and /usr/local/cuda."""
    wheels = [folder for entry in sys.path for folder in sorted(Path(entry, "nvidia").glob("*"))]
    return [*wheels, Path(sys.prefix), Path("/usr/local/cuda")]


def open_library(name):
    """Open CUDA's library of this name: "cuda", "cudart" or "cublas".

    The user's toolkit comes first, then what the loader finds (LD_LIBRARY_PATH, ldconfig, what is already open), then
    other installations. Raises InputError if there is none, with the loader's messages for files that do not load.
    """
    failures = []
    for candidate in _candidates(name):
        try:
            return ctypes.CDLL(str(candidate))
        except OSError as error:
            if isinstance(candidate, Path):
                failures.append(str(error))
    reason = f"lib{name}.so does not load ({'; '.join(failures)})" if failures else f"no lib{name}.so was found"
    raise InputError(f"{reason}: {_ADVICE[name]}")


def _candidates(name):
    """Paths, and file names for the loader."""
    if name == "cuda":  # toolkits only have a stub of the driver
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
    """The soname of libcublas as in 2019, with the minor number."""
    return "libcublas.so.{}.{}".format(*library_version())


@contextlib.contextmanager
def _libraries_opened():
    """Make ctypes.cdll.LoadLibrary open CUDA's libraries by their unversioned names."""
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
    """Make imports of these modules fail, as if they were not installed."""
    before = {name: sys.modules[name] for name in modules if name in sys.modules}
    sys.modules.update(dict.fromkeys(modules))  # None makes an import fail
    try:
        yield
    finally:
        for name in modules:
            del sys.modules[name]
        sys.modules.update(before)
