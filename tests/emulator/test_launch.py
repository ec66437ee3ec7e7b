"""Launches: arguments against the signature, the limits of a GPU, memory, and several modes in one process."""

import gc
import platform
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from hw5.emulator import Emulator, KernelFault
from hw5.errors import InputError, RunError

from .support import HERE, Arrays, write_kernel

i32, f32 = np.int32, np.float32

SCALE = """
extern "C" __global__ void scale(const float *x, float *y, float by, int n) {
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = by * x[i];
}
"""


@pytest.fixture(scope="module", params=[False, True], ids=["fast", "check"])
def emulator(request, tmp_path_factory):
    return Emulator([write_kernel(tmp_path_factory.mktemp("k"), SCALE, "scale.cu")], check=request.param)


@pytest.fixture
def memory(emulator):
    return emulator.allocate(40, "x")


def error_of(emulator, *args, grid=(1,), block=(10,), **more):
    with pytest.raises(KernelFault) as caught:
        emulator.launch("scale", grid, block, args, **more)
    assert caught.value.kind == "launch" and isinstance(caught.value, RunError)
    assert "scale" in str(caught.value)
    return str(caught.value)


def test_kernels_and_their_signatures(emulator):
    (kernel,) = emulator.kernels.values()
    assert (kernel.name, kernel.source.name, kernel.signature) == ("scale", "scale.cu", "PPfi")


def test_invalid_arguments(emulator, memory):
    x = int(memory)
    assert "takes 4 arguments, but got 3" in error_of(emulator, x, x, f32(2))
    assert "argument 3 must be a float (np.float32), not np.float64" in error_of(emulator, x, x, np.float64(2), i32(10))
    assert "argument 3 must be a float (np.float32), not float" in error_of(emulator, x, x, 2.0, i32(10))
    assert "argument 4 must be an int (np.int32), not np.int64" in error_of(emulator, x, x, f32(2), np.int64(10))
    assert "argument 4 must be an int (np.int32), not int" in error_of(emulator, x, x, f32(2), 10)
    assert "argument 2 must be a pointer (an int, the address), not np.int32" in error_of(
        emulator, x, i32(3), f32(2), i32(10)
    )
    array = np.zeros(10, f32)
    assert "argument 1 must be a pointer (an int, the address), not ndarray" in error_of(
        emulator, array, x, f32(2), i32(10)
    )


def test_pointers_may_be_memory_or_uint64(emulator, memory):
    out = emulator.allocate(40)
    emulator.write(int(memory), np.arange(10, dtype=f32))
    emulator.launch("scale", (1,), (10,), [memory, np.uint64(int(out)), f32(2), i32(10)])
    y = np.empty(10, f32)
    emulator.read(int(out), y)
    np.testing.assert_array_equal(y, 2 * np.arange(10))


def test_an_unknown_kernel(emulator):
    with pytest.raises(KernelFault, match="there is no kernel shrink; the kernels are scale"):
        emulator.launch("shrink", (1,), (1,), [])


@pytest.mark.parametrize(
    "grid, block, shared, words",
    [
        ((1,), (1025,), 0, "the block (1025,1,1) is too large"),
        ((1,), (32, 33), 0, "the block (32,33,1) is too large"),
        ((1,), (1, 1, 65), 0, "the block (1,1,65) is too large"),
        ((1,), (0,), 0, "the block (0,1,1) has no threads"),
        ((0, 5), (1,), 0, "the grid (0,5,1) has no blocks"),
        ((1, 65536), (1,), 0, "the grid (1,65536,1) is too large"),
        ((1,), (1,), 49153, "49153 bytes of dynamic shared memory exceed the limit of 49152"),
        ((-1,), (1,), 0, "must be whole numbers from 0"),
        ((1, 1, 1, 1), (1,), 0, "must be whole numbers from 0"),
        ((1.5,), (1,), 0, "must be whole numbers from 0"),
    ],
)
def test_limits(emulator, memory, grid, block, shared, words):
    x = int(memory)
    assert words in error_of(emulator, x, x, f32(2), i32(1), grid=grid, block=block, shared=shared)


