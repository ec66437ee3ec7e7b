"""The Runtime for NVIDIA GPUs: PyCUDA for memory and kernels, cuBLAS for products, cuda-bindings for graphs.

All work goes to one stream of the GPU's primary context, so it runs in order; only recordings branch into more streams
and join them again. Only read() and synchronize() wait for it.
A runtime may only be used by the thread that created it; that thread may have runtimes on several GPUs.
"""

import collections
import contextlib
import ctypes
import functools
import os
import shutil
import threading
import weakref

import numpy as np

from hw5.cache import cached
from hw5.compiler import CompileError, Compiler, digest, with_includes
from hw5.devices.cuda import cublas
from hw5.errors import InputError, RunError

NON_BLOCKING = 1  # CU_STREAM_NON_BLOCKING: do not wait for the default stream, which other libraries use
WORKSPACE = 32 << 20  # bytes: NVIDIA's recommendation for Hopper, the largest one
BRANCHES = 4  # of a recording at most: W and b of two layers are updated at the same time
GRANULE = 512  # bytes: sizes of allocations are rounded up to it, so that more allocations can be reused
EXACT = "HW5_EXACT_MEMORY"  # if this variable is set, they are not rounded, so that memcheck detects small overruns


def _operation(what, recordable=False):
    """Decorate a method: RunError after close(), while recording unless recordable, and for CUDA's errors."""

    def decorate(method):
        @functools.wraps(method)
        def operation(self, *args, **kwargs):
            if not self._close.alive:
                raise RunError(f"{what} is not possible: this GPU runtime was closed")
            if self._recorded is not None and not recordable:
                raise RunError(f"{what} is not possible while a CUDA graph is recorded: do it first")
            try:
                self._context.make_current()
                return method(self, *args, **kwargs)
            except self._errors as error:
                raise RunError(f"{what} failed on the GPU: {_reason(error)}") from error

        return operation

    return decorate


def _reason(error):
    """The message of an error; scikit-cuda's have none, but docstrings."""
    return str(error) or f"{type(error).__name__}: {type(error).__doc__}"


