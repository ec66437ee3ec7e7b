"""The PyCUDA runtime with a simulated GPU: what the device tests do not cover."""

import gc
import importlib
import os
import subprocess
import sys
import threading
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest

from hw5.compiler import CompileError
from hw5.devices import open_device
from hw5.devices.cuda.memory import EXACT, GRANULE, Staging
from hw5.devices.cuda.runtime import BRANCHES, PyCudaRuntime
from hw5.devices.kernels import kernel_sources
from hw5.errors import InputError, RunError

f32, i32 = np.float32, np.int32
ROOT = Path(__file__).parents[3]

# Exceptions in finalizers are errors too
pytestmark = pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")


def on_gpu(runtime, host):
    memory = runtime.allocate(host.nbytes)
    runtime.write(int(memory), host)
    return memory


def content(runtime, memory, like):
    host = np.empty_like(like)
    runtime.read(int(memory), host)
    return host


def halve(runtime, memory, n, threads=32):
    """x -= 0.5 x by sgd_update: V and G are x, eta is 0.5 and the momentum 0."""
    rates = (*map(f32, (0.5, 0, 0, 0)), np.int32(0))
    runtime.launch("sgd_update", (1,), (threads,), [int(memory)] * 3 + [*rates, np.int64(n)])


# ---- copies


def test_a_host_array_may_be_changed_after_write(runtime):
    x = np.arange(1000, dtype=f32)
    memory = on_gpu(runtime, x)
    x[:] = -1
    np.testing.assert_array_equal(content(runtime, memory, x), np.arange(1000))


