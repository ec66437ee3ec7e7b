"""CUDA kernels on the CPU: unmodified .cu files, compiled for this machine and run one thread after another.

In *check* mode every access to memory is examined: data races, out-of-bounds and misaligned accesses, reads of
uninitialised shared memory, divergent barriers and endless loops are reported by file and line.
"""

import ctypes
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from hw5.compiler import CompileError, with_includes
from hw5.emulator.build import CHECK, FAST, module_library
from hw5.emulator.faults import KernelFault, kernel_fault
from hw5.emulator.memory import Memory
from hw5.emulator.module import Kernel, Module
from hw5.emulator.runtime import ORDERS, runtime_of
from hw5.errors import InputError

__all__ = ["CompileError", "Emulator", "Kernel", "KernelFault", "Memory"]

CHECK_TIME_LIMIT = 10.0  # seconds


class Emulator:
    """Compiles .cu files for this CPU and launches their kernels.

    sources: paths of the files, each a module of its own; what they include in quotes is found beside them.
    check: examine every access. order: "forward", "reverse", "random", or "warps" (random, a warp at a time), the
    last two from a seed. time_limit: seconds a launch may take, None for no limit (10 s in check mode).
    order, seed and time_limit can be set again at any time. kernels: the Kernel of each name.

    Raises InputError where there is no compiler, CompileError with the compiler's lines.
    """

    def __init__(self, sources, check=False, order="forward", seed=0, time_limit=None):
        self.check = check
        self.order, self.seed = order, seed
        self.time_limit = CHECK_TIME_LIMIT if check and time_limit is None else time_limit
        mode = CHECK if check else FAST
        sources = [Path(source).resolve() for source in sources]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            runtime = pool.submit(runtime_of, mode)
            libraries = list(pool.map(lambda source: module_library(source, mode), sources))
            self._runtime = runtime.result()
        self._modules = [
            Module(library, with_includes(source), self._runtime) for source, library in zip(sources, libraries)
        ]
        self.kernels = {}
        for module in self._modules:
            for kernel in module.kernels:
                self._add(kernel)

    def _add(self, kernel):
        other = self.kernels.setdefault(kernel.name, kernel)
        if other is not kernel:
            raise InputError(
                f"the kernel {kernel.name} is in two files, {other.source} and {kernel.source}: rename one of them"
            )

    @property
    def order(self):
        """In which order threads and blocks run."""
        return ORDERS[self._order]

    @order.setter
    def order(self, order):
        if order not in ORDERS:
            raise ValueError(f"order is one of {', '.join(ORDERS)}, not {order!r}")
        self._order = ORDERS.index(order)

    def allocate(self, nbytes, name=""):
        """Device memory, 256-byte aligned and full of NaN; the name is for reports."""
        return Memory(self._runtime, int(nbytes), name)

    def write(self, address, host):
        """Copy a C-contiguous host array to the device."""
        self._check_copy(address, host)
        ctypes.memmove(address, host.ctypes.data, host.nbytes)

    def read(self, address, host):
        """Copy from the device to a C-contiguous host array."""
        self._check_copy(address, host)
        ctypes.memmove(host.ctypes.data, address, host.nbytes)

    def _check_copy(self, address, host):
        if not host.flags.c_contiguous:
            raise ValueError("a copy needs a C-contiguous array")
        if not self._runtime.holds(address, host.nbytes):
            sentence = f"a copy of {host.nbytes} bytes at {address:#x} is not within one array"
            raise KernelFault("out-of-bounds", None, sentence)

    def launch(self, kernel, grid, block, args, shared=0):
        """Run a kernel over a grid of blocks, with `shared` bytes of dynamic shared memory; it has run on return.

        grid, block: tuples of 1 to 3 ints. args: NumPy scalars of the kernel's own types, and addresses as ints.
        Raises KernelFault.
        """
        found = self.kernels.get(kernel)
        if found is None:
            names = ", ".join(sorted(self.kernels)) or "none"
            raise KernelFault("launch", kernel, f"there is no kernel {kernel}; those there are: {names}")
        found.prepare(self.seed, self.time_limit or 0.0, self._order, shared, grid, block, args)
        fault = self._runtime.launch(found.record_address)
        if fault:
            raise kernel_fault(fault.contents, found)

    def synchronize(self):
        """Nothing to wait for: a launch has run when it returns."""