class PyCudaRuntime:
    """Runs the kernels of some .cu files, compiled as one module, on a GPU.

    precision: "fp32", or "tf32" for products on Tensor Cores, with factors rounded to 11 bits. ordinal: of the GPU,
    from 0, as CUDA lists them. Raises InputError if a package, the driver, the GPU, nvcc or a library is missing, and
    CompileError with nvcc's messages. All operations raise RunError if CUDA fails, in this operation or in earlier
    work.
    """

    def __init__(self, sources, precision="fp32", ordinal=0):
        math_mode = cublas.MATH_MODES[precision]
        self._driver = driver = _driver(ordinal)
        self._blas = blas = cublas.load()
        self._errors = driver.Error, blas.cublasError
        self._recorded = None  # while recording: the addresses that the work uses
        with contextlib.ExitStack() as opened:
            try:
                device = driver.Device(ordinal)
                self._context = _PrimaryContext.enter(ordinal, device)
                opened.callback(self._context.leave)
                hold = functools.partial(_hold, opened, vars(self))
                code = _compiled(sources, device, driver).read_bytes()
                hold("_module", driver.module_from_buffer(code))
                hold("_functions", {})
                self._cooperative = CooperativeKernels(code, ordinal)
                opened.callback(self._cooperative.close)
                hold("_pool", _Pool(driver, 1 if os.environ.get(EXACT) else GRANULE))
                opened.callback(self._pool.close)
                hold("_forked", _event(driver))
                hold("_branches", [_Branch(driver, self._pool) for _ in range(BRANCHES)])
                hold("_stream", self._branches[0].stream)
                hold("_staging", _Staging(driver, self._stream))
                hold("_handle", blas.cublasCreate())
                opened.callback(blas.cublasDestroy, self._handle)
                cublas.set_math_mode(blas, self._handle, math_mode)
                hold("_branch", None)
                self._work_on(0)
                hold("_graphs", {})
                opened.callback(_destroy_all, self._graphs)
                opened.callback(self._stream.synchronize)
                opened.callback(self._context.make_current)
            except self._errors as error:
                raise RunError(f"the GPU cannot be used: {_reason(error)}") from error
            self._close = weakref.finalize(self, _release, opened.pop_all(), self._errors, threading.current_thread())

    def close(self):
        """Wait for the GPU and free everything on it; a second call does nothing.

        Without it, this happens when the runtime is garbage-collected, or at exit.
        """
        self._close()

    # -- memory

    @_operation("an allocation")
    def allocate(self, nbytes, name=""):
        """Allocate memory with undefined content. Raises RunError, with the sizes, if there is not enough."""
        return self._pool.take(nbytes)

    @_operation("a query of free memory")
    def free_bytes(self):
        """The free memory of the GPU in bytes."""
        free, _ = self._driver.mem_get_info()
        return free

    @_operation("a copy to the GPU")
    def write(self, address, host):
        """Copy a C-contiguous array to the GPU; it may be changed as soon as this returns."""
        for start, piece in _pieces(host):
            staged = self._staging.take(len(piece))
            staged[:] = piece
            self._driver.memcpy_htod_async(address + start, staged, self._stream)

    @_operation("a copy from the GPU")
    def read(self, address, host):
        """Wait for all earlier work, and copy from the GPU into a C-contiguous array."""
        for start, piece in _pieces(host):
            staged = self._staging.take(len(piece))
            self._driver.memcpy_dtoh_async(staged, address + start, self._stream)
            self._stream.synchronize()
            piece[:] = staged

    @_operation("a copy on the GPU", recordable=True)
    def copy(self, address, source, nbytes):
        """Copy within the GPU's memory, without waiting for it."""
        self._driver.memcpy_dtod_async(address, source, nbytes, self._branch.stream)
        if self._recorded is not None:
            self._recorded.update((address, source))

    # -- work

    @_operation("a kernel launch", recordable=True)
    def launch(self, kernel, grid, block, args, shared=0, cooperative=False):
        """Launch a kernel, without waiting for it; args are NumPy scalars of exactly its types, or addresses as int.

        The first launch of a kernel prepares it for the types of its arguments. Otherwise PyCUDA would build the format
        string that packs them at every launch. A cooperative launch cannot be recorded.
        """
        if cooperative:
            return self._cooperative.launch(kernel, grid, block, args, shared, self._stream.handle)
        function = self._functions.get(kernel)
        if function is None:
            formats = ("P" if type(value) is int else value.dtype.char for value in args)
            function = self._functions[kernel] = self._module.get_function(kernel).prepare("".join(formats))
        function.prepared_async_call(grid, (*block, 1, 1)[:3], self._branch.stream, *args, shared_size=shared)
        if self._recorded is not None:
            self._recorded.update(value for value in args if type(value) is int)

    @_operation("a query of resident blocks")
    def resident_blocks(self, kernel, threads, shared):
        """The number of blocks of a cooperative launch that can be resident. Raises InputError without cuda-bindings."""
        return self._cooperative.resident_blocks(kernel, threads, shared)

    @_operation("a matrix product", recordable=True)
    def gemm(self, transpose_a, transpose_b, m, n, k, alpha, A, lda, B, ldb, beta, C, ldc):
        """C = alpha op(A) op(B) + beta C in single precision, with cuBLAS's arguments."""
        operations = "nt"[bool(transpose_a)], "nt"[bool(transpose_b)]
        self._blas.cublasSgemm(self._handle, *operations, m, n, k, alpha, A, lda, B, ldb, beta, C, ldc)
        if self._recorded is not None:
            self._recorded.update((A, B, C))

    @_operation("a branch of a recording", recordable=True)
    def together(self, works):
        """Do works that do not depend on each other; recorded ones are branches, which the GPU may run at once."""
        branches = min(len(works), BRANCHES) if self._recorded is not None else 1
        others = self._branches[1:branches]
        if others:
            self._forked.record(self._stream)
        for branch in others:
            branch.stream.wait_for_event(self._forked)
        try:
            for i, work in enumerate(works):
                self._work_on(i % branches)
                work()
        finally:
            self._work_on(0)
        for branch in others:
            branch.done.record(branch.stream)
            self._stream.wait_for_event(branch.done)

    def _work_on(self, number):
        """Send the work that follows to the stream of a branch; 0 is the main one."""
        if self._branch is not self._branches[number]:
            self._branch = self._branches[number]
            self._blas.cublasSetStream(self._handle, self._branch.stream.handle)
            cublas.set_workspace(self._blas, self._handle, int(self._branch.workspace), WORKSPACE)

    @_operation("waiting for the GPU")
    def synchronize(self):
        """Wait for all work."""
        self._stream.synchronize()

    # -- graphs

    @property
    def cannot_record(self):
        """Why record() returns None, or None if it can record."""
        return why_no_graphs()

    @_operation("recording")
    def record(self, work):
        """Record what work() launches as a CUDA graph, without running it; return a function that runs it.

        Returns None if cuda-bindings cannot be used. Do the work once before it is recorded, so that CUDA loads the
        kernels and cuBLAS selects its own.
        """
        if self.cannot_record:
            return None
        from cuda.bindings import driver as graphs

        self._recorded = set()
        try:
            graph = _capture(graphs, graphs.CUstream(self._stream.handle), work)
        finally:
            recorded, self._recorded = self._recorded, None
        try:
            executable = _checked(graphs, graphs.cuGraphInstantiate(graph, 0))
        finally:
            graphs.cuGraphDestroy(graph)
        self._graphs[int(executable)] = graphs, executable
        return Recording(self, executable, self._pool.holding(recorded))

    @_operation("replaying a recording")
    def _replay(self, executable):
        graphs, _ = self._graphs[int(executable)]
        _checked(graphs, graphs.cuGraphLaunch(executable, graphs.CUstream(self._stream.handle)))


