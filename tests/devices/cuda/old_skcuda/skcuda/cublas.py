import ctypes
import re

from . import cuda, utils

_libcublas = cuda.opened("cublas", (10.1, 10.0))


def cublasCreate():
    handle = ctypes.c_void_p()
    cublasCheckStatus(_libcublas.cublasCreate_v2(ctypes.byref(handle)))
    return handle.value


def cublasCheckStatus(status):
    if status:
        raise RuntimeError(status)


def _get_cublas_version():
    path = utils.find_lib_path("cublas")
    try:
        major, minor = re.search(r"[\D\.]+\.+(\d+)\.(\d+)", utils.get_soname(path)).groups()
    except Exception:
        cublasCreate()
        return "0"
    return major.ljust(len(major) + 1, "0") + minor.ljust(2, "0")


_cublas_version = int(_get_cublas_version())
