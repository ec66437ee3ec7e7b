"""mma.sync and ldmatrix in inline PTX, with elements in lanes as the manual of PTX says."""

import numpy as np
import pytest

from hw5.emulator import KernelFault

from .support import SCHEDULES, Arrays, Emulator, line_of, schedule, write_kernel

f16, f32, f64 = np.float16, np.float32, np.float64


SHAPES = {  # name: types of PTX and NumPy, rows, depth, and (row, column) of an element of the first factor
    "f16_16": ("f32.f16.f16.f32", f16, f32, 16, 16, lambda i, g, t: (g + 8 * (2 <= i < 4 or i >= 6), t * 2 + i % 2 + 8 * (i >= 4))),
    "f16_8": ("f32.f16.f16.f32", f16, f32, 16, 8, lambda i, g, t: (g + 8 * (i >= 2), t * 2 + i % 2)),
    "f16_sum": ("f16.f16.f16.f16", f16, f16, 16, 16, lambda i, g, t: (g + 8 * (2 <= i < 4 or i >= 6), t * 2 + i % 2 + 8 * (i >= 4))),
    "bf16_16": ("f32.bf16.bf16.f32", "bf16", f32, 16, 16, lambda i, g, t: (g + 8 * (2 <= i < 4 or i >= 6), t * 2 + i % 2 + 8 * (i >= 4))),
    "tf32_8": ("f32.tf32.tf32.f32", f32, f32, 16, 8, lambda i, g, t: (g + 8 * (i % 2), t + 4 * (i >= 2))),
    "tf32_4": ("f32.tf32.tf32.f32", f32, f32, 16, 4, lambda i, g, t: (g + 8 * i, t)),
    "s8_32": ("s32.s8.s8.s32", np.int8, np.int32, 16, 32, lambda i, g, t: (g + 8 * (4 <= i < 8 or i >= 12), t * 4 + i % 4 + 16 * (i >= 8))),
    "u8_16": ("s32.u8.u8.s32", np.uint8, np.int32, 16, 16, lambda i, g, t: (g + 8 * (i >= 4), t * 4 + i % 4)),
    "s8_8": ("s32.s8.s8.s32", np.int8, np.int32, 8, 16, lambda i, g, t: (g, t * 4 + i)),
    "f64_4": ("f64.f64.f64.f64", f64, f64, 8, 4, lambda i, g, t: (g, t)),
}  # fmt: skip
PER_REGISTER = {f16: 2, "bf16": 2, f32: 1, np.int8: 4, np.uint8: 4, f64: 1}


def registers(name):
    """How many registers a lane has of both factors and of the sum."""
    _, T, S, M, K, _ = SHAPES[name]
    per_sum = 2 if S is f16 else 1
    return M * K // 32 // PER_REGISTER[T], K * 8 // 32 // PER_REGISTER[T], M * 8 // 32 // per_sum


def kernel(name):
    types, T, S, M, K, _ = SHAPES[name]
    a, b, c = registers(name)
    factor, constraint = ("double", "d") if T is f64 else ("unsigned", "r")
    of_sum, sum_constraint = {f32: ("float", "f"), f64: ("double", "d")}.get(S, ("int", "r"))
    numbers = iter(range(99))
    lists = ["{" + ", ".join(f"%{next(numbers)}" for _ in range(n)) + "}" for n in (c, a, b, c)]
    outputs = ", ".join(f'"={sum_constraint}"(d[{i}])' for i in range(c))
    inputs = [f'"{constraint}"(x[{i}])' for i in range(a)] + [f'"{constraint}"(y[{i}])' for i in range(b)]
    inputs += [f'"{sum_constraint}"(z[{i}])' for i in range(c)]
    return f"""
__global__ void {name}(const {factor} *x, const {factor} *y, const {of_sum} *z, {of_sum} *d) {{
    const int t = threadIdx.x;
    x += t * {a}, y += t * {b}, z += t * {c}, d += t * {c};
    asm volatile("mma.sync.aligned.m{M}n8k{K}.row.col.{types} {", ".join(lists)};\\n"
                 : {outputs}
                 : {", ".join(inputs)});
}}
"""


