"""The functions of the CUDA dialect, against NumPy."""

from math import erf, nan

import numpy as np
import pytest

from hw5.emulator import KernelFault

from .support import HERE, Arrays, Emulator, write_kernel

i32, u32, f32 = np.int32, np.uint32, np.float32


@pytest.fixture(scope="module", params=["fast", "check"])
def run(request):
    return Arrays(Emulator([HERE / "correct" / "dialect.cu"], check=request.param == "check")).run


@pytest.fixture(scope="module")
def run_fast():
    return Arrays(Emulator([HERE / "correct" / "dialect.cu"])).run


@pytest.fixture
def random():
    return np.random.default_rng(3)


TYPES = {"int": i32, "uint": u32, "float": f32, "longlong": np.int64, "double": np.float64}


@pytest.mark.parametrize("width", [32, 16, 4])
@pytest.mark.parametrize("name", TYPES)
def test_shuffles(run, random, name, width):
    x = random.integers(0, 2**31, 64).astype(TYPES[name]) * 3
    _, y = run(f"shuffle_{name}", (1,), (64,), x, np.empty((4, 64), x.dtype), i32(width))
    groups = x.reshape(-1, width)
    lane = np.arange(width)
    down = np.where(lane + 2 < width, lane + 2, lane)
    up = np.where(lane >= 2, lane - 2, lane)
    for got, source in zip(y, [0 * lane + 5 % width, lane ^ 3, down, up]):
        np.testing.assert_array_equal(got, groups[:, source].ravel())


def test_votes(run, random):
    x = random.integers(0, 3, 32, dtype=i32)
    x[16:] += 1
    _, y = run("votes", (1,), (32,), x, np.empty((32, 4), u32))
    weights = u32(1) << np.arange(32, dtype=u32)
    for half, rows in ((slice(0, 16), y[:16]), (slice(16, 32), y[16:])):
        over = x[half] > 1
        last = over.sum() if half.start == 0 else weights[:16][over].sum()
        expected = [weights[half][x[half] != 0].sum(), x[half].any(), x[half].all(), last]
        np.testing.assert_array_equal(rows, np.tile(np.array(expected, u32), (16, 1)))


def test_warp_reductions(run, random):
    x = random.integers(-(2**31), 2**31, 32).astype(i32)
    _, y = run("reductions", (1,), (32,), x, np.empty((32, 9), i32))
    u = x.view(u32)
    bitwise = [f.reduce(u) for f in (np.bitwise_and, np.bitwise_or, np.bitwise_xor)]
    unsigned = np.array([u.sum(dtype=u32), u.min(), u.max(), *bitwise], u32)
    expected = [x.sum(dtype=i32), x.min(), x.max(), *unsigned.view(i32)]
    np.testing.assert_array_equal(y, np.tile(np.array(expected, i32), (32, 1)))


@pytest.mark.parametrize("x", [np.ones(50, i32), np.zeros(50, i32), np.arange(50, dtype=i32) % 2])
def test_voting_barriers(run, x):
    _, y = run("block_votes", (1,), (50,), x, np.empty(3, i32))
    np.testing.assert_array_equal(y, [np.count_nonzero(x), x.all(), x.any()])


@pytest.mark.parametrize("name, dtype", [("int", i32), ("uint", u32), ("ulonglong", np.uint64)])
def test_atomics(run_fast, random, name, dtype):
    x = random.permutation(np.arange(1, 201)).astype(dtype)
    _, y = run_fast(f"atomics_{name}", (4,), (50,), x, np.array([0, 1000, 0, 0, 0], dtype))
    np.testing.assert_array_equal(y, [x.sum(), 1, 200, x.sum(), x[7]])


def test_atomic_addition_of_floats(run, random):
    x = random.integers(-100, 100, 40).astype(f32)
    assert run("atomic_float", (1,), (40,), x, np.zeros(1, f32))[1] == x.sum()


