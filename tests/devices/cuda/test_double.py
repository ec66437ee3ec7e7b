"""The simulation detects misuse of CUDA that a GPU would not, or not always, report."""

import ctypes
import importlib

import numpy as np
import pytest

from hw5.devices.kernels import kernel_sources


class Cuda:
    """The simulated modules, with streams, a function, memory, and methods for a launch and a product."""

    def __init__(self, gpu):
        self.gpu = gpu
        self.driver, self.blas = (
            importlib.import_module("pycuda.driver"),
            importlib.import_module("skcuda.cublas"),
        )
        self.graphs = importlib.import_module("cuda.bindings.driver")
        self.Misuse = importlib.import_module("simulated_gpu").Misuse
        self.driver.init()
        self.context = self.driver.Device(0).retain_primary_context()
        self.context.push()
        self.stream, self.other = self.driver.Stream(1), self.driver.Stream(1)
        self.memory = self.driver.mem_alloc(512)
        self.pinned = self.driver.pagelocked_empty(10, np.float32)
        code = "\n".join(["sm_86", *map(str, kernel_sources())]).encode()
        self.module = self.driver.module_from_buffer(code)
        self.function = self.module.get_function("sgd_update").prepare("PPPffffil")
        self.handle = self.blas.cublasCreate()
        self.blas.cublasSetStream(self.handle, self.stream.handle)

    def launch(self, function=None, stream=None, address=None, block=(32, 1, 1), arguments=(0.5, 0.0, 0.0, 0.0, 0, 10)):
        address = int(self.memory) if address is None else address
        call = (function or self.function).prepared_async_call
        call((1,), block, stream or self.stream, address, address, address, *arguments, shared_size=0)

    def product(self, A=None, lda=1, m=1):
        address = int(self.memory)
        A = address if A is None else A
        self.blas.cublasSgemm(self.handle, "n", "n", m, 1, 1, 1.0, A, lda, address, 1, 0.0, address, m)

    def copy_in(self, host, offset=0):
        self.driver.memcpy_htod_async(int(self.memory) + offset, host, self.stream)

    def set_workspace(self, address):
        arguments = ctypes.c_void_p(self.handle), ctypes.c_void_p(address), ctypes.c_size_t(512)
        return self.blas._libcublas.cublasSetWorkspace_v2(*arguments)

    def capture(self, work):
        stream = self.graphs.CUstream(self.stream.handle)
        mode = self.graphs.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_RELAXED
        assert self.graphs.cuStreamBeginCapture(stream, mode) == (0,)
        try:
            work()
        finally:
            self.result = self.graphs.cuStreamEndCapture(stream)


@pytest.fixture
def cuda(simulated):
    return Cuda(simulated())


MISUSES = {
    "arguments of other types": lambda c: c.module.get_function("sgd_update").prepare("PPPffffii"),
    "too few arguments": lambda c: c.module.get_function("sgd_update").prepare("PPPffffi"),
    "an invalid address": lambda c: c.launch(address=12345),
    "an address beyond the memory": lambda c: c.launch(address=int(c.memory) + 512),
    "no stream": lambda c: c.launch(stream="the default stream"),
    "freed memory": lambda c: (c.memory.free(), c.launch()),
    "a matrix that is too large": lambda c: c.product(m=129, lda=129),
    "a matrix in freed memory": lambda c: (c.memory.free(), c.product()),
    "an asynchronous copy of pageable memory": lambda c: c.copy_in(np.ones(3)),
    "a copy that is too large": lambda c: c.copy_in(c.pinned, offset=500),
    "a copy on no stream": lambda c: c.driver.memcpy_dtoh_async(c.pinned, int(c.memory), None),
    "a copy in a recording": lambda c: c.capture(lambda: c.copy_in(c.pinned)),
    "another stream in a recording": lambda c: c.capture(lambda: c.launch(stream=c.other)),
    "an event outside of a recording": lambda c: c.driver.Event().record(c.stream),
    "waiting for an event that was not recorded": lambda c: c.capture(
        lambda: c.stream.wait_for_event(c.driver.Event())
    ),
    "a product without a workspace in a recording": lambda c: c.capture(c.product),
    "a cuBLAS context destroyed twice": lambda c: [c.blas.cublasDestroy(c.handle) for _ in range(2)],
    "a product without a cuBLAS context": lambda c: (c.blas.cublasDestroy(c.handle), c.product()),
    "a cuBLAS context that outlives CUDA's": lambda c: c.context.detach(),
    "cuBLAS on an invalid stream": lambda c: c.blas.cublasSetStream(c.handle, 0),
    "a workspace at an invalid address": lambda c: c.set_workspace(4096),
}  # fmt: skip


@pytest.mark.parametrize("what", MISUSES)
def test_misuse_is_detected(cuda, what):
    with pytest.raises(cuda.Misuse):
        MISUSES[what](cuda)


