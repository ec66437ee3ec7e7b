"""Files as people have them: with host code, without extern "C", with templates, structures and inline PTX."""

import numpy as np
import pytest

from hw5.emulator import Emulator, KernelFault
from hw5.errors import InputError

from .support import write_kernel

f32, i32, u32 = np.float32, np.int32, np.uint32
FILE = r"""
#include <iostream>
#include <vector>
#include "no_such_header.h"
#include <cuda_runtime.h>
using namespace std;
#define CHECK(call) do { if ((call) != cudaSuccess) exit(1); } while (0)
const int width = 4;
enum Kind { KIND_ONE = 1, KIND_TWO };
struct Pair { int a; float b; Pair(int n) : a(n), b(0) { std::cout << n; } __host__ __device__ float sum() const { return a + b; } };
std::vector<float> global;
static cudaStream_t stream;
float host_only(float x) { return x + global[0]; }
__constant__ float factor[2];
__device__ float twice(float x) { return 2 * x; }
template <typename T, int n> __global__ void tile(T *y) { y[threadIdx.x] = (T)(n * width + sizeof(T) + KIND_TWO); }
__global__ void scale(const float *x, float *y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = twice(x[i]) * factor[1];
}
__global__ void total(Pair pair, double4 d, float *y) { y[0] = pair.sum() + d.w; }
int main(int argc, char **argv) {
    const int n = 8;
    CHECK(cudaMemcpyToSymbol(factor, argv, 8));
    tile<double, n><<<1, 32>>>(nullptr);
    scale<<<dim3(2), 32, 0, stream>>>(nullptr, nullptr, host_only(3));
    return 0;
}
"""


@pytest.fixture(scope="module", params=[False, True], ids=["fast", "check"])
def emulator(request, tmp_path_factory):
    file = write_kernel(tmp_path_factory.mktemp("whole"), FILE)
    return Emulator(file, check=request.param, instances=["tile< float,2 >"])


def test_kernels_and_instances_are_found(emulator):
    assert set(emulator.kernels) == {"scale", "total", "tile<double, 8>", "tile<float, 2>"}
    y = np.zeros(32)
    emulator.run("tile<double,8>", 1, 32, [y])
    assert (y == 8 * 4 + 8 + 2).all()
    y = np.zeros(32, f32)
    emulator.run("tile<float, 2>", 1, 32, [y])
    assert (y == 2 * 4 + 4 + 2).all()
    with pytest.raises(KernelFault, match="several instances; choose one of tile<float, 2>, tile<double, 8>"):
        emulator.run("tile", 1, 32, [y])


def test_a_constant_is_set_by_the_host(emulator):
    x, y = np.arange(40, dtype=f32), np.zeros(40, f32)
    address, size = emulator.variable("factor")
    assert size == 8
    emulator.write(address, f32([0, 3]))
    emulator.run("scale", 2, 32, [x, y, 40])
    np.testing.assert_array_equal(y, 6 * x)
    with pytest.raises(InputError, match="no __device__ or __constant__ variable other; the variables are factor"):
        emulator.variable("other")


def test_structures_are_passed_by_value(emulator):
    pair = np.zeros((), [("a", i32), ("b", f32)])
    pair["a"], pair["b"] = 3, 0.5
    y = np.zeros(1, f32)
    emulator.run("total", 1, 1, [pair, np.array([0, 0, 0, 2.0]).tobytes(), y])
    assert y[0] == 5.5
    with pytest.raises(KernelFault, match=r"argument 1 must be a structure of 8 bytes"):
        emulator.run("total", 1, 1, [b"1234", bytes(32), y])


