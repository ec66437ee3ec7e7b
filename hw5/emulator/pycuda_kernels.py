"""The modules and kernels of pycuda._driver, and how arguments are packed for a launch."""

import json
import re
import sys

import numpy as np

from hw5.emulator import pycuda_basics as basics
from hw5.emulator.module import TYPES
from hw5.emulator.pycuda_basics import (
    LaunchError,
    LogicError,
)
from hw5.emulator.pycuda_enums import function_attribute


class Function:
    """A kernel. PyCUDA's driver.py adds the ways to call it, all of which end in _launch_kernel."""

    def __init__(self, emulator, kernel, texrefs):
        self._emulator, self._kernel, self._texrefs = emulator, kernel, texrefs

    def _set_block_shape(self, *block):
        pass

    def _launch_kernel(self, grid, block, arguments, shared, stream):
        codes, kernel = self._kernel.signature, self._kernel
        if len(codes) != len(arguments.items):
            raise LaunchError(f"{kernel.name} takes {len(codes)} arguments, but got {len(arguments.items)}")
        for texref in self._texrefs:
            texref.bind()
        values = [self._value(*each) for each in zip(range(1, 1 + len(codes)), codes, kernel.sizes, arguments.items)]
        try:
            self._emulator.launch(kernel.name, tuple(map(int, grid)), tuple(map(int, block)), values, int(shared))
        except basics.KernelFault as fault:
            raise LaunchError(str(fault)) from fault

    def _value(self, position, code, size, given):
        if len(given) != size:
            raise LaunchError(
                f"argument {position} of {self._kernel.name} must have {size} bytes, as {TYPES[code][1]}, not {len(given)}"
            )
        if code == "P":
            return int.from_bytes(given, "little")
        return given if code == "s" else np.frombuffer(given, TYPES[code][0])[0]

    def param_set_texref(self, texref):
        pass

    def set_cache_config(self, config):
        pass

    def get_attribute(self, attribute):
        known = {"MAX_THREADS_PER_BLOCK": 1024, "SHARED_SIZE_BYTES": self._kernel.static_shared}
        return known.get(function_attribute(attribute).name, 0)


class Module(basics.Module):
    """The kernels of a .cu file."""

    def get_function(self, name):
        return Function(self._emulator, super().get_function(name).kernel, self._texrefs)

    def get_surfref(self, name):
        raise LogicError("the emulator has no surface references of PyCUDA")


class _Packed(bytes):
    """Arguments as bytes; items has them one by one."""


def pack(types, *arguments):
    """The arguments of a kernel, of the types that struct and NumPy denote by these characters."""
    items = []
    for (count, code), argument in zip(re.findall(r"(\d*)([a-zA-Z?])", types), arguments):
        if code == "s":
            item = bytes(argument) if isinstance(argument, bytes) else np.asarray(argument).tobytes()
            items.append(item.ljust(int(count or 1), b"\0"))
        elif code == "P":
            items.append(int(argument).to_bytes(8, "little"))
        else:
            items.append(np.array(argument).astype(code).tobytes())
    packed = _Packed(b"".join(items))
    packed.items = items
    return packed


def calcsize(types):
    """Their bytes, without gaps."""
    return sum(
        int(count or 1) if code == "s" else 8 if code == "P" else np.dtype(code).itemsize
        for count, code in re.findall(r"(\d*)([a-zA-Z?])", types)
    )


def module_from_buffer(image, options=(), message_handler=None):
    """The Module of what compiled() returned."""
    try:
        found = json.loads(image)
    except ValueError:
        raise LogicError("the emulator loads CUDA C++ only, not what nvcc makes of it") from None
    try:
        return Module(*basics.compiled(found["source"], found["include_dirs"]))
    except basics.CompileError as error:
        raise sys.modules["pycuda.driver"].CompileError(str(error), []) from error


def module_from_file(name):
    with open(name, "rb") as file:
        return module_from_buffer(file.read())


# PyCUDA's reductions take the lanes of a warp to run in lockstep, which no GPU since Volta promises.
_LOCKSTEP = re.compile(r"smem\[tid\] = (REDUCE\(smem\[tid\], smem\[tid \+ \d+\]\));")
_IN_STEPS = r"{ out_type both = \1; __syncwarp(); smem[tid] = both; __syncwarp(); }"


def compiled(source, nvcc="nvcc", options=None, keep=False, no_extern_c=False, arch=None, code=None, cache_dir=None,
             include_dirs=(), target="cubin"):  # fmt: skip
    """In place of pycuda.compiler.compile: the source, with the macros of the options. nvcc is not needed."""
    import pycuda.compiler

    macros = [option[2:].replace("=", " ", 1) for option in options or () if option.startswith("-D")]
    folders = [option[2:] for option in options or () if option.startswith("-I")]
    lines = "".join(f"#define {macro}\n" for macro in macros) + "#line 1\n" * bool(macros)
    folders += [*(include_dirs or ()), pycuda.compiler._find_pycuda_include_path()]
    source = _LOCKSTEP.sub(_IN_STEPS, source)
    return json.dumps({"source": lines + source, "include_dirs": folders}).encode()