def test_the_largest_block(emulator):
    x = np.arange(2048, dtype=f32)
    _, y = Arrays(emulator).run("scale", (2,), (1024,), x, 0 * x, f32(3), i32(2048), shared=49152)
    np.testing.assert_array_equal(y, 3 * x)


def test_new_memory_is_aligned_and_nan(emulator):
    memories = [emulator.allocate(n, "some") for n in (1, 100, 4096, 100_000)]
    for memory in memories:
        host = np.empty(memory.nbytes, np.uint8)
        emulator.read(int(memory), host)
        assert int(memory) % 256 == 0 and (host == 0xFF).all()


def test_copies_stay_in_bounds(emulator, memory):
    with pytest.raises(KernelFault, match="not within an array"):
        emulator.write(int(memory) + 4, np.zeros(10, f32))
    with pytest.raises(ValueError, match="C-contiguous"):
        emulator.write(int(memory), np.zeros((4, 4), f32)[:, :2])


def test_an_index_that_is_off_by_millions_is_in_no_other_array(tmp_path):
    stray = 'extern "C" __global__ void stray(int *x, int i) { x[i] = 1; }'
    emulator = Emulator([write_kernel(tmp_path, stray)], check=True)
    before, x, after = [[emulator.allocate(2_000_000) for _ in range(n)] for n in (20, 1, 20)]
    for distance in range(500_000, 2**23, 2**14):
        for i in (distance, -distance):
            with pytest.raises(KernelFault, match="out-of-bounds"):
                emulator.launch("stray", (1,), (1,), [int(x[0]), i32(i)])
    del before, after


def test_memory_is_freed_with_its_object():
    emulator = Emulator([HERE / "bugs" / "write_out_of_bounds.cu"], check=True)
    other, memory = emulator.allocate(512, "other"), emulator.allocate(512, "mine")
    address = int(memory)
    emulator.launch("fill", (1,), (32,), [0, address, i32(127)])
    del memory
    gc.collect()
    with pytest.raises(KernelFault, match="array 'other'"):
        emulator.launch("fill", (1,), (32,), [0, address, i32(127)])
    assert int(other)


def test_hundreds_of_megabytes():
    emulator = Emulator([HERE / "correct" / "kernels.cu"], check=True)
    memory = emulator.allocate(300 * 2**20, "large")
    last = np.ones(8, f32)
    emulator.write(int(memory) + memory.nbytes - 32, last)
    y = emulator.allocate(32, "y")
    emulator.launch("median3", (1,), (8,), [int(memory) + memory.nbytes - 32, int(y), i32(8)])
    emulator.read(int(y), last)
    np.testing.assert_array_equal(last, 1)


def test_several_modes_and_emulators_in_one_process(tmp_path):
    file = write_kernel(tmp_path, SCALE)
    emulators = [Emulator([file], check=check, order=order) for check in (0, 1) for order in ("forward", "random")]
    x = np.arange(100, dtype=f32)
    for by in range(3):
        for emulator in emulators:
            _, y = Arrays(emulator).run("scale", (2,), (64,), x, 0 * x, f32(by), i32(100))
            np.testing.assert_array_equal(y, by * x)
            if emulator.check:
                with pytest.raises(KernelFault, match="out-of-bounds"):
                    Arrays(emulator).run("scale", (2,), (64,), x, 0 * x, f32(by), i32(101))


def test_several_files_are_separate_modules(tmp_path):
    text = '__device__ int answer() {{ return {0}; }}  extern "C" __global__ void k{0}(int *y) {{ *y = answer(); }}'
    emulator = Emulator([write_kernel(tmp_path, text.format(i), f"k{i}.cu") for i in range(3)])
    for i in range(3):
        assert Arrays(emulator).run(f"k{i}", (1,), (1,), np.zeros(1, i32))[0] == i