def test_the_line_of_an_error_is_that_of_the_file(tmp_path):
    text = FILE.replace("if (i < n) y[i]", "y[i]")
    emulator = Emulator(write_kernel(tmp_path, text), check=True)
    emulator.write(emulator.variable("factor")[0], np.ones(2, f32))
    with pytest.raises(KernelFault) as caught:
        emulator.run("scale", 2, 32, [np.ones(40, f32), np.ones(40, f32), 40])
    assert caught.value.line == 1 + text.splitlines().index("    y[i] = twice(x[i]) * factor[1];")


@pytest.mark.parametrize(
    "body, reason",
    [
        ("exit(0);", r"k\.cu:3: exit\(\) is a function of the host"),
        ("void (*leave)(int) = exit; leave(0);", r"k\.cu:3: exit\(\) is a function of the host"),
        ("::abort();", r"k\.cu:3: abort\(\) is a function of the host"),
        ("throw 1;", r"k\.cu:3: a kernel cannot use exceptions"),
        ("std::cout << 1;", r"k\.cu:3: cout is a stream of the host"),
        ("other<<<1, 1>>>(y);", r"k\.cu:3: it launches a kernel from a kernel"),
        (
            "*y = tex2Dgather<int4>(0, 1, 1).x;",
            r"k\.cu:3: tex2Dgather: the emulator does not have this kind of texture",
        ),
        ("surfCubemapwrite(1, 0, 0, 0, 0);", r"k\.cu:3: surfCubemapwrite: the emulator does not have cubic surfaces"),
        ('asm("wgmma.fence.sync.aligned;");', r"k\.cu:3: the PTX instruction wgmma.* is not one"),
        (
            'asm("mma.sync.aligned.m16n8k32.row.col.kind::mxf8f6f4.block_scale.f32.e4m3.e4m3.f32.ue8m0 "'
            '"{%0, %0, %0, %0}, {%0, %0, %0, %0}, {%0, %0}, {%0, %0, %0, %0}, {%0}, {%1, %1}, {%0}, {%1, %1};"'
            ' : "+r"(y[0]) : "h"((short)0));',
            r"k\.cu:3: the PTX instruction mma\.sync\.aligned.*block_scale.* is not one",
        ),
        ("*(void **)__builtin_frame_address(0) = 0;", r"k\.cu:3: a kernel cannot use __builtin_frame_address"),
        ("hw5_link.runtime.fence();", r"k\.cu:3: hw5_link belongs to the emulator"),
        ("__shared__ float s[12289]; s[0] = 1; *y = s[0];", r"k\.cu:2: the kernel k has 49,156 bytes of static"),
    ],
)
@pytest.mark.parametrize("also", ["", "__global__ void other(int *y) { *y = 1; }"], ids=["alone", "beside another"])
def test_what_a_gpu_lacks_is_refused_by_name_and_line(tmp_path, body, reason, also):
    file = write_kernel(tmp_path, f"{also}\n__global__ void k(int *y) {{\n{body}\n}}")
    if also or "shared" in body:
        emulator = Emulator(file, check=True)
        assert "k" not in emulator.kernels
        with pytest.raises(KernelFault, match=f"k cannot be emulated: {reason}"):
            emulator.run("k", 1, 1, [np.zeros(1, i32)])
    else:
        with pytest.raises(InputError, match=reason):
            Emulator(file)


@pytest.mark.parametrize(
    "attribute",
    [
        '__attribute__((used, __no_sanitize__("thread")))',
        '[[gnu::no_sanitize("thread")]]',
        "__attribute__((constructor))",
    ],
)
def test_attributes_that_would_hide_accesses_or_run_code_at_once(tmp_path, attribute):
    file = write_kernel(
        tmp_path, f"{attribute} __device__ void f(int *y) {{ *y = 1; }} __global__ void k(int *y) {{ f(y); }}"
    )
    with pytest.raises(InputError, match="does not accept the attribute"):
        Emulator(file)