LOADS = """
#define SHARED "r"((unsigned)__cvta_generic_to_shared(s[threadIdx.x]))
#define LOAD(name, count, kind, list, row, ...)                                                     \\
    __global__ void name(const unsigned short *x, unsigned *y) {                                    \\
        __shared__ __align__(16) unsigned short s[32][24];                                          \\
        for (int i = 0; i < 8; i++) s[threadIdx.x][i] = x[threadIdx.x * 8 + i];                     \\
        __syncwarp();                                                                               \\
        unsigned r[count];                                                                          \\
        asm volatile("ldmatrix.sync.aligned." kind ".b16 " list ";" : __VA_ARGS__ : row);           \\
        for (int i = 0; i < count; i++) y[threadIdx.x * count + i] = r[i];                          \\
    }
LOAD(x1, 1, "m8n8.x1.shared", "{%0}, [%1]", SHARED, "=r"(r[0]))
LOAD(generic, 1, "m8n8.x1", "{%0}, [%1]", "l"(s[threadIdx.x]), "=r"(r[0]))
LOAD(x2, 2, "m8n8.x2.shared::cta", "{%0, %1}, [%2]", SHARED, "=r"(r[0]), "=r"(r[1]))
LOAD(x4, 4, "x4.m8n8.shared", "{%0, %1, %2, %3}, [%4]", SHARED, "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]))
LOAD(x1_trans, 1, "m8n8.x1.trans.shared", "{%0}, [%1]", SHARED, "=r"(r[0]))
LOAD(x4_trans, 4, "m8n8.x4.trans.shared", "{%0, %1, %2, %3}, [%4]", SHARED, "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]))

__device__ void load(unsigned &r, const void *p) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%0}, [%1];" : "=r"(r) : "r"((unsigned)__cvta_generic_to_shared(p)));  // LOAD
}
__global__ void misaligned(const unsigned short *x, unsigned *y) {
    __shared__ __align__(16) unsigned short s[32][12];
    load(y[threadIdx.x], s[threadIdx.x]);
}
__global__ void race(const unsigned short *x, unsigned *y) {
    __shared__ __align__(16) unsigned short s[8][8];
    for (int i = 0; i < 8; i++) s[i][threadIdx.x % 8] = 1;
    load(y[threadIdx.x], s[threadIdx.x % 8]);
}
__global__ void partial(const unsigned short *x, unsigned *y) {
    __shared__ __align__(16) unsigned short s[32][8];
    if (threadIdx.x > 7) load(y[threadIdx.x], s[threadIdx.x]);
}
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return write_kernel(tmp_path_factory.mktemp("k"), LOADS + "".join(map(kernel, SHAPES)))


@pytest.fixture(scope="module", params=[False, True], ids=["fast", "check"])
def emulator(request, file):
    return Emulator(file, check=request.param)


def dealt(matrix, place, count):
    """The elements of each lane."""
    return np.array([[matrix[place(i, lane // 4, lane % 4)] for i in range(count)] for lane in range(32)])


def numbers(T, shape, random):
    """Small numbers, as the kernel has them and as NumPy multiplies them."""
    x = random.integers(0 if T is np.uint8 else -9, 9, shape)
    return ((x.astype(f32).view(np.uint32) >> 16).astype(np.uint16) if T == "bf16" else x.astype(T)), x


@pytest.mark.parametrize("name", SHAPES)
def test_product(emulator, name):
    _, T, S, M, K, place = SHAPES[name]
    random = np.random.default_rng(1)
    (a, exact_a), (b, exact_b) = numbers(T, (M, K), random), numbers(T, (K, 8), random)
    c = random.integers(-9, 9, (M, 8)).astype(S)

    def of_sum(i, g, t):
        return g + 8 * (i >= 2), t * 2 + i % 2

    def of_second(i, g, t):
        """As the first factor of 8 rows, with rows for columns."""
        packed = PER_REGISTER[T]
        return (t + 4 * (i // packed)) * packed + i % packed, g

    x, y, z = dealt(a, place, M * K // 32), dealt(b, of_second, K * 8 // 32), dealt(c, of_sum, M * 8 // 32)
    words = [v if v.dtype == f64 or v is z and S is not f16 else v.view(np.int32) for v in (x, y, z)]
    *_, d = Arrays(emulator).run(name, (1,), (32,), *words, 0 * words[2])
    np.testing.assert_array_equal(d.view(z.dtype), dealt(exact_a @ exact_b + c, of_sum, M * 8 // 32))


@pytest.mark.parametrize(
    "name, count, transposed",
    [("x1", 1, 0), ("generic", 1, 0), ("x2", 2, 0), ("x4", 4, 0), ("x1_trans", 1, 1), ("x4_trans", 4, 1)],
)
def test_loads(emulator, name, count, transposed):
    x = np.arange(32 * 8, dtype=np.uint16).reshape(4, 8, 8)
    for order, seed in SCHEDULES[:4]:
        with schedule(emulator, order, seed):
            _, y = Arrays(emulator).run(name, (1,), (32,), x, np.zeros((32, count), np.int32))
        matrices = x[:count].swapaxes(1, 2) if transposed else x[:count]
        expected = matrices.reshape(count, 32, 2).swapaxes(0, 1)  # of a lane, two neighbours in a row
        np.testing.assert_array_equal(y.view(np.uint16).reshape(32, count, 2), expected)


WRONG = {
    "misaligned": ("misaligned", "a row has an address that is not a multiple of 16 bytes"),
    "partial": ("divergence", "lane . has exited"),
    "race": ("race", "no barrier between"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong(emulator, file, name):
    kind, words = WRONG[name]
    if kind == "race" and not emulator.check:
        pytest.skip("only check mode sees it")
    with pytest.raises(KernelFault, match=words) as caught:
        Arrays(emulator).run(name, (1,), (32,), np.zeros(256, np.uint16), np.zeros(32, np.int32))
    assert caught.value.kind == kind and (kind == "race" or caught.value.line == line_of(file, "LOAD"))


@pytest.mark.parametrize(
    "opcode",
    ["m16n8k16.row.col.f32.f16.bf16.f32", "m16n8k64.row.col.f32.f16.f16.f32", "m8n8k4.row.col.f32.f16.f16.f32"],
)
def test_other_shapes_are_refused(tmp_path, opcode):
    text = f'__global__ void k(float *y) {{ asm("mma.sync.aligned.{opcode} {{%0}}, {{%1}}, {{%2}}, {{%3}};" : "+f"(*y)); }}'
    with pytest.raises(Exception, match=f"k.cu:1: the PTX instruction mma.sync.aligned.{opcode} .* is not one"):
        Emulator(write_kernel(tmp_path, text))
