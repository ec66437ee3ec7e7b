"""Run CUDA kernels on a CPU: unmodified .cu files are compiled by the C++ compiler, and threads run one at a time.

*Check* mode examines every memory access. It reports data races, out-of-bounds and misaligned accesses, reads of
uninitialised shared memory, divergent barriers and endless loops by file and line.
"""

import ctypes
import os
import re
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from hw5.compiler import CompileError, with_includes
from hw5.dialect.instances import example_instance, same_instance
from hw5.emulator.arguments import Arguments
from hw5.emulator.build import CHECK, FAST, module_library
from hw5.emulator.faults import KernelFault, kernel_fault, same_value_note
from hw5.emulator.images import Image, Surface, Texture
from hw5.emulator.memory import Memory
from hw5.emulator.module import Kernel, Module
from hw5.emulator.profile import record
from hw5.emulator.runtime import ORDERS, runtime_of
from hw5.errors import InputError

__all__ = ["CompileError", "Emulator", "Kernel", "KernelFault", "Memory", "Surface", "Texture"]

CHECK_TIME_LIMIT = 10.0  # seconds
MOST_SHARED = 227 * 1024  # bytes
MOST_THREADS = 32  # max_machines of loaded.h


def _sizes(size):
    """A grid or block as a tuple of ints."""
    return tuple(map(int, size)) if isinstance(size, (tuple, list)) else (int(size),)


def _at_once(*tasks):
    """The results of functions without arguments, on as many threads as there are cores.

    If no thread can start, they run on this one.
    """
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        try:
            results = [pool.submit(task) for task in tasks]
        except RuntimeError:
            return [task() for task in tasks]
        return [result.result() for result in results]