@pytest.mark.parametrize("call", ["getpid()", "rand()", "time(0)"])
def test_functions_of_the_c_library_that_a_gpu_lacks(tmp_path, call):
    file = write_kernel(tmp_path, f"#include <unistd.h>\n__global__ void k(int *y) {{ *y = {call}; }}")
    with pytest.raises(InputError, match=f"only on the host: {call.partition('(')[0]}"):
        Emulator(file)


@pytest.mark.parametrize("check", [False, True])
def test_inline_ptx(tmp_path, check):
    text = r"""
    __global__ void k(unsigned *y, float *f) {
        unsigned t = threadIdx.x, m;
        asm("bfe.u32 %0, %1, 1, 3;" : "=r"(m) : "r"(t));
        asm("{\n\t.reg .pred p;\n\tsetp.lt.u32 p, %1, 4;\n\tselp.u32 %0, 7, 9, p;\n\t}" : "=r"(y[t]) : "r"(t));
        unsigned lane;
        asm volatile("mov.u32 %0, %%laneid;" : "=r"(lane));
        y[t] += 100 * m + 10000 * lane;
        asm("fma.rn.f32 %0, %1, %1, 0f3F800000;" : "=f"(f[t]) : "f"((float)t));
        asm volatile("" ::: "memory");
    }"""
    y, f = np.zeros(40, u32), np.zeros(40, f32)
    Emulator(write_kernel(tmp_path, text), check=check).run("k", 1, 40, [y, f])
    t = np.arange(40)
    np.testing.assert_array_equal(y, np.where(t < 4, 7, 9) + 100 * (t >> 1 & 7) + 10000 * (t % 32))
    np.testing.assert_array_equal(f, t * t + 1)


@pytest.mark.parametrize("at, n", [(0, 8), (5, 0), (28, 16), (60, 8), (70, 8), (3, 64)])
def test_bit_fields_in_ptx(tmp_path, at, n):
    text = r"""
    __global__ void k(unsigned long long *y, long long x, unsigned at, unsigned n) {
        asm("bfe.u64 %0, %1, %2, %3;" : "=l"(y[0]) : "l"(x), "r"(at), "r"(n));
        asm("bfe.s64 %0, %1, %2, %3;" : "=l"(y[1]) : "l"(x), "r"(at), "r"(n));
        asm("bfi.b64 %0, %1, %2, %3, %4;" : "=l"(y[2]) : "l"(x), "l"(0ll), "r"(at), "r"(n));
    }"""
    x, y = -(0x123456789ABCDEF), np.zeros(3, np.uint64)
    Emulator(write_kernel(tmp_path, text)).run("k", 1, 1, [y, x, at, n])
    field = (x >> at) % 2**n  # of the sign, beyond the last bit
    unsigned = (x % 2**64 >> at) % 2**n
    signed = 0 if n == 0 else field - 2**n * (field >> (n - 1))
    inserted = (x % 2**n << at) % 2**64
    np.testing.assert_array_equal(y, np.array([unsigned, signed % 2**64, inserted], np.uint64))


@pytest.mark.parametrize("check", [False, True])
def test_operands_in_ptx_may_have_any_name(tmp_path, check):
    text = r"""
    __global__ void k(unsigned *y, unsigned a, unsigned b, float *f) {
        unsigned r, c, d;
        unsigned long long v = 0x100000002ull;
        float4 V;
        asm("popc.b32 %0, %1;" : "=r"(r) : "r"(a)); y[0] = r;
        asm("prmt.b32 %0, %1, %2, 0x5410;" : "=r"(r) : "r"(b), "r"(a)); y[1] = r;
        asm("mov.b64 {%0, %1}, %2;" : "=r"(c), "=r"(d) : "l"(v)); y[2] = 10 * c + d;
        asm("sad.u32 %0, %1, %2, 1;" : "=r"(a) : "r"(b), "r"(a)); y[3] = a;
        asm("ld.global.nc.v4.f32 {%0, %1, %2, %3}, [%4];" : "=f"(V.x), "=f"(V.y), "=f"(V.z), "=f"(V.w) : "l"(f));
        asm("st.global.v2.f32 [%0], {%1, %2};" :: "l"(f + 4), "f"(V.w), "f"(V.y));
    }"""
    y, f = np.zeros(4, u32), np.arange(6, dtype=f32)
    Emulator(write_kernel(tmp_path, text), check=check).run("k", 1, 1, [y, np.uint32(7), np.uint32(1000), f])
    assert y.tolist() == [3, 7 << 16 | 1000, 21, 994] and f[4:].tolist() == [3, 1]