class _Branch:
    """A stream with memory for cuBLAS, which would otherwise allocate some during a recording, once per graph.

    With as much memory on each stream, cuBLAS chooses the same kernels, and recorded steps have the bits of launched ones.
    """

    def __init__(self, driver, pool):
        self.stream, self.workspace = driver.Stream(NON_BLOCKING), pool.take(WORKSPACE)
        self.done = _event(driver)


def _event(driver):
    return driver.Event(driver.event_flags.DISABLE_TIMING)


class _PrimaryContext:
    """The context of a GPU that the CUDA libraries of a process share, while this thread has runtimes on this GPU.

    One of the thread's contexts is current, on top of PyCUDA's stack. A context must be detached: if it is only
    dropped, PyCUDA 2026.1 calls cuCtxDetach, which cannot release a primary context.
    """

    def __init__(self, ordinal, device):
        self.ordinal, self.users = ordinal, 0
        self._siblings = _contexts.entered
        self.context = device.retain_primary_context()

    @classmethod
    def enter(cls, ordinal, device):
        """The context of a GPU, made current."""
        _release_left(threading.current_thread())
        if ordinal not in _contexts.entered:
            _contexts.entered[ordinal] = cls(ordinal, device)
        entered = _contexts.entered[ordinal]
        entered.users += 1
        entered.make_current()
        return entered

    def make_current(self):
        if _contexts.current is not self:
            if _contexts.current and _contexts.current.users:
                self.context.pop()  # a static method: it pops the current context
            self.context.push()
            _contexts.current = self

    def leave(self):
        self.users -= 1
        if self.users == 0:
            self.make_current()
            del self._siblings[self.ordinal]  # those of the thread that entered it, which may have ended
            _contexts.current = None
            self.context.detach()


class _Contexts(threading.local):
    """The contexts of a thread, by ordinal, and the current one."""

    def __init__(self):
        self.entered, self.current = {}, None


_contexts = _Contexts()