def test_one_kernel_in_two_files(tmp_path):
    files = [write_kernel(tmp_path, SCALE, name) for name in ("one.cu", "two.cu")]
    with pytest.raises(InputError, match="the kernel scale is in two files, .*one.cu and .*two.cu"):
        Emulator(files)


def test_launches_from_several_os_threads(tmp_path):
    """Each OS thread has its own __shared__ memory, which the emulator must locate."""
    emulator = Emulator([HERE / "correct" / "kernels.cu"], check=True, time_limit=5)
    x = np.arange(40, dtype=f32)

    def reverse(_):
        return Arrays(emulator).run("reverse", (2,), (20,), x, 0 * x, i32(40), shared=80)[1]

    with ThreadPoolExecutor(3) as pool:
        for y in [reverse(0), *pool.map(reverse, range(9)), reverse(0)]:
            np.testing.assert_array_equal(y, np.r_[x[19::-1], x[:19:-1]])


def test_order_is_one_of_four(emulator):
    with pytest.raises(ValueError, match="forward, reverse, random, warps"):
        emulator.order = "backwards"


def test_threads_are_at_least_one(emulator):
    with pytest.raises(ValueError, match="at least 1, not 0"):
        emulator.threads = 0


def test_thousands_of_atomic_operations_before_the_last_thread_of_a_block(tmp_path):
    """A thread that does many yields to others of its block, if there are any."""
    text = 'extern "C" __global__ void total(int *y, int n) { for (int i = 0; i < n; i++) atomicAdd(y, 1); }'
    for check in (False, True):
        emulator = Emulator(write_kernel(tmp_path, text), check=check)
        for n in (63, 64, 65, 4096, 9000):
            assert Arrays(emulator).run("total", (2,), (64,), np.zeros(1, i32), i32(n))[0] == 128 * n


@pytest.mark.parametrize(
    "body, kind, words",
    [
        ("y[1000000000] = n;", "out-of-bounds", "check mode may show more"),
        pytest.param(
            "*y = 7 / n;",
            "arithmetic",
            "divides an integer by zero",
            marks=pytest.mark.skipif(platform.machine() == "aarch64", reason="division by zero gives 0 on aarch64"),
        ),
        ("assert(n > 0);", "assertion", "fails: n > 0"),
        ("volatile char a[300000]; a[n] = 1; *y = a[n + 1];", "stack-overflow", "256 KiB"),
        ("for (;;) y[0] += 1;", "timeout", "still running after the time limit"),
    ],
)
@pytest.mark.parametrize("check", [False, True], ids=["fast", "check"])
def test_a_crash_ends_the_launch_only(tmp_path, check, body, kind, words):
    text = f"""
    extern "C" __global__ void k(int *y, int n) {{ {body} }}
    extern "C" __global__ void fine(int *y) {{ *y = 5; }}
    """
    emulator = Emulator([write_kernel(tmp_path, text)], check=check, time_limit=0.1)
    for _ in range(2):
        with pytest.raises(KernelFault) as caught:
            Arrays(emulator).run("k", (1,), (1,), np.zeros(1, i32), i32(0))
        assert caught.value.kind == kind
        assert check or words in str(caught.value)
        assert Arrays(emulator).run("fine", (1,), (1,), np.zeros(1, i32))[0] == 5


LONG_LAUNCH = """
import sys
import numpy as np
from hw5.emulator import Emulator

emulator, y = Emulator(sys.argv[1], check=True, time_limit=1), np.zeros(8, np.int32)
print("launched", flush=True)
emulator.run("k", 1, 1, [y, 2_000_000])
print(y.sum())
"""


def test_the_time_in_which_other_programs_run_does_not_count(tmp_path):
    path = write_kernel(tmp_path, "__global__ void k(int *y, int n) { for (int i = 0; i < n; i++) y[i % 8] += 1; }")
    command = [sys.executable, "-c", LONG_LAUNCH, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "launched\n"
        time.sleep(0.05)
        process.send_signal(signal.SIGSTOP)
        time.sleep(1.5)
        process.send_signal(signal.SIGCONT)
        assert process.communicate()[0] == "2000000\n"