@pytest.mark.parametrize("check", [False, True])
def test_atomic_operations_and_flags_in_ptx(tmp_path, check):
    text = r"""
    __global__ void k(int *count, float *sum, unsigned long long *most, int *data, int *flag) {
        unsigned lanes;
        asm volatile("activemask.b32 %0;" : "=r"(lanes));
        asm volatile("red.release.gpu.global.add.s32 [%0], %1;" :: "l"(count), "r"(1) : "memory");
        asm volatile("red.global.add.f32 [%0], %1;" :: "l"(sum), "f"(0.5f));
        asm volatile("atom.global.max.u64 %0, [%1], %2;" : "=l"(most[1 + blockIdx.x * 32 + threadIdx.x]) : "l"(most), "l"(threadIdx.x + 5ull));
        if (threadIdx.x) return;
        if (blockIdx.x == 0) {
            *data = lanes;
            asm volatile("st.release.gpu.global.s32 [%0], %1;" :: "l"(flag), "r"(1) : "memory");
        } else {
            int seen;
            do { asm volatile("ld.acquire.gpu.global.s32 %0, [%1];" : "=r"(seen) : "l"(flag) : "memory"); } while (!seen);
            data[1] = *data;
        }
    }"""
    emulator = Emulator(write_kernel(tmp_path, text), check=check, time_limit=60)
    for emulator.order in ("forward", "reverse", "random"):
        count, total, most, data = np.zeros(1, i32), np.zeros(1, f32), np.zeros(65, np.uint64), np.zeros(2, i32)
        emulator.run("k", 2, 32, [count, total, most, data, np.zeros(1, i32)])
        assert (count, total, most[0]) == (64, 32, 36) and data.tolist() == [-1, -1]


GROUPS = r"""
#include <cooperative_groups.h>
#include <cooperative_groups/reduce.h>
namespace cg = cooperative_groups;
__global__ void tiles(int *y) {
    cg::thread_block block = cg::this_thread_block();
    cg::thread_block_tile<8> tile = cg::tiled_partition<8>(block);
    int rank = block.thread_rank();
    y[rank] = cg::reduce(tile, rank, cg::plus<int>()) + 1000 * tile.thread_rank() + 10000 * tile.meta_group_rank();
    block.sync();
    if (rank % 3 == 0) {
        cg::coalesced_group some = cg::coalesced_threads();
        y[rank] = some.size() * 100 + some.thread_rank() + 100000 * some.shfl(rank, 1);
    }
}
__global__ void matches(unsigned *y) {
    int same;
    y[threadIdx.x] = __match_any_sync(0xffffffff, threadIdx.x % 3);
    y[32 + threadIdx.x] = __match_all_sync(0xffffffff, 5, &same) + same;
    y[64 + threadIdx.x] = __shfl_down(threadIdx.x, 2);
}
"""