def _hold(opened, attributes, name, value):
    """Set an attribute until `opened` is closed: PyCUDA's objects must be deleted before their context.

    attributes: vars() of the object, because a reference to the object would prevent its collection.
    """
    attributes[name] = value
    opened.callback(attributes.pop, name)


def _release(opened, errors, owner):
    """Close what a runtime opened, or leave it to the thread that created the runtime.

    The garbage collector runs in any thread. One in which PyCUDA's contexts are pushed must not end with one, or PyCUDA
    ends the process.
    """
    if not _is_this(owner) and owner.is_alive():
        _left.append((opened, errors, owner))
        return
    with contextlib.suppress(*errors):  # a failure of the GPU was raised earlier, by the operation that waited
        opened.close()


_left = collections.deque()  # arguments of _release


def _release_left(thread=None):
    """Close what was left to a thread, or to any thread."""
    for _ in range(len(_left)):
        opened, errors, owner = _left.popleft()
        _release(opened, errors, threading.current_thread() if thread in (None, owner) else owner)


def _is_this(thread):
    """Whether this is the calling thread, also at its end, when threading no longer knows it."""
    return thread.ident == threading.get_ident()


_at_exit = weakref.finalize(_release_left, _release_left)  # the first one that is created is the last one that runs


def _driver(ordinal):
    """Import and initialise pycuda.driver. Raises InputError if there is no GPU, or none with this ordinal."""
    try:
        import pycuda.driver as driver
    except ModuleNotFoundError as error:
        raise InputError(cublas.NOT_INSTALLED) from error
    except ImportError as error:  # its extension module does not load
        advice = "install NVIDIA's driver, or rebuild PyCUDA for the installed CUDA"
        raise InputError(f"PyCUDA does not load ({error}): {advice}") from error
    try:
        driver.init()
        count = driver.Device.count()
    except driver.Error as error:
        raise InputError(f"--device cuda needs an NVIDIA GPU and its driver: {error}") from error
    if count == 0:
        raise InputError("--device cuda needs an NVIDIA GPU, and CUDA_VISIBLE_DEVICES hides all of them")
    if ordinal >= count:
        gpus = "1 GPU, cuda:0" if count == 1 else f"{count} GPUs, cuda:0 to cuda:{count - 1}"
        raise InputError(f"there is no cuda:{ordinal}: CUDA lists {gpus}; choose one that exists")
    return driver


# -- the module


def _compiled(sources, device, driver):
    """The path of the sources' machine code for a device.

    pycuda.compiler has a cache too, but runs nvcc to validate it: for its version, and to preprocess a source with
    includes. So that cache is disabled, and the code is cached under a digest of the sources, their headers, the
    options and the compiler. nvcc and the digest both find quoted includes in the folder of the including file.
    """
    from pycuda import compiler

    nvcc = find_nvcc()
    arch = "sm_{}{}".format(*device.compute_capability())
    options = [*compiler.DEFAULT_NVCC_FLAGS, "-std=c++17"]
    files = dict.fromkeys(file for source in sources for file in with_includes(source))

    def build(path):
        module = "".join(f'#include "{os.path.abspath(source)}"\n' for source in sources)
        try:
            code = compiler.compile(module, nvcc.path, options, arch=arch, no_extern_c=True, cache_dir=False)
        except driver.CompileError as error:
            output = f"{error.stdout or ''}{error.stderr or ''}".strip()
            raise CompileError(f"nvcc does not compile the kernels for {arch}:\n{output}") from error
        path.write_bytes(code)

    return cached(f"kernels-{arch}", digest(nvcc, files, (arch, *options)), build, ".cubin")


def find_nvcc():
    """Find CUDA's compiler on PATH or in a toolkit. Raises InputError if there is none."""
    folders = [os.path.join(toolkit, "bin") for toolkit in cublas.toolkits()]
    path = shutil.which("nvcc") or shutil.which("nvcc", path=os.pathsep.join(folders))
    if path is None:
        raise InputError(
            "--device cuda needs nvcc, CUDA's compiler: put it on PATH, or set CUDA_HOME to a CUDA toolkit"
        )
    return Compiler(path)


