import ctypes


def opened(name, versions=()):
    for file in (f"lib{name}.so", *(f"lib{name}.so.{version}" for version in versions)):
        try:
            return ctypes.cdll.LoadLibrary(file)
        except OSError:
            pass
    raise OSError(f"{name} library not found")


_libcudart = opened("cudart", (10.1, 10.0))
_libcudart.cudaGetErrorString.restype = ctypes.c_char_p
_libcuda = opened("cuda")