@pytest.mark.parametrize("check", [False, True])
def test_cooperative_groups_and_matches(tmp_path, check):
    emulator = Emulator(write_kernel(tmp_path, GROUPS), check=check)
    for emulator.order in ("forward", "reverse", "random", "warps"):
        y = np.zeros(32, i32)
        emulator.run("tiles", 1, 32, [y])
        t = np.arange(32)
        expected = t // 8 * 64 + 28 + 1000 * (t % 8) + 10000 * (t // 8)
        some = t % 3 == 0
        expected[some] = 1100 + np.arange(11) + 300000
        np.testing.assert_array_equal(y, expected)
        y = np.zeros(96, u32)
        emulator.run("matches", 1, 32, [y])
        masks = [sum(1 << k for k in range(32) if k % 3 == r) for r in range(3)]
        np.testing.assert_array_equal(y[:32], [masks[k % 3] for k in t])
        assert (y[32:64] == 0).all()  # all lanes and 1, which overflows to 0
        np.testing.assert_array_equal(y[64:], np.where(t < 30, t + 2, t))


HALVES = r"""
#include <cuda_fp16.h>
#include <cuda_bf16.h>
__global__ void halves(const float *x, unsigned short *h, unsigned short *b, float *back) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    h[i] = __half_as_ushort(__float2half(x[i]));
    b[i] = __bfloat16_as_ushort(__float2bfloat16(x[i]));
    back[i] = __half2float(__ushort_as_half((unsigned short)i));
}
"""


