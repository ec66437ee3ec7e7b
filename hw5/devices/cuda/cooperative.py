"""Cooperative launches on a GPU: kernels whose blocks wait for each other."""

import ctypes

from hw5.devices.cuda.bindings import checked, why_no_bindings
from hw5.errors import InputError


class CooperativeKernels:
    """Kernels whose blocks wait for each other, launched by cuda-bindings, because PyCUDA cannot.

    code: of a module, which is loaded again at the first use, because PyCUDA does not show its handles.
    """

    def __init__(self, code, ordinal):
        self._code, self._ordinal = code, ordinal
        self._bindings, self._module, self._functions = None, None, {}

    def resident_blocks(self, kernel, threads, shared):
        """The number of blocks that can be resident, 0 if the GPU has no cooperative launches or less shared memory."""
        function = self._function(kernel)
        device = self._call("cuDeviceGet", self._ordinal)

        def query(name):
            attribute = getattr(self._bindings.CUdevice_attribute, f"CU_DEVICE_ATTRIBUTE_{name}")
            return self._call("cuDeviceGetAttribute", attribute, device)

        static = self._call("cuFuncGetAttribute", _of_functions(self._bindings, "SHARED_SIZE_BYTES"), function)
        if not query("COOPERATIVE_LAUNCH") or static + shared > query("MAX_SHARED_MEMORY_PER_BLOCK_OPTIN"):
            return 0
        self._allow(function, shared)
        each = self._call("cuOccupancyMaxActiveBlocksPerMultiprocessor", function, threads, shared)
        return each * query("MULTIPROCESSOR_COUNT")

    def launch(self, kernel, grid, block, args, shared, stream):
        """Launch a kernel in the stream with this handle."""
        function = self._function(kernel)
        self._allow(function, shared)
        values = tuple(value if type(value) is int else value.item() for value in args)
        types = tuple(ctypes.c_void_p if type(value) is int else _CTYPES[value.dtype.char] for value in args)
        sizes = (*grid, 1, 1)[:3] + (*block, 1, 1)[:3]
        its_stream = self._bindings.CUstream(stream)
        self._call("cuLaunchCooperativeKernel", function, *sizes, shared, its_stream, (values, types))

    def close(self):
        if self._module is not None:
            self._bindings.cuModuleUnload(self._module)

    def _function(self, kernel):
        if self._module is None:
            if reason := why_no_bindings():
                raise InputError(f"--persistent needs cuda-bindings: {reason}")
            from cuda.bindings import driver

            self._bindings = driver
            self._module = self._call("cuModuleLoadData", self._code)
        if kernel not in self._functions:
            self._functions[kernel] = self._call("cuModuleGetFunction", self._module, kernel.encode())
        return self._functions[kernel]

    def _allow(self, function, shared):
        """Over 48 KB of shared memory must be asked for."""
        self._call(
            "cuFuncSetAttribute", function, _of_functions(self._bindings, "MAX_DYNAMIC_SHARED_SIZE_BYTES"), shared
        )

    def _call(self, name, *arguments):
        return checked(self._bindings, getattr(self._bindings, name)(*arguments))


_CTYPES = {"i": ctypes.c_int, "f": ctypes.c_float}


def _of_functions(bindings, name):
    return getattr(bindings.CUfunction_attribute, f"CU_FUNC_ATTRIBUTE_{name}")