def test_bits(run, random):
    x = np.append(random.integers(-(2**31), 2**31, 40), [0, 1, -1, -(2**31), 2**31 - 1]).astype(i32)
    n = len(x)
    _, y = run("bits", (1,), (n,), x, np.empty((8, n), i32))
    text = [f"{int(v) & 0xFFFFFFFF:032b}" for v in x]
    np.testing.assert_array_equal(y[0], [t.count("1") for t in text])
    np.testing.assert_array_equal(y[1], [t[::-1].find("1") + 1 for t in text])
    np.testing.assert_array_equal(y[2], [(t + "1").find("1") for t in text])
    np.testing.assert_array_equal(y[3], np.array([int(t[::-1], 2) for t in text], u32).view(i32))
    np.testing.assert_array_equal(y[4], x)
    np.testing.assert_array_equal(y[5], x)
    np.testing.assert_array_equal(y[6], np.minimum(x, 3) + np.maximum(x, -3))
    np.testing.assert_array_equal(y[7], x.astype(np.int64) ** 2 >> 32)


def test_functions(run, random):
    x = np.append(random.standard_normal(20), [0.25, -0.75, 3.5]).astype(f32)
    _, y = run("functions", (1,), (len(x),), x, np.empty((len(x), 16), f32), i32(0))
    v = x.astype(np.float64)
    a = np.abs(v)
    expected = [
        np.exp(v), np.log(a), 1 / v, a**-0.5, 1 / v, v * v + 1, a**1.5, np.tanh(v), v, v, v, np.minimum(v, 0),
        0 * v + 2,
        np.exp(v) + a**0.5 + a**0.5 + np.floor(v), np.clip(v, 0, 1),
        np.expm1(v) + np.log1p(a) + [erf(t) for t in v] + np.fmod(v, 2),
    ]  # fmt: skip
    np.testing.assert_allclose(y.T, expected, rtol=2e-6, atol=1e-6)
    _, y = run("functions", (1,), (1,), f32([nan]), np.empty((1, 16), f32), i32(0))
    assert y[0, 12] == 1


def test_conversions_to_integers(run):
    x = f32([0.5, 1.5, -1.5, 2.7, -2.7, 3e9, -3e9, np.nan])
    _, y = run("to_integers", (1,), (len(x),), x, np.empty((len(x), 4), i32))
    finite = x[:5]
    np.testing.assert_array_equal(y[:5].T, [np.rint(finite), np.trunc(finite), np.ceil(finite), np.floor(finite)])
    np.testing.assert_array_equal(y[5:].T, np.tile([2**31 - 1, -(2**31), 0], (4, 1)))


def test_vectors(run, random):
    x, b = random.standard_normal((5, 4), f32), random.integers(0, 256, (5, 4), np.uint8)
    _, _, y, u, d = run(
        "vectors", (1,), (5,), x, b, np.empty((5, 2), f32), np.empty((5, 4), u32), np.empty((5, 2), i32)
    )
    np.testing.assert_array_equal(y, np.stack([x[:, 0] + x[:, 2], x[:, 1] + x[:, 3]], 1))
    np.testing.assert_array_equal(u, b)
    np.testing.assert_array_equal(d, [[6, 16 + 16 + 8]] * 5)


def test_all_dynamic_shared_arrays_are_one_buffer(run):
    (y,) = run("one_buffer", (1,), (64,), np.empty(64, i32), shared=256)
    np.testing.assert_array_equal(y, np.arange(64) + 1000 * (np.arange(64) + 1))


def test_three_dimensional_grids_and_blocks(run):
    (y,) = run("indices", (4, 3, 2), (5, 2, 3), np.empty(24 * 30, i32))
    z, yy, x = np.indices((2, 3, 4)).reshape(3, 24, 1)
    tz, ty, tx = np.indices((3, 2, 5)).reshape(3, 30)
    expected = (z * 10 + yy) * 10 + x + 1000 * (tz * 100 + ty * 10 + tx)
    np.testing.assert_array_equal(y, expected.ravel())


def test_every_type_of_argument(run):
    values = [
        np.bool_(True), np.int8(-8), np.uint8(200), np.int16(-300), np.uint16(60000), i32(-70000), u32(4 * 10**9),
        np.int64(-(2**40)), np.uint64(2**50), f32(0.5), np.float64(0.1),
    ]  # fmt: skip
    (y,) = run("every_type", (1,), (1,), *values, np.empty(11))
    np.testing.assert_array_equal(y, [float(v) for v in values])


