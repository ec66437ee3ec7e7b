"""ctypes declarations of interface.h, and the runtime library."""

import ctypes
import functools
from ctypes import POINTER, Structure, c_bool, c_char, c_char_p, c_int, c_int64, c_uint, c_uint64, c_void_p

from hw5.emulator.build import runtime_library
from hw5.errors import InputError

ORDERS = ("forward", "reverse", "random", "warps")  # enum class Order
MAX_FRAMES = 8


class Index(Structure):
    """uint3"""

    _fields_ = [("x", c_uint), ("y", c_uint), ("z", c_uint)]

    def __str__(self):
        return f"({self.x},{self.y},{self.z})"


class Site(Structure):
    _fields_ = [("file", c_char_p), ("line", c_int)]


class Party(Structure):
    _fields_ = [
        ("block", Index),
        ("thread", Index),
        ("access", c_int),
        ("site", Site),
        ("frame_count", c_int),
        ("frames", c_uint64 * MAX_FRAMES),
    ]


class Fault(Structure):
    _fields_ = [
        ("kind", c_int),
        ("divergence", c_int),
        ("party", Party),
        ("other", Party),
        ("address", c_uint64),
        ("size", c_uint64),
        ("space", c_int),
        ("array", c_char * 64),
        ("offset", c_int64),
        ("array_size", c_uint64),
        ("waiting", c_int),
        ("waiting_elsewhere", c_int),
        ("exited", c_int),
        ("threads", c_int),
        ("mask", c_uint),
        ("lane", c_int),
        ("text", c_char * 256),
    ]


class KernelEntry(Structure):
    _fields_ = [
        ("name", c_char_p),
        ("signature", c_char_p),
        ("targets", c_char_p),
        ("sizes", POINTER(c_uint)),
        ("offsets", POINTER(c_uint)),
        ("site", Site),
        ("run", c_void_p),
        ("cooperative", c_bool),
    ]


class ModuleTable(Structure):
    """The beginning of hw5::Module; Python does not use the rest."""

    _fields_ = [
        ("kernels", POINTER(KernelEntry)),
        ("kernel_count", c_int),
        ("swaps", c_bool),
        ("about", c_char_p),
    ]


class Runtime:
    """The runtime of a mode. It runs one launch at a time, because calls hold Python's global interpreter lock."""

    def __init__(self, library):
        try:
            functions = ctypes.PyDLL(str(library))
        except OSError as error:
            raise InputError(f"the emulator's runtime does not load: {error}") from error

        def function(name, result, *arguments):
            foreign = functions[name]
            foreign.restype, foreign.argtypes = result, arguments
            return foreign

        self.load = function("hw5_load", c_void_p, c_void_p)
        self.declare = function("hw5_declare", c_uint64, c_void_p, c_char_p, c_int, c_uint64, c_uint64)
        self.print_to_stderr = function("hw5_print_to_stderr", None, c_int)
        self.allocate = function("hw5_allocate", c_void_p, c_uint64, c_char_p)
        self.release = function("hw5_release", None, c_void_p)
        self.profile = function("hw5_profile", c_int, c_void_p, c_uint64)
        self.profiled = function("hw5_profiled", None, c_void_p)
        self.written = function("hw5_written", None, c_uint64)
        self.note = function("hw5_note", POINTER(Fault))
        self.contains = function("hw5_contains", c_int, c_uint64, c_uint64)
        self.launch = function("hw5_launch", POINTER(Fault), c_void_p)


@functools.cache
def load_runtime(library):
    """The Runtime of a library, loaded once per process."""
    return Runtime(library)


def runtime_of(mode):
    """The Runtime of a mode, compiled if necessary."""
    return load_runtime(runtime_library(mode))