@pytest.mark.parametrize("more", [-1, 0, 1, Staging.NBYTES // 2 + 3])
def test_copies_larger_than_the_staging_buffer(runtime, more):
    x = np.random.default_rng(0).integers(0, 256, Staging.NBYTES + more, np.uint8)
    memory = on_gpu(runtime, x)
    np.testing.assert_array_equal(content(runtime, memory, x), x)


def test_many_small_copies_wrap_around_the_ring(runtime):
    piece = Staging.NBYTES // 7
    written = [on_gpu(runtime, np.full(piece, i, np.uint8)) for i in range(20)]
    for i, memory in enumerate(written):
        assert (content(runtime, memory, np.empty(piece, np.uint8)) == i).all()


@pytest.mark.parametrize("shape", [(), (0,), (3, 0), (2, 3)])
def test_copies_of_any_shape(runtime, shape):
    x = np.full(shape, 7.0)
    np.testing.assert_array_equal(content(runtime, on_gpu(runtime, np.ones(9)), x), np.ones(shape))
    with pytest.raises(ValueError, match="C-contiguous"):
        runtime.write(0, np.ones((4, 4)).T[1:])


# ---- memory


def test_memory_is_reused_without_a_call_of_cuda(runtime, gpu):
    first = runtime.allocate(1000)
    address, used = int(first), gpu.used
    del first
    assert int(runtime.allocate(GRANULE + 1)) == address and gpu.used == used
    assert int(runtime.allocate(2 * GRANULE + 1)) != address


def test_unused_memory_is_freed_before_an_allocation_fails(simulated):
    gpu = simulated(total=196 << 20)
    runtime = PyCudaRuntime(kernel_sources())
    runtime.allocate(40 << 20)
    memory = runtime.allocate(60 << 20)
    with pytest.raises(RunError, match="out of memory: 30.0 MiB are needed, 8 MiB of 196 MiB are free"):
        runtime.allocate(30 << 20)
    assert int(memory) in gpu.allocations
    runtime.close()


@pytest.mark.parametrize("exact", [False, True])
def test_memory_of_exact_size_shows_an_overrun_by_one_float(simulated, monkeypatch, tmp_path, exact):
    """Check mode watches the bounds of allocations, as memcheck does; rounded to 512 bytes, they hide the overrun."""
    gpu = simulated(check=True)
    if exact:
        monkeypatch.setenv(EXACT, "1")
    file = tmp_path / "fill.cu"
    file.write_text('extern "C" __global__ void fill(float *x, int n) { x[n] = 1; }  // one float beyond the end\n')
    runtime = PyCudaRuntime([file])
    memory = runtime.allocate(100 * 4)
    assert gpu.allocations[int(memory)] == (400 if exact else GRANULE)
    runtime.launch("fill", (1,), (1,), [int(memory), i32(100)])
    with pytest.raises(RunError, match="out-of-bounds|unspecified launch failure") if exact else nullcontext():
        runtime.synchronize()
    runtime.close()


# ---- several GPUs


def test_runtimes_on_two_gpus_take_turns(simulated):
    gpu = simulated(count=2)
    runtimes = [PyCudaRuntime(kernel_sources(), ordinal=ordinal) for ordinal in (0, 1, 1)]
    memories = [on_gpu(runtime, np.ones(8, f32)) for runtime in runtimes]
    assert len({id(owner) for owner in gpu.owners.values()}) == 2
    for turn in (2, 4):
        for runtime, memory in zip(runtimes, memories):
            halve(runtime, memory, 8)
            assert content(runtime, memory, np.empty(8, f32)).sum() == 8 / turn
    replays = [runtime.record(lambda: halve(runtime, memory, 8)) for runtime, memory in zip(runtimes, memories)]
    for runtime, memory, replay in zip(runtimes, memories, replays):
        replay()
        assert content(runtime, memory, np.empty(8, f32)).sum() == 1
    for runtime in (runtimes[1], runtimes[0], runtimes[2]):
        runtime.close()
    assert (gpu.contexts, gpu.handles, gpu.graphs, gpu.allocations) == ([], {}, {}, {})
    assert gpu.order.count("context") == 2


def test_runtimes_in_two_threads(runtime):
    """Each thread has a context, as a thread of scikit-learn has that fits an estimator."""
    results = []

    def halve_in_a_thread():
        own = PyCudaRuntime(kernel_sources())
        memory = on_gpu(own, np.ones(8, f32))
        halve(own, memory, 8)
        results.append(content(own, memory, np.empty(8, f32)).sum())
        own.close()

    memory = on_gpu(runtime, np.ones(8, f32))
    for _ in range(2):
        thread = threading.Thread(target=halve_in_a_thread)
        thread.start()
        thread.join()
        halve(runtime, memory, 8)
    assert results == [4, 4] and content(runtime, memory, np.empty(8, f32)).sum() == 2


def test_a_runtime_may_be_collected_in_another_thread(gpu):
    """It is released by its own thread, when that creates another one.

    PyCUDA aborts threads that end with a context.
    """
    runtimes, pushed = [PyCudaRuntime(kernel_sources())], []
    thread = threading.Thread(target=lambda: (runtimes.clear(), pushed.append(list(gpu.contexts))))
    thread.start()
    thread.join()
    assert gpu.handles and pushed == [[]]
    again = PyCudaRuntime(kernel_sources())
    assert gpu.order[-1] == "context" and len(gpu.handles) == 1
    memory = on_gpu(again, np.ones(8, f32))
    halve(again, memory, 8)
    assert content(again, memory, np.empty(8, f32)).sum() == 4
    again.close()


def test_a_recording_that_is_collected_in_another_thread_is_destroyed_with_its_runtime(runtime, gpu):
    recordings = [runtime.record(lambda: None)]
    thread = threading.Thread(target=recordings.clear)
    thread.start()
    thread.join()
    assert len(gpu.graphs) == 1
    runtime.close()
    assert not gpu.graphs


@pytest.mark.parametrize(
    ("count", "listed"), [(1, "1 GPU, cuda:0;"), (4, "4 GPUs, cuda:0 to cuda:3;")], ids=["one", "four"]
)
def test_a_gpu_that_does_not_exist(simulated, count, listed):
    simulated(count=count)
    with pytest.raises(InputError, match=f"there is no cuda:4: CUDA lists {listed}"):
        open_device("cuda:4")


# ---- products


@pytest.mark.parametrize("transpose_b", [False, True])
@pytest.mark.parametrize("transpose_a", [False, True])
def test_gemm_takes_blas_arguments(runtime, transpose_a, transpose_b):
    """With alpha, beta and padded leading dimensions; the padding does not change."""
    m, n, k, lda, ldb, ldc = 3, 4, 5, 7, 8, 9
    rng = np.random.default_rng(1)
    A, B, C = (rng.normal(size=(columns, leading)).astype(f32) for columns, leading in ((5, lda), (5, ldb), (n, ldc)))
    a, b, c = (on_gpu(runtime, x) for x in (A, B, C))
    arguments = (m, n, k, 0.5, int(a), lda, int(b), ldb, -2.0, int(c), ldc)
    runtime.gemm(transpose_a, transpose_b, *arguments)
    op_a = A[:m, :k] if transpose_a else A[:k, :m].T
    op_b = B[:k, :n] if transpose_b else B[:n, :k].T
    expected = C.copy()
    expected[:, :m] = (0.5 * op_a.astype(float) @ op_b - 2 * C[:, :m].T).T
    np.testing.assert_allclose(content(runtime, c, C), expected, rtol=1e-5, atol=1e-5)


def test_tf32_rounds_the_factors(gpu):
    x = np.array([[1 + 2**-12]], f32)
    products = []
    for precision in ("fp32", "tf32"):
        runtime = PyCudaRuntime(kernel_sources(), precision)
        a, c = on_gpu(runtime, x), runtime.allocate(4)
        runtime.gemm(False, False, 1, 1, 1, 1.0, int(a), 1, int(a), 1, 0.0, int(c), 1)
        products.append(content(runtime, c, x)[0, 0])
        runtime.close()
    assert products == [f32((1 + 2**-12) ** 2), 1]


def test_an_unknown_precision(simulated):
    with pytest.raises(KeyError):
        PyCudaRuntime(kernel_sources(), "fp64")


# ---- the module


def write_kernels(folder, value):
    folder.mkdir(exist_ok=True)
    (folder / "value.cuh").write_text(f"#define VALUE {value}\n")
    (folder / "set.cu").write_text('#include "value.cuh"\nextern "C" __global__ void set(int *x) { *x = VALUE; }\n')
    (folder / "get.cu").write_text('extern "C" __global__ void get(const int *x, int *y) { *y = *x; }\n')
    return sorted(folder.glob("*.cu"))


def value_of(runtime):
    memory = runtime.allocate(4)
    runtime.launch("set", (1,), (1,), [int(memory)])
    return content(runtime, memory, np.zeros(1, i32))[0]


def test_a_warm_start_compiles_nothing_and_a_change_does(gpu, tmp_path):
    values, compilations = [], []
    for step in range(5):
        if step in (0, 2):
            sources = write_kernels(tmp_path / "kernels", step)  # step 2 changes the header alone
        if step == 4:
            gpu.capability = (9, 0)
        runtime = PyCudaRuntime(sources)
        values.append(value_of(runtime))
        compilations.append(len(gpu.compilations))
        runtime.close()
    assert (values, compilations) == ([0, 0, 2, 2, 2], [1, 1, 2, 2, 3])
    assert gpu.compilations[0].count("#include") == 2  # one module of all files


def test_another_nvcc_compiles_again(gpu, tmp_path):
    sources = write_kernels(tmp_path / "kernels", 1)
    PyCudaRuntime(sources).close()
    (tmp_path / "bin" / "nvcc").write_text("#!/bin/sh\n# another version\nexit 1\n")
    PyCudaRuntime(sources).close()
    assert len(gpu.compilations) == 2


def test_kernels_that_do_not_compile(gpu, tmp_path):
    file = tmp_path / "broken.cu"
    file.write_text("#error\n")
    with pytest.raises(CompileError, match=rf"for sm_86:\n{file}\(1\): error"):
        PyCudaRuntime([file])


def test_an_unknown_kernel(runtime):
    with pytest.raises(RunError, match="a kernel launch failed on the GPU: .*named symbol not found"):
        runtime.launch("sofmax", (1,), (32,), [])


# ---- missing requirements


@pytest.mark.parametrize("package", ["pycuda", "skcuda"])
def test_a_package_that_is_not_installed(gpu, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(
        InputError, match="needs PyCUDA and scikit-cuda, which are not both installed: hw5 doctor says how"
    ):
        PyCudaRuntime(kernel_sources())


def test_pycuda_without_a_driver(gpu, monkeypatch, tmp_path):
    package = tmp_path / "without a driver" / "pycuda"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "driver.py").write_text("raise ImportError('libcuda.so.1: cannot open shared object file')")
    monkeypatch.syspath_prepend(package.parent)
    with pytest.raises(InputError, match=r"PyCUDA does not load \(libcuda.so.1: .*install NVIDIA's driver"):
        PyCudaRuntime(kernel_sources())


def test_a_machine_without_a_gpu(gpu):
    gpu.count = 0
    with pytest.raises(InputError, match="needs an NVIDIA GPU and its driver: .*no CUDA-capable device"):
        PyCudaRuntime(kernel_sources())


def test_a_machine_without_nvcc(gpu, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr("hw5.devices.cuda.cublas.toolkits", list)
    with pytest.raises(InputError, match="needs nvcc"):
        PyCudaRuntime(kernel_sources())


def test_nvcc_is_found_in_a_toolkit(gpu, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("CUDA_HOME", str(tmp_path))  # where bin/nvcc is
    from hw5.devices.cuda.nvcc import find_nvcc

    assert find_nvcc().path == str(tmp_path / "bin" / "nvcc")


def test_importing_the_module_imports_no_gpu_package():
    script = (
        "import sys, hw5.devices.cuda.runtime; print([p for p in ('pycuda', 'skcuda', 'cuda') if p in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT).stdout == "[]\n"


# ---- recordings


def test_a_recording_runs_when_it_is_replayed(runtime, gpu):
    x = np.arange(8, dtype=f32)
    memory = on_gpu(runtime, x)
    replay = runtime.record(lambda: halve(runtime, memory, 8))
    np.testing.assert_array_equal(content(runtime, memory, x), x)
    for _ in range(3):
        replay()
    assert not gpu.launches  # the replays did not wait
    np.testing.assert_array_equal(content(runtime, memory, x), x / 8)


def test_a_recording_keeps_its_memory(runtime, gpu):
    x = np.arange(8, dtype=f32)
    memory = on_gpu(runtime, x)
    address = int(memory)
    replay = runtime.record(lambda: halve(runtime, memory, 8))  # noqa: F821
    del memory
    gc.collect()
    other = on_gpu(runtime, np.zeros(8, f32))
    assert int(other) != address
    replay()
    y = np.empty_like(x)
    runtime.read(address, y)
    np.testing.assert_array_equal(y, x / 2)
    del replay
    gc.collect()
    assert not gpu.graphs and int(runtime.allocate(32)) == address


def test_a_recording_keeps_memory_of_which_it_uses_the_middle(runtime):
    x = np.arange(8, dtype=f32)
    memory = on_gpu(runtime, x)
    address = int(memory)
    replay = runtime.record(
        lambda: runtime.gemm(False, False, 1, 1, 1, 2.0, address + 8, 1, address, 1, 1.0, address + 4, 1)
    )
    del memory
    assert int(runtime.allocate(32)) != address
    replay()


def test_without_cuda_bindings_there_is_no_recording(runtime, monkeypatch):
    monkeypatch.setitem(sys.modules, "cuda.bindings", None)
    assert runtime.record(lambda: pytest.fail("it ran")) is None


@pytest.mark.parametrize("forbidden", ["allocate", "write", "read", "synchronize", "record"])
def test_what_cannot_be_recorded(runtime, gpu, forbidden):
    x = np.ones(8, f32)
    memory = on_gpu(runtime, x)
    arguments = {"allocate": (8,), "synchronize": (), "record": (print,)}.get(forbidden, (int(memory), x))
    with pytest.raises(RunError, match="is not possible while a CUDA graph is recorded"):
        runtime.record(lambda: getattr(runtime, forbidden)(*arguments))
    assert gpu.capture is None and not gpu.graphs
    halve(runtime, memory, 8)
    np.testing.assert_array_equal(content(runtime, memory, x), x / 2)


@pytest.mark.parametrize("exception", [KeyboardInterrupt, ZeroDivisionError])
def test_an_exception_ends_the_recording(runtime, gpu, exception):
    def work():
        halve(runtime, memory, 8)
        raise exception

    memory = on_gpu(runtime, np.ones(8, f32))
    with pytest.raises(exception):
        runtime.record(work)
    assert gpu.capture is None and not gpu.graphs
    assert content(runtime, memory, np.empty(8, f32)).sum() == 8


@pytest.mark.parametrize("count", [0, 1, 2, BRANCHES, 2 * BRANCHES + 1])
def test_branches_of_a_recording_come_after_the_work_before_and_before_the_work_after_them(runtime, gpu, count):
    """The simulated GPU does independent work in another order than the recorded one."""
    memory = on_gpu(runtime, np.ones(count + 1, f32))

    def add(to, alpha=1.0):
        """x[to] += alpha x[0]"""
        address = int(memory) + 4 * to
        runtime.gemm(False, False, 1, 1, 1, alpha, int(memory), 1, on_one, 1, 1.0, address, 1)

    def work():
        add(0)
        runtime.together([lambda to=to: (add(to), add(to)) for to in range(1, count + 1)])
        add(0)

    one = on_gpu(runtime, np.ones(1, f32))
    on_one = int(one)
    for make in (work, runtime.record(work)):
        runtime.write(int(memory), np.ones(count + 1, f32))
        make()
        np.testing.assert_array_equal(content(runtime, memory, np.empty(count + 1, f32)), [4] + [5] * count)


def test_branches_may_run_at_the_same_time(runtime, gpu):
    """Each on its stream, as long as there are any: the simulated GPU does the last one first."""
    memory, threads = on_gpu(runtime, np.ones(8, f32)), range(1, BRANCHES + 1)
    works = [lambda n=n: halve(runtime, memory, 8, n) for n in threads]
    runtime.record(lambda: runtime.together(works))()
    runtime.synchronize()
    assert [block[0] for _, _, block, _ in gpu.launches] == [*reversed(threads)]


def test_an_exception_in_a_branch_ends_the_recording(runtime, gpu):
    memory = on_gpu(runtime, np.ones(8, f32))

    def fail():
        raise ZeroDivisionError

    def work():
        runtime.together([lambda: halve(runtime, memory, 8), fail])

    with pytest.raises(ZeroDivisionError):
        runtime.record(work)
    assert gpu.capture is None and not gpu.graphs
    runtime.record(lambda: halve(runtime, memory, 8))()
    assert content(runtime, memory, np.empty(8, f32)).sum() == 4


def test_a_recording_that_cuda_invalidates(runtime, gpu):
    def work():
        gpu.capture.invalid = True

    with pytest.raises(
        RunError, match="a CUDA graph or cooperative launch failed: CUDA_ERROR_STREAM_CAPTURE_INVALIDATED"
    ):
        runtime.record(work)
    assert runtime.record(lambda: None) is not None


# ---- errors of kernels


def test_an_error_of_a_kernel_is_reported_and_close_still_works(simulated, tmp_path):
    gpu = simulated(check=True)
    file = tmp_path / "stray.cu"
    file.write_text('extern "C" __global__ void stray(int *x) { x[1 << 20] = 1; }\n')
    runtime = PyCudaRuntime([file])
    memory = runtime.allocate(4)
    runtime.launch("stray", (1,), (1,), [int(memory)])
    with pytest.raises(RunError, match="waiting for the GPU failed on the GPU: .*unspecified launch failure"):
        runtime.synchronize()
    with pytest.raises(RunError, match="a matrix product failed on the GPU: cublasExecutionFailed: GPU program failed"):
        runtime.gemm(False, False, 1, 1, 1, 1.0, int(memory), 1, int(memory), 1, 0.0, int(memory), 1)
    runtime.close()
    assert gpu.contexts == [] and not gpu.handles


# ---- closing


def test_close_waits_and_releases_in_order(gpu):
    runtime = PyCudaRuntime(kernel_sources())
    memory = on_gpu(runtime, np.ones(8, f32))
    replay = runtime.record(lambda: halve(runtime, memory, 8))
    replay()
    runtime.close()
    assert len(gpu.launches) == 1
    kinds = ["graph", "cublas", "pinned memory", "stream", "event", "memory", "module", "context"]
    assert list(dict.fromkeys(gpu.order)) == kinds
    runtime.close()
    assert gpu.order.count("context") == 1
    for use in (replay, runtime.synchronize, lambda: runtime.allocate(1), lambda: halve(runtime, memory, 8)):
        with pytest.raises(RunError, match="this GPU runtime was closed"):
            use()


@pytest.mark.parametrize("last", ["runtime", "memory", "recording"])
def test_garbage_may_be_collected_in_any_order(gpu, last):
    runtime = PyCudaRuntime(kernel_sources())
    memory = on_gpu(runtime, np.ones(8, f32))
    alive = {
        "memory": memory,
        "recording": runtime.record(lambda: halve(runtime, memory, 8)),  # noqa: F821
        "runtime": runtime,
    }
    alive["recording"]()
    del memory, runtime
    for name in sorted(alive, key=lambda name: name == last):
        del alive[name]
        gc.collect()
    assert gpu.order[-1] == "context" and len(gpu.launches) == 1


def test_runtimes_may_be_closed_in_any_order(gpu):
    first, second = (PyCudaRuntime(kernel_sources()) for _ in range(2))
    first.close()
    memory = on_gpu(second, np.ones(8, f32))
    halve(second, memory, 8)
    assert content(second, memory, np.empty(8, f32)).sum() == 4
    second.close()


def test_a_start_that_fails_leaves_nothing(gpu, monkeypatch):
    cublas = importlib.import_module("skcuda.cublas")
    monkeypatch.setattr(cublas, "cublasSetStream", lambda *_: cublas.cublasCheckStatus(13))
    with pytest.raises(RunError, match="the GPU cannot be used: cublasExecutionFailed"):
        PyCudaRuntime(kernel_sources())
    assert gpu.order[-1] == "context"


INTERRUPTED = """
import atexit, sys

@atexit.register  # registered first, so it runs last
def report():
    gpu = simulated_gpu.gpu
    print(gpu.order[-1:], gpu.contexts, gpu.handles, gpu.graphs, gpu.allocations)

sys.path.insert(0, "tests/devices/cuda/double")
import numpy as np, simulated_gpu
from hw5.devices.cuda import runtime as module
from hw5.devices.kernels import kernel_sources

runtime = module.PyCudaRuntime(kernel_sources())
memory = runtime.allocate(32)
runtime.write(int(memory), np.ones(8, np.float32))
recording = runtime.record(lambda: None)
raise KeyboardInterrupt
"""


@pytest.mark.slow
def test_ctrl_c_releases_in_order(simulated, tmp_path):
    environment = dict(os.environ, HW5_CACHE=str(tmp_path / "cache"))
    command = [sys.executable, "-c", INTERRUPTED]
    result = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment)
    assert result.stdout == "['context'] [] {} {} {}\n", result.stderr
    assert result.stderr.splitlines()[-1] == "KeyboardInterrupt"