class Emulator:
    """Compile .cu files for this CPU and launch their kernels.

    sources: a path or paths of .cu files, each compiled as a separate module; they may include files by relative path,
        and have host code, which is left out.
    check: whether to use check mode.
    order: of threads and blocks: "forward", "reverse", "random", or "warps" (random, but mostly one warp at a time).
    seed: of the random orders.
    time_limit: seconds per launch; None for no limit, or for 10 s in check mode.
    instances: of kernel templates to compile, such as "reduce<float>", besides those that the files launch.
    shared_limit: bytes of shared memory of a block. More than 48 KB must be requested on a GPU too, up to 227 KB
        (H100).
    threads: the most threads of the operating system that run blocks, in the order "forward"; by default one for each
        core. Results do not depend on it, except those of races between blocks in fast mode.
    notes: sentences on harmless races of the last launch: several threads that store the same value to one place.
    include: folders of headers, besides that of the file.
    templates: {name: place and parameters}, of kernel templates without an instance.
    refused: {name: reason}, of kernels that use what a GPU or the emulator does not have.
    kernels: a dictionary from names to Kernel. order, seed, time_limit and threads may be changed between launches.

    Raises InputError if there is no compiler, and CompileError, with the compiler's output, if a file does not compile.
    """

    def __init__(
        self,
        sources,
        check=False,
        order="forward",
        seed=0,
        time_limit=None,
        instances=(),
        include=(),
        shared_limit=48 * 1024,
        threads=None,
    ):
        self.check = check
        self.order, self.seed = order, seed
        self.notes, self._prints_to_stderr = [], False
        self._references = {}  # {name: the image bound to it}
        self.threads = len(os.sched_getaffinity(0)) if threads is None else int(threads)
        self.shared_limit = int(shared_limit)
        if not 0 <= self.shared_limit <= MOST_SHARED:
            raise ValueError(f"shared_limit must be from 0 to {MOST_SHARED} bytes, the limit of an H100")
        self.time_limit = CHECK_TIME_LIMIT if check and time_limit is None else time_limit
        mode = CHECK if check else FAST
        sources = [sources] if isinstance(sources, (str, os.PathLike)) else sources
        sources = [Path(source).resolve() for source in sources]
        for source in sources:
            if not source.is_file():
                raise InputError(f"{source} is not a file; pass the path of a .cu file")
        instances, include = tuple(instances), tuple(map(Path, include))
        self._runtime, *libraries = _at_once(
            partial(runtime_of, mode),
            *(partial(module_library, source, mode, instances, include) for source in sources),
        )
        self._modules = [
            Module(library, with_includes(source, include), self._runtime)
            for source, library in zip(sources, libraries)
        ]
        self.templates = {name: place for module in self._modules for name, place in module.templates.items()}
        self.refused = {name: reason for module in self._modules for name, reason in module.refused.items()}
        self.kernels = {}
        for module in self._modules:
            for kernel in module.kernels:
                self._add(kernel)

    def _add(self, kernel):
        other = self.kernels.setdefault(kernel.name, kernel)
        if other is not kernel:
            raise InputError(
                f"the kernel {kernel.name} is in two files, {other.source} and {kernel.source}; rename one of them"
            )

    @property
    def order(self):
        """The order in which threads and blocks run."""
        return ORDERS[self._order]

    @order.setter
    def order(self, order):
        if order not in ORDERS:
            raise ValueError(f"order must be one of {', '.join(ORDERS)}, not {order!r}")
        self._order = ORDERS.index(order)

    @property
    def threads(self):
        """The most threads of the operating system that run blocks."""
        return self._threads

    @threads.setter
    def threads(self, threads):
        if threads < 1:
            raise ValueError(f"threads must be at least 1, not {threads}")
        self._threads = min(threads, MOST_THREADS)

    def find(self, name):
        """The Kernel of a name, in any spelling of template arguments, or without them if there is one instance.

        Raises KernelFault of the kind "launch".
        """
        key = same_instance(name)
        found = [k for k in self.kernels.values() if same_instance(k.name) == key]
        found = found or [k for k in self.kernels.values() if re.split("[<(]", k.name)[0] == key]
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(kernel.name for kernel in found)
            several = "is a template with several instances" if "<" in names else "is the name of several kernels"
            raise KernelFault("launch", name, f"{name} {several}; choose one of {names}")
        template = name.partition("<")[0].strip()
        if template in self.templates:
            place = self.templates[template]
            example = example_instance(template, place)
            raise KernelFault(
                "launch",
                name,
                f"{name} is a kernel template ({place}); choose an instance, such as '{example}' (in Python, "
                f'Emulator(..., instances=["{example}"]))',
            )
        if template in self.refused:
            raise KernelFault("launch", name, f"{name} cannot be emulated: {self.refused[template]}")
        names = ", ".join(sorted(self.kernels)) or "none"
        raise KernelFault("launch", name, f"there is no kernel {name}; the kernels are {names}")

    def allocate(self, nbytes, name=""):
        """Allocate device memory, 256-byte aligned and filled with NaN; name is for error messages."""
        return Memory(self._runtime, int(nbytes), name)

    def write(self, address, host):
        """Copy a C-contiguous host array to device memory."""
        self._check_copy(address, host)
        self._runtime.written(address)
        ctypes.memmove(address, host.ctypes.data, host.nbytes)

    def read(self, address, host):
        """Copy device memory to a C-contiguous host array."""
        self._check_copy(address, host)
        ctypes.memmove(host.ctypes.data, address, host.nbytes)

    def _check_copy(self, address, host):
        if not host.flags.c_contiguous:
            raise ValueError("the host array must be C-contiguous")
        if not self._runtime.contains(address, host.nbytes):
            sentence = f"a copy of {host.nbytes} bytes at {address:#x} is not within an array"
            raise KernelFault("out-of-bounds", None, sentence)

    def texture(
        self,
        array,
        *,
        address_mode="clamp",
        filter_mode="point",
        read_mode="element_type",
        normalized_coords=False,
        components=None,
    ):
        """A Texture of a copy of an array, or of a Surface's memory, to pass to kernels.

        In a structure, pass int(texture).

        array: of the shape (w,), (h, w) or (d, h, w), and a last axis of 2 or 4 components if kernels read vectors.
        address_mode: "wrap", "clamp", "mirror" or "border", or one for each of x, y and z. filter_mode: "point" or
        "linear". read_mode: "element_type" or "normalized_float". components: to check the last axis against; by
        default it is what a fetch reads, so that (4, 4, 4) may be a volume for tex3D<float> or an image for
        tex2D<float4>. Raises ValueError for an unknown setting, and an array or a setting that textures do not have.
        """
        return Texture(self, array, address_mode, filter_mode, read_mode, normalized_coords, components)

    def surface(self, array, *, components=None):
        """A Surface of a copy of an array, with the shapes of texture; surface.read() returns what kernels wrote.

        Raises ValueError for an array that surfaces do not have.
        """
        return Surface(self, array, components)

    def bind(self, name, image):
        """Bind a Texture or Surface, by name, to a reference: a variable texture<...> or surface<...>.

        Raises ValueError for another object, and InputError if there is no such reference.
        """
        if not isinstance(image, Image):
            raise ValueError(f"pass Emulator.texture(...) or Emulator.surface(...), not {type(image).__name__}")
        address, _ = self.variable(name)
        self._references[name] = image  # alive
        self.write(address, np.array(int(image), np.uint64))

    def profile(self, kernel, launch, capacity=8_000_000, by_line=True):
        """A Profile of a kernel: what it does to memory while launch() runs it, once, in check mode.

        capacity: of the record of accesses, 24 bytes each; later accesses are counted, but not examined. by_line: with
        the figures of each line, not only of the launch.
        """
        if not self.check:
            raise ValueError("a profile needs check mode: Emulator(..., check=True)")
        return record(self._runtime, self.find(kernel), launch, capacity, by_line)

    def variable(self, name):
        """The address and size in bytes of a __device__ or __constant__ variable, for read and write.

        Raises InputError if there is none.
        """
        for module in self._modules:
            if name in module.variables:
                return module.variables[name]
        names = ", ".join(sorted(name for module in self._modules for name in module.variables)) or "none"
        raise InputError(f"there is no __device__ or __constant__ variable {name}; the variables are {names}")

    def run(self, kernel, grid, block, args, shared=0):
        """Launch a kernel on NumPy arrays, which are updated in place.

        grid, block: an int, or tuples of 1 to 3 ints. args: an array for each pointer, of the type that it points to,
        and numbers; Python's numbers take the type of the parameter. shared: bytes of dynamic shared memory.
        Raises InputError if the arguments do not match the parameters, and KernelFault.
        """
        kernel = self.find(kernel)
        arguments = Arguments(self, kernel, args)
        self.launch(kernel.name, _sizes(grid), _sizes(block), arguments.values, shared)
        arguments.copy_back()

    def launch(self, kernel, grid, block, args, shared=0):
        """Run the kernel with a name and wait for it; raises KernelFault.

        grid, block: tuples of 1 to 3 ints. args: NumPy scalars of the parameters' types, and addresses as ints.
        shared: bytes of dynamic shared memory.
        """
        kernel = self.kernels.get(kernel) or self.find(kernel)
        kernel.prepare(
            self.seed, self.time_limit or 0.0, self._order, self.threads, shared, grid, block, args, self.shared_limit
        )
        self._runtime.print_to_stderr(self._prints_to_stderr)
        fault = self._runtime.launch(kernel.record_address)
        note = self.check and self._runtime.note()
        self.notes = [same_value_note(note.contents, kernel)] if note and not fault else []
        if fault:
            raise kernel_fault(fault.contents, kernel)

    def print_to_stderr(self, yes=True):
        """Send what kernels print to standard error instead of standard output."""
        self._prints_to_stderr = yes

    def synchronize(self):
        """Do nothing: a launch has ended when it returns."""