ERRORS = {
    "an allocation of 0 bytes": ("LogicError", lambda c: c.driver.mem_alloc(0)),
    "too much memory": ("MemoryError", lambda c: c.driver.mem_alloc(1 << 31)),
    "memory freed twice": ("LogicError", lambda c: (c.memory.free(), c.memory.free())),
    "a block that is too large": ("LogicError", lambda c: c.launch(block=(1025, 1, 1))),
    "a module for another GPU": ("LogicError", lambda c: c.driver.module_from_buffer(b"sm_90\n")),
    "an allocation in a recording": ("LogicError", lambda c: c.capture(lambda: c.driver.mem_alloc(8))),
    "freeing in a recording": ("LogicError", lambda c: c.capture(c.memory.free)),
    "waiting in a recording": ("LogicError", lambda c: c.capture(c.stream.synchronize)),
    "work after the context": (
        "LogicError", lambda c: (c.blas.cublasDestroy(c.handle), c.context.detach(), c.stream.synchronize()),
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", ERRORS)
def test_errors_of_cuda(cuda, what):
    kind, provoke = ERRORS[what]
    with pytest.raises(getattr(cuda.driver, kind)):
        provoke(cuda)


def test_an_operation_that_cannot_be_recorded_invalidates_the_recording(cuda):
    with pytest.raises(cuda.driver.LogicError):
        cuda.capture(lambda: cuda.driver.mem_alloc(8))
    assert cuda.result == (901, None)


def branch(cuda, waits=True, joins=True):
    """Launch with 1, 2 and 3 threads: the second on another stream, which waits for the first, and the third for it."""

    def work():
        events = [cuda.driver.Event(cuda.driver.event_flags.DISABLE_TIMING) for _ in range(3)]
        events[0].record(cuda.stream)
        cuda.launch(block=(1, 1, 1))
        events[1].record(cuda.stream)
        cuda.other.wait_for_event(events[1 if waits else 0])
        cuda.launch(stream=cuda.other, block=(2, 1, 1))
        events[2].record(cuda.other)
        if joins:
            cuda.stream.wait_for_event(events[2])
        cuda.launch(block=(3, 1, 1))

    cuda.capture(work)
    status, graph = cuda.result
    if status:
        return None
    _, executable = cuda.graphs.cuGraphInstantiate(graph, 0)
    cuda.graphs.cuGraphLaunch(executable, cuda.graphs.CUstream(cuda.stream.handle))
    cuda.stream.synchronize()
    return [block[0] for _, _, block, _ in cuda.gpu.launches]


def test_branches_of_a_recording(cuda):
    """Work that does not wait is done in another order, and work that nothing waits for invalidates the recording."""
    assert branch(cuda) == [1, 2, 3]
    cuda.gpu.launches.clear()
    assert branch(cuda, waits=False) == [2, 1, 3]
    assert branch(cuda, joins=False) is None


def test_a_leading_dimension_that_is_too_small(cuda):
    with pytest.raises(cuda.blas.cublasInvalidValue):
        cuda.product(lda=1, m=2)


def test_cublas_set_stream_resets_the_workspace(cuda):
    with pytest.raises(cuda.Misuse):  # that memory is freed immediately
        cuda.set_workspace(int(cuda.driver.mem_alloc(1024)))
    assert cuda.set_workspace(int(cuda.memory)) == 0
    cuda.capture(cuda.product)
    cuda.blas.cublasSetStream(cuda.handle, cuda.stream.handle)
    with pytest.raises(cuda.Misuse):
        cuda.capture(cuda.product)


def test_work_runs_when_it_is_waited_for(cuda):
    cuda.pinned[:] = 8
    cuda.copy_in(cuda.pinned)
    cuda.pinned[:] = 4  # too early: the copy has not run yet
    cuda.launch()
    result = cuda.driver.pagelocked_empty(10, np.float32)
    cuda.driver.memcpy_dtoh_async(result, int(cuda.memory), cuda.stream)
    assert not cuda.gpu.launches and not (result == 2).any()
    cuda.stream.synchronize()
    assert (result == 2).all()


def test_a_replay_with_freed_memory_is_detected(cuda):
    cuda.capture(cuda.launch)
    _, executable = cuda.graphs.cuGraphInstantiate(cuda.result[1], 0)
    cuda.memory.free()
    cuda.graphs.cuGraphLaunch(executable, cuda.graphs.CUstream(cuda.stream.handle))
    with pytest.raises(cuda.Misuse, match="not in allocated memory"):
        cuda.stream.synchronize()
    cuda.graphs.cuGraphExecDestroy(executable)
    with pytest.raises(cuda.Misuse):
        cuda.graphs.cuGraphLaunch(executable, cuda.graphs.CUstream(cuda.stream.handle))