def test_printf(run, capfd):
    run("greet", (1,), (8,), i32(2))
    assert capfd.readouterr().out == "thread 0 of 2\nthread 1 of 2\n"


def test_each_emulator_has_its_own_stream_for_printf(run, capfd):
    other = Emulator([HERE / "correct" / "dialect.cu"], check=True)
    other.print_to_stderr()
    other.run("greet", 1, 8, [2])
    assert capfd.readouterr() == ("", "thread 0 of 2\nthread 1 of 2\n")
    test_printf(run, capfd)


def test_the_macro_of_the_emulator(run):
    assert run("is_emulated", (1,), (1,), np.zeros(1, i32))[0] == 1


@pytest.mark.parametrize("check", [False, True])
def test_standard_headers_may_be_included(tmp_path, check):
    """C++'s <cmath> and C's <math.h> and <stdlib.h> do not clash with the overloads of the dialect."""
    file = write_kernel(
        tmp_path,
        """
        #include <cmath>
        #include <math.h>
        #include <stdlib.h>
        #include <cstdint>
        #include <cstdlib>
        #include <limits>
        #include <algorithm>
        extern "C" __global__ void k(float *y) {
            y[0] = fabs(-1.5f) + abs(-2.0f) + abs(-3) + std::sqrt(16.0f) + exp(0.0f) + sqrt(4) + isnan(y[0] * 0);
            y[1] = std::numeric_limits<float>::infinity() > 3 && isinf(INFINITY) && std::isfinite(1.0f);
            y[2] = max(std::min(1.0f, 2.0f), 0.5f);
        }
        """,
    )
    (y,) = Arrays(Emulator([file], check=check)).run("k", (1,), (1,), np.zeros(3, f32))
    np.testing.assert_array_equal(y, [1.5 + 2 + 3 + 4 + 1 + 2, 1, 1])


@pytest.mark.parametrize("check", [False, True])
def test_activemask_is_of_the_lanes_that_arrive_together(tmp_path, check):
    text = "__global__ void k(unsigned *y) { if (threadIdx.x % 3 == 0) y[threadIdx.x] = __activemask(); }"
    emulator = Emulator([write_kernel(tmp_path, text)], check=check)
    for emulator.order in ("forward", "reverse", "random", "warps"):
        (y,) = Arrays(emulator).run("k", (1,), (40,), np.zeros(40, u32))
        assert y[0] == sum(1 << lane for lane in range(0, 32, 3)) and y[33] == 0b10010010 and y[1] == 0


@pytest.mark.parametrize("check", [False, True])
def test_divergence_is_reported_in_both_modes(check):
    emulator = Emulator([HERE / "bugs" / "divergent_vote.cu"], check=check)
    with pytest.raises(KernelFault, match="divergent_vote.cu:4"):
        Arrays(emulator).run("vote", (1,), (64,), np.ones(64, f32), np.ones(64, f32), i32(64))


@pytest.mark.parametrize("include", ["", "#include <cmath>\n"], ids=["without a header", "with cmath"])
def test_functions_of_any_integers(tmp_path, include):
    text = """__global__ void k(double *y, unsigned n, int m, long long q, float f) {
    y[0] = fmin(n - 3, m) + fmax(m, q) + pow(n, 2) + pow(2, n) + pow(2.0, q) + fmod(q, n);
    y[1] = sqrt(n) + log2(sizeof(double)) + floor(q) + fmax(f, n) + hypot(n - 2, 4) + pow(f, n);
}"""
    emulator, y = Emulator(write_kernel(tmp_path, include + text)), np.zeros(2)
    emulator.run("k", 1, 1, [y, 5, 7, 9, 0.5])
    np.testing.assert_allclose(y, [2 + 9 + 25 + 32 + 512 + 4, 5**0.5 + 3 + 9 + 5 + 5 + 0.5**5])