# -- memory


class Memory:
    """Memory on the GPU at the address int(memory); it can be reused when this object is deleted."""

    def __init__(self, address, nbytes):
        self._address, self._end = address, address + nbytes

    def __int__(self):
        return self._address

    __index__ = __int__

    def __contains__(self, address):
        return self._address <= address < self._end


class _Pool:
    """A memory pool: unused memory is kept, and reused for allocations of the same size.

    cuMemFree waits for all work on the device, and neither it nor cuMemAlloc may be called during a recording. So
    memory is not freed when Python's garbage collector happens to run. Reuse is safe because all work runs in order, in
    one stream.
    """

    def __init__(self, driver, granule):
        self._driver, self._granule = driver, granule
        self._unused = collections.defaultdict(list)  # size: allocations
        self._allocations = {}  # address: allocation
        self._used = weakref.WeakSet()

    def take(self, nbytes):
        """Memory of at least nbytes."""
        size = -(-nbytes // self._granule) * self._granule
        unused = self._unused[size]
        allocation = unused.pop() if unused else self._allocate(size)
        memory = Memory(int(allocation), size)
        self._used.add(memory)
        weakref.finalize(memory, unused.append, allocation).atexit = False
        return memory

    def _allocate(self, size):
        try:
            allocation = self._driver.mem_alloc(size)
        except self._driver.MemoryError:
            self._free_unused()
            try:
                allocation = self._driver.mem_alloc(size)
            except self._driver.MemoryError as error:
                free, total = (f"{nbytes / 2**20:.0f} MiB" for nbytes in self._driver.mem_get_info())
                needed = f"{size / 2**20:.1f} MiB are needed"
                raise RunError(f"the GPU is out of memory: {needed}, {free} of {total} are free") from error
        self._allocations[int(allocation)] = allocation
        return allocation

    def _free_unused(self):
        for unused in self._unused.values():
            while unused:
                self._allocations.pop(int(unused.pop())).free()

    def holding(self, addresses):
        """The Memory objects that contain the addresses."""
        return [memory for memory in self._used if any(address in memory for address in addresses)]

    def close(self):
        """Free all memory, used or not."""
        while self._allocations:
            self._allocations.popitem()[1].free()


class _Staging:
    """Pinned host memory for copies: a ring buffer, so that copies wait only when it wraps around."""

    NBYTES = 8 << 20

    def __init__(self, driver, stream):
        self._ring = driver.pagelocked_empty(self.NBYTES, np.uint8)
        self._stream, self._next = stream, 0

    def take(self, nbytes):
        """nbytes of pinned memory, at most the whole ring, that no copy uses any more."""
        if self._next + nbytes > self.NBYTES:
            self._stream.synchronize()
            self._next = 0
        start, self._next = self._next, self._next + nbytes
        return self._ring[start : self._next]


def _pieces(host):
    """Yield (start, bytes) of a host array in halves of the ring, so that one is copied while the next is staged."""
    if not host.flags.c_contiguous:
        raise ValueError("a copy needs a C-contiguous array")
    flat, length = host.reshape(-1).view(np.uint8), _Staging.NBYTES // 2
    for start in range(0, len(flat), length):
        yield start, flat[start : start + length]


# -- cooperative launches


class CooperativeKernels:
    """Kernels whose blocks wait for each other, launched by cuda-bindings, because PyCUDA cannot.

    code: of a module, which is loaded again at the first use, because PyCUDA does not show its handles.
    """

    def __init__(self, code, ordinal):
        self._code, self._ordinal = code, ordinal
        self._graphs, self._module, self._functions = None, None, {}

    def resident_blocks(self, kernel, threads, shared):
        """The number of blocks that can be resident, 0 if the GPU has no cooperative launches or less shared memory."""
        function = self._function(kernel)
        device = self._call("cuDeviceGet", self._ordinal)

        def query(name):
            attribute = getattr(self._graphs.CUdevice_attribute, f"CU_DEVICE_ATTRIBUTE_{name}")
            return self._call("cuDeviceGetAttribute", attribute, device)

        static = self._call("cuFuncGetAttribute", _of_functions(self._graphs, "SHARED_SIZE_BYTES"), function)
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
        its_stream = self._graphs.CUstream(stream)
        self._call("cuLaunchCooperativeKernel", function, *sizes, shared, its_stream, (values, types))

    def close(self):
        if self._module is not None:
            self._graphs.cuModuleUnload(self._module)

    def _function(self, kernel):
        if self._module is None:
            if reason := why_no_graphs():
                raise InputError(f"--persistent needs cuda-bindings: {reason}")
            from cuda.bindings import driver

            self._graphs = driver
            self._module = self._call("cuModuleLoadData", self._code)
        if kernel not in self._functions:
            self._functions[kernel] = self._call("cuModuleGetFunction", self._module, kernel.encode())
        return self._functions[kernel]

    def _allow(self, function, shared):
        """Over 48 KB of shared memory must be asked for."""
        self._call("cuFuncSetAttribute", function, _of_functions(self._graphs, "MAX_DYNAMIC_SHARED_SIZE_BYTES"), shared)

    def _call(self, name, *arguments):
        return _checked(self._graphs, getattr(self._graphs, name)(*arguments))


_CTYPES = {"i": ctypes.c_int, "f": ctypes.c_float}


def _of_functions(graphs, name):
    return getattr(graphs.CUfunction_attribute, f"CU_FUNC_ATTRIBUTE_{name}")


# -- graphs


def why_no_graphs():
    """Why cuda-bindings, which records and replays CUDA graphs, cannot be used, or None if it can."""
    try:
        import cuda.bindings.driver  # noqa: F401
    except Exception as error:  # whatever a broken installation raises
        if isinstance(error, ModuleNotFoundError) and error.name in ("cuda", "cuda.bindings"):
            return "cuda-bindings is not installed"
        return f"cuda-bindings does not load ({error})"
    return None


class Recording:
    """Recorded work, run by a call. It keeps the memory that the work uses."""

    def __init__(self, runtime, executable, memory):
        self._runtime, self._executable, self._memory = runtime, executable, memory
        weakref.finalize(self, _destroy, runtime._graphs, int(executable), threading.current_thread()).atexit = False

    def __call__(self):
        """Run the work without waiting for it. Raises RunError."""
        self._runtime._replay(self._executable)


def _capture(graphs, stream, work):
    """The graph of what work() launches on a stream. Capture always ends, also after an exception."""
    # Relaxed, because the other modes forbid what CUDA does by itself, such as loading a kernel at its first launch.
    # _operation refuses what must not be recorded.
    mode = graphs.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_RELAXED
    try:
        _checked(graphs, graphs.cuStreamBeginCapture(stream, mode))
        work()
    except BaseException:
        status, unfinished = graphs.cuStreamEndCapture(stream)
        if status == graphs.CUresult.CUDA_SUCCESS:
            graphs.cuGraphDestroy(unfinished)
        raise
    return _checked(graphs, graphs.cuStreamEndCapture(stream))


def _checked(graphs, answer):
    """What a function of cuda-bindings returned after its status. Raises RunError unless that is success."""
    status, *values = answer
    if status != graphs.CUresult.CUDA_SUCCESS:
        _, text = graphs.cuGetErrorString(status)
        raise RunError(f"a CUDA graph or cooperative launch failed: {text.decode() if text else status}")
    return values[0] if values else None


def _destroy(registry, key, owner):
    if key in registry and _is_this(owner):  # else it is left to _destroy_all
        graphs, executable = registry.pop(key)
        graphs.cuGraphExecDestroy(executable)  # a launch that is still running completes


def _destroy_all(registry):
    for key in list(registry):
        _destroy(registry, key, threading.current_thread())