def test_half_precision_is_rounded_as_numpy_rounds_it(tmp_path):
    n = 65536
    random = np.random.default_rng(4)
    x = np.concatenate(
        [random.standard_normal(n // 2) * 10.0 ** random.integers(-9, 6, n // 2), np.arange(n // 2) / 16]
    )
    x = x.astype(f32)
    h, b, back = np.zeros(n, np.uint16), np.zeros(n, np.uint16), np.zeros(n, f32)
    Emulator(write_kernel(tmp_path, HALVES)).run("halves", n // 256, 256, [x, h, b, back])
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(h, x.astype(np.float16).view(np.uint16))
    np.testing.assert_array_equal(back, np.arange(n, dtype=np.uint16).view(np.float16).astype(f32))
    bits = x.view(u32).astype(np.uint64)
    np.testing.assert_array_equal(b, (bits + 0x7FFF + (bits >> np.uint64(16) & np.uint64(1))) >> np.uint64(16))


def test_a_warp_may_wait_for_another_by_spinning(tmp_path):
    text = """__global__ void k(int *y) {
        __shared__ int ready;
        if (threadIdx.x == 0) ready = 0;
        __syncthreads();
        if (threadIdx.x < 32) while (atomicAdd(&ready, 0) == 0) ;
        else if (threadIdx.x == 63) { atomicExch(&ready, 1); }
        y[threadIdx.x] = 1;
    }"""
    for check in (False, True):
        emulator = Emulator(write_kernel(tmp_path, text), check=check, time_limit=20)
        for emulator.order in ("forward", "reverse", "random", "warps"):
            y = np.zeros(64, i32)
            emulator.run("k", 1, 64, [y])
            assert y.all()


HEADERS = """
#include <stdio.h>
extern "C++" {
template <class T> struct Pair { T a, b; };
namespace scaled {
template <class T> __device__ T exp(T x) { return ::exp(x) * 2; }
__device__ constexpr float third() { return ::log(2.0f) / 3; }
}
}
typedef float out_type;
extern "C" __global__ void k(out_type *y, double *d, int *same, Pair<float> pair) {
    const dim3 blockDim(7, 8, 9);  // a variable of the kernel, as some have it
    y[0] = scaled::exp(pair.a);
    y[1] = scaled::third();
    d[0] = scaled::exp((double)pair.b);
    float s, c;
    ::sincos(1.0f, &s, &c);
    y[2] = s;
    same[0] = sizeof(::sqrt(2.0f)) == sizeof(float);
    same[1] = blockDim.y;
    same[2] = gridDim.x;
}
struct Corner { int threadIdx; };
__global__ void members(int *y) {
    Corner corner;
    corner.threadIdx = 3 + threadIdx.x, y[threadIdx.x] = corner.threadIdx > threadIdx.x ? corner.threadIdx : 0;
}
"""


def test_names_of_cuda_that_are_qualified_or_hidden(tmp_path):
    for check in (False, True):
        emulator = Emulator(write_kernel(tmp_path, HEADERS), check=check)
        y, d, same = np.zeros(3, f32), np.zeros(1), np.zeros(3, i32)
        pair = np.array([1, 2], f32).tobytes()
        emulator.run("k", 1, 1, [y, d, same, pair])
        np.testing.assert_allclose(y, [2 * np.exp(1), np.log(2) / 3, np.sin(1)], rtol=1e-6)
        np.testing.assert_allclose(d, 2 * np.exp(2), rtol=1e-15)
        assert same.tolist() == [1, 8, 1]
        numbers = np.zeros(4, i32)
        emulator.run("members", 1, 4, [numbers])
        assert numbers.tolist() == [3, 4, 5, 6]


def test_instances_of_enumerators_and_of_names_in_namespaces(tmp_path):
    text = """
enum class Mode { A, B };
namespace m { enum Kind { X, Y }; struct P { static constexpr int n = 3; }; }
template <Mode mode, m::Kind kind, int n> __global__ void k(int *y) { *y = (mode == Mode::B) + 2 * (kind == m::Y) + 4 * n; }
int main() { k<Mode::B, m::Y, m::P::n><<<1, 1>>>(0); }"""
    emulator, y = Emulator(write_kernel(tmp_path, text)), np.zeros(1, i32)
    emulator.run("k", 1, 1, [y])
    assert list(emulator.kernels) == ["k<Mode::B, m::Y, m::P::n>"] and y[0] == 15


def test_limits_that_a_missing_header_defines(tmp_path):
    text = '#include "opencv2/no_such.hpp"\n__global__ void k(float *y) { *y = -FLT_MAX; }\n'
    emulator, y = Emulator(write_kernel(tmp_path, text)), np.zeros(1, f32)
    emulator.run("k", 1, 1, [y])
    assert y[0] == np.finfo(f32).min


def test_tiles_of_more_than_a_warp_are_refused_by_name(tmp_path):
    text = """#include <cooperative_groups.h>
namespace cg = cooperative_groups;
__global__ void wide(int *y) { auto tile = cg::tiled_partition<256>(cg::this_thread_block()); y[tile.thread_rank()] = 1; }
__global__ void k(int *y) { y[cg::tiled_partition<32>(cg::this_thread_block()).thread_rank()] = 1; }
"""
    emulator = Emulator(write_kernel(tmp_path, text))
    assert list(emulator.kernels) == ["k"]
    assert emulator.refused["wide"] == "k.cu:3: the emulator does not have tiles of more than a warp (256 threads)"


def test_a_class_whose_functions_of_the_host_take_containers(tmp_path):
    text = """
#include <string>
#include <vector>
class Net {
  public:
    struct Layer { int n; float w[4]; };
    Net(const std::string &name, std::vector<float> &w);
    void load(std::vector<float> &w);
    std::vector<float> save() const;
  private:
    Layer layer;
};
__global__ void k(Net::Layer layer, float *y) { y[threadIdx.x] = layer.w[threadIdx.x] * layer.n; }
void Net::load(std::vector<float> &w) { k<<<1, 4>>>(layer, w.data()); }
"""
    emulator, y = Emulator(write_kernel(tmp_path, text)), np.zeros(4, f32)
    layer = np.array((2, [1, 2, 3, 4]), [("n", i32), ("w", f32, 4)])[()]
    emulator.run("k", 1, 4, [layer, y])
    np.testing.assert_array_equal(y, [2, 4, 6, 8])


@pytest.mark.parametrize("check", [False, True])
def test_ptx_converts_to_and_from_16_bits(tmp_path, check):
    text = """__global__ void k(unsigned *y, float *z, float a, float b) {
    unsigned short half, brain;
    asm("cvt.rn.bf16x2.f32 %0, %2, %1;" : "=r"(y[0]) : "f"(a), "f"(b));
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(y[1]) : "f"(a), "f"(b));
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(half) : "f"(a));
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(brain) : "f"(b));
    asm("cvt.f32.f16 %0, %1;" : "=f"(z[0]) : "h"(half));
    asm("cvt.f32.bf16 %0, %1;" : "=f"(z[1]) : "h"(brain));
}"""
    emulator, y, z = Emulator(write_kernel(tmp_path, text), check=check), np.zeros(2, u32), np.zeros(2, f32)
    emulator.run("k", 1, 1, [y, z, 1.2345678, -3.3])
    assert [hex(bits) for bits in y] == ["0xc0533f9e", "0x3cf0c29a"]
    assert z[0] == np.float16(1.2345678) and z[1] == -3.296875


@pytest.mark.parametrize("check", [False, True])
def test_ptx_of_numbers_of_16_bits_and_pairs_of_them(tmp_path, check):
    text = """__global__ void k(unsigned *y, unsigned a, unsigned b, unsigned short h, float *z, int *n) {
    asm("sub.f16x2 %0, %1, %2;" : "=r"(y[0]) : "r"(a), "r"(b));
    asm("fma.rn.f16x2 %0, %1, %2, %3;" : "=r"(y[1]) : "r"(a), "r"(b), "r"(b));
    asm("max.NaN.f16x2 %0, %1, %2;" : "=r"(y[2]) : "r"(a), "r"(b));
    asm("fma.rn.bf16x2 %0, %1, %2, %3;" : "=r"(y[3]) : "r"(0x40404040), "r"(0x40404040), "r"(0x40404040));
    unsigned short twice;
    asm("add.f16 %0, %1, %1;" : "=h"(twice) : "h"(h));
    asm("cvt.f32.f16 %0, %1;" : "=f"(z[0]) : "h"(twice));
    asm("cvt.rni.sat.s8.f16 %0, %1;" : "=r"(n[0]) : "h"(twice));
    asm("cvt.rn.f16.s32 %0, %1;" : "=h"(h) : "r"(-3));
    n[1] = h;
}"""
    emulator, a, b = Emulator(write_kernel(tmp_path, text), check=check), np.float16([3, 0.1]), np.float16([2, 7])
    y, z, n = np.zeros(4, u32), np.zeros(1, f32), np.zeros(2, i32)
    emulator.run("k", 1, 1, [y, a.view(u32)[0], b.view(u32)[0], np.float16(75.3).view(np.uint16), z, n])
    expected = [a - b, (a.astype(f32) * b + b).astype(np.float16), np.maximum(a, b)]
    assert y[:3].tolist() == [pair.view(u32)[0] for pair in expected]
    assert y[3] == 0x41404140  # 3 * 3 + 3
    assert z[0] == 2 * np.float16(75.3) and n.tolist() == [127, np.float16(-3).view(np.uint16)]


def test_funnel_shifts_that_stop_at_32_bits(tmp_path):
    text = """__global__ void k(unsigned *y, unsigned low, unsigned high) {
    unsigned by = threadIdx.x ? 40 : 8, *out = y + 4 * threadIdx.x;
    asm("shf.l.clamp.b32 %0, %1, %2, %3;" : "=r"(out[0]) : "r"(low), "r"(high), "r"(by));
    asm("shf.r.clamp.b32 %0, %1, %2, %3;" : "=r"(out[1]) : "r"(low), "r"(high), "r"(by));
    out[2] = __funnelshift_lc(low, high, by), out[3] = __funnelshift_rc(low, high, by);
}"""
    emulator, y = Emulator(write_kernel(tmp_path, text)), np.zeros(8, u32)
    emulator.run("k", 1, 2, [y, 0x11223344, 0x55667788])
    assert [hex(word) for word in y] == 2 * ["0x66778811", "0x88112233"] + 2 * ["0x11223344", "0x55667788"]
