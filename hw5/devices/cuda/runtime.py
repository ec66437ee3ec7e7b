"""The Runtime for NVIDIA GPUs: PyCUDA for memory and kernels, cuBLAS for products, cuda-bindings for graphs.

All work goes to one stream of the GPU's primary context, so it runs in order; only recordings branch into more streams
and join them again. Only read() and synchronize() wait for it.
A runtime may only be used by the thread that created it; that thread may have runtimes on several GPUs.
"""

import contextlib
import functools
import threading
import weakref

from hw5.devices.cuda import cublas
from hw5.devices.cuda.bindings import checked, why_no_bindings
from hw5.devices.cuda.contexts import PrimaryContext, hold, release
from hw5.devices.cuda.cooperative import CooperativeKernels
from hw5.devices.cuda.graphs import Recording, capture, destroy_all
from hw5.devices.cuda.memory import Pool, Staging, pieces
from hw5.devices.cuda.nvcc import compiled
from hw5.errors import InputError, RunError

NON_BLOCKING = 1  # CU_STREAM_NON_BLOCKING: do not wait for the default stream, which other libraries use
WORKSPACE = 32 << 20  # bytes: NVIDIA's recommendation for Hopper, the largest one
BRANCHES = 4  # of a recording at most: W and b of two layers are updated at the same time


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
                self._context = PrimaryContext.enter(ordinal, device)
                opened.callback(self._context.leave)
                keep = functools.partial(hold, opened, vars(self))
                code = compiled(sources, device, driver).read_bytes()
                keep("_module", driver.module_from_buffer(code))
                keep("_functions", {})
                self._cooperative = CooperativeKernels(code, ordinal)
                opened.callback(self._cooperative.close)
                keep("_pool", Pool(driver))
                opened.callback(self._pool.close)
                keep("_forked", _event(driver))
                keep("_branches", [_Branch(driver, self._pool) for _ in range(BRANCHES)])
                keep("_stream", self._branches[0].stream)
                keep("_staging", Staging(driver, self._stream))
                keep("_handle", blas.cublasCreate())
                opened.callback(blas.cublasDestroy, self._handle)
                cublas.set_math_mode(blas, self._handle, math_mode)
                keep("_branch", None)
                self._work_on(0)
                keep("_graphs", {})
                opened.callback(destroy_all, self._graphs)
                opened.callback(self._stream.synchronize)
                opened.callback(self._context.make_current)
            except self._errors as error:
                raise RunError(f"the GPU cannot be used: {_reason(error)}") from error
            self._close = weakref.finalize(self, release, opened.pop_all(), self._errors, threading.current_thread())

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
        for start, piece in pieces(host):
            staged = self._staging.take(len(piece))
            staged[:] = piece
            self._driver.memcpy_htod_async(address + start, staged, self._stream)

    @_operation("a copy from the GPU")
    def read(self, address, host):
        """Wait for all earlier work, and copy from the GPU into a C-contiguous array."""
        for start, piece in pieces(host):
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
        """The number of blocks of a cooperative launch that can be resident.

        Raises InputError without cuda-bindings.
        """
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
        return why_no_bindings()

    @_operation("recording")
    def record(self, work):
        """Record what work() launches as a CUDA graph, without running it; return a function that runs it.

        Returns None if cuda-bindings cannot be used. Do the work once before it is recorded, so that CUDA loads the
        kernels and cuBLAS selects its own.
        """
        if self.cannot_record:
            return None
        from cuda.bindings import driver as bindings

        self._recorded = set()
        try:
            graph = capture(bindings, bindings.CUstream(self._stream.handle), work)
        finally:
            recorded, self._recorded = self._recorded, None
        try:
            executable = checked(bindings, bindings.cuGraphInstantiate(graph, 0))
        finally:
            bindings.cuGraphDestroy(graph)
        self._graphs[int(executable)] = bindings, executable
        return Recording(self, executable, self._pool.holding(recorded))

    @_operation("replaying a recording")
    def _replay(self, executable):
        bindings, _ = self._graphs[int(executable)]
        checked(bindings, bindings.cuGraphLaunch(executable, bindings.CUstream(self._stream.handle)))


class _Branch:
    """A stream with memory for cuBLAS, which would otherwise allocate some during a recording, once per graph.

    With as much memory on each stream, cuBLAS chooses the same kernels, and recorded steps have the bits of launched
    ones.
    """

    def __init__(self, driver, pool):
        self.stream, self.workspace = driver.Stream(NON_BLOCKING), pool.take(WORKSPACE)
        self.done = _event(driver)


def _event(driver):
    return driver.Event(driver.event_flags.DISABLE_TIMING)


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
