"""What files of other people have, and nvcc accepts: each case is a way to write a kernel, host code or headers."""

import numpy as np
import pytest

from hw5.compiler import CompileError
from hw5.emulator import Emulator, KernelFault
from hw5.errors import InputError

from .support import write_kernel

f32, i32, u32 = np.float32, np.int32, np.uint32

# name: (the file, the kernel, a sentence of y's first element)
CASES = {
    "a device function with the name of a kernel": (
        "__device__ float twice(float x) { return 2 * x; } __global__ void twice(float *y, const int) { y[0] = twice(y[0]); }",
        "twice",
        2,
    ),
    "kernels that have one name": (
        "__global__ void set(float *y, int n) { y[0] = 3; }\n"
        "__global__ void set(int *__restrict__ y, const int n) { y[0] = 4; }",
        "set(float*, int)",
        3,
    ),
    "a specialisation": (
        "template <class T> __global__ void set(T *y, int n) { y[0] = 3; }\n"
        "template <> __global__ void set<float>(float *y, int n) { y[0] = 4; }",
        "set<float>",
        4,
    ),
    "aligned tables": (
        "__constant__ __align__(16) float m[2][2] = {{1, 2}, {3, 4}};\n__device__ __align__(8) int t[2];\n"
        "__global__ void k(float *y, int n) { y[0] = m[1][0] + t[0]; }",
        "k",
        3,
    ),
    "a constant that a header declares": (
        "extern __constant__ float c[];\n__global__ void k(float *y, int n) { y[0] = c[1]; }\n"
        "__constant__ float c[2] = {1, 3};",
        "k",
        3,
    ),
    "a function of CUDA that is declared again": (
        "extern __device__ __device_builtin__ void __syncthreads(void);\n"
        "__global__ void k(float *y, int n) { __syncthreads(); y[0] = 3; }",
        "k",
        3,
    ),
    "halves of a header that does not exist": (
        "#include <torch/extension.h>\n__device__ float of(__half x) { return x; }\n"
        "__global__ void k(float *y, int n) { y[0] = of(__float2half(3)) + float(__nv_bfloat16(0.0f)); }",
        "k",
        3,
    ),
    "a kernel with the name of a function of C": (
        "__global__ void exp(float *y, int n) { y[0] = 2 + exp(0.0f); } int main() { exp<<<1, 1>>>(0, 0); }",
        "exp",
        3,
    ),
    "a kernel with the name of a function that only a host has": (
        "__global__ void signal(float *y, int n) { y[0] = 3; }",
        "signal",
        3,
    ),
    "a number of registers": ("__global__ __maxnreg__(64) void k(float *y, int n) { y[0] = 3; }", "k", 3),
    "headers of folders above, which do not exist": (
        '#include "../common/no_such.h"\n#include "../../no_such.h"\n__global__ void k(float *y, int n) { y[0] = 3; }',
        "k",
        3,
    ),
    "extern after __shared__": (
        "__shared__ extern float s[];\n__global__ void k(float *y, int n) { s[0] = 3; y[0] = s[0]; }",
        "k",
        3,
    ),
    "alignas after __shared__": (
        "__global__ void k(float *y, int n) { __shared__ alignas(32) float s[4]; __shared__ alignas(float4) char c[64];\n"
        "s[0] = 3; c[0] = 1; y[0] = s[0] + c[0] + (size_t)s % 32 + (size_t)c % 16; }",
        "k",
        4,
    ),
    "names that begin as CUDA's do": (
        "__constant__ float cudaWeights[2] = {3, 4};\n__global__ void cudaRun(float *y, int n) { y[0] = cudaWeights[1]; }",
        "cudaRun",
        4,
    ),
    "an instance whose types are in the kernel's namespace": (
        "namespace a { struct X { __device__ static int v() { return 3; } }; namespace b { enum E { one, two };\n"
        "template <class T, E e> __global__ void k(float *y, int n) { y[0] = T::v() + e; }\n"
        "void run(float *y) { k<X, two><<<1, 1>>>(y, 1); } } }",
        "k<X, two>",
        4,
    ),
    "overloads whose types are in their namespace": (
        "namespace a { struct X { float v; };\n__global__ void k(float *y, X x) { y[0] = x.v; }\n"
        "__global__ void k(float *y, int n) { y[0] = n; } }",
        "k(float*, int)",
        7,
    ),
    "virtual functions": (
        "struct A { __device__ virtual float f() const = 0; __device__ virtual ~A() {} };\n"
        "struct B : A { float v; __device__ B(float v) : v(v) {} __device__ float f() const override { return v; } };\n"
        "__global__ void k(float *y, int n) { A *a = new B(5); y[0] = a->f(); delete a; }",
        "k",
        5,
    ),
    "the standard library without its headers": (
        '__global__ void k(float *y, int n) { static_assert(std::is_same<float, float>::value, "");\n'
        "std::uintptr_t p = (std::uintptr_t)y; y[0] = std::max(2.0f, std::sqrt(16.0f)) + p % 4; }",
        "k",
        4,
    ),
    "a host's types that have a name of the kernel's": (
        "#include <chrono>\n#include <fstream>\n#include <iostream>\ntypedef std::chrono::steady_clock n;\n"
        "struct y { std::ofstream file; std::chrono::seconds last; };\n"
        "__global__ void k(float *y, int n) { y[0] = n; }",
        "k",
        7,
    ),
    "a friend that prints": (
        "#include <iostream>\nstruct P { float v;\n"
        'friend std::ostream &operator<<(std::ostream &s, const P &p) { return s << "(" << p.v << ")"; } };\n'
        "__global__ void k(float *y, int n) { P p = {3}; y[0] = p.v; }",
        "k",
        3,
    ),
    "members initialised with braces": (
        "struct P { float a, b; P(const float *x) : a{x[0]}, b{x[1]} {} __device__ P(int n) : a{1.0f * n}, b(2) {} };\n"
        "__global__ void k(float *y, int n) { P p(n); y[0] = p.a + p.b; }",
        "k",
        9,
    ),
    "a function with the name of one of CUDA's, for whole numbers": (
        "__device__ int log2(int n) { return n + 1; }\n__global__ void k(float *y, int n) { y[0] = log2(n); }",
        "k",
        8,
    ),
    "a pointer in inline PTX": (
        '__global__ void k(float *y, int n) { float *p = y; asm volatile("add.u64 %0, %0, 4;" : "+l"(p)); y[0] = p - y; }',
        "k",
        1,
    ),
    "what only nvcc compiles": (
        "#ifndef __NVCC__\n#define __device__\n#endif\n#if CUDART_VERSION < 11000\n#error old\n#endif\n"
        "__device__ float f() { return 3; } __global__ void k(float *y, int n) { y[0] = f(); }",
        "k",
        3,
    ),
    "headers of everything": (
        "#include <bits/stdc++.h>\n#include <complex>\n#include <filesystem>\n#include <cublas_v2.h>\n#include <mma.h>\n"
        "__global__ void k(float *y, int n) { __nv_bfloat16 x = 3.0f; half z = __float2half(1.0f); y[0] = (float)x + (float)z; }",
        "k",
        4,
    ),
    "a structure from a function whose address is taken": (
        "struct P { float a, b, c; };\n__device__ P make(float x) { P p; p.a = x; p.b = x + 1; p.c = x + 2; return p; }\n"
        "typedef P (*Maker)(float);\n__global__ void k(float *y, int n) { __shared__ P s[2]; Maker m = n ? make : nullptr;\n"
        "s[0] = make(n); s[1] = m(n); __syncthreads(); y[0] = s[0].b + s[1].c; }",
        "k",
        17,
    ),
    "functions that are inline already": (
        "__device__ __inline__ float f(float x) { return x + 1; }\n__forceinline__ __device__ float g(float x) { return x + 1; }\n"
        "static __device__ __inline float h(float x) { return x + 1; }\n"
        "__global__ void k(float *y, int n) { y[0] = f(g(h(n))); }",
        "k",
        10,
    ),
    "GNU's mathematical functions": (
        "#include <cmath>\n__global__ void k(float *y, int n) { float s, c; sincosf(0, &s, &c); double a, b; sincos(0.0, &a, &b);\n"
        "y[0] = s + c + a + b + exp10f(1) + exp10(1.0); }",
        "k",
        22,
    ),
    "types of the runtime in a structure": (
        "struct Plan { cudaStream_t stream; cudaEvent_t done; cudaPitchedPtr p; int n; };\n"
        "__global__ void k(float *y, int n) { Plan plan; plan.n = n; y[0] = plan.n; }",
        "k",
        7,
    ),
}


@pytest.mark.parametrize("check", [False, True], ids=["fast", "check"])
@pytest.mark.parametrize("case", CASES)
def test_files_that_nvcc_compiles(tmp_path, case, check):
    text, kernel, expected = CASES[case]
    emulator = Emulator(write_kernel(tmp_path, text), check=check)
    y = np.ones(4, f32)
    emulator.run(kernel, 1, 1, [y, 7], shared=16)
    assert y[0] == expected


def test_a_name_of_several_kernels_is_chosen_with_its_parameters(tmp_path):
    emulator = Emulator(write_kernel(tmp_path, CASES["kernels that have one name"][0]))
    y = np.zeros(1, i32)
    emulator.run("set(int *, const int)", 1, 1, [y, 0])
    assert y[0] == 4
    with pytest.raises(
        KernelFault, match=r"several kernels; choose one of set\(float\*, int\), set\(int\*, const int\)"
    ):
        emulator.run("set", 1, 1, [y, 0])


def test_a_template_whose_arguments_are_deduced_is_listed_with_an_example(tmp_path):
    text = (
        "template <int n, typename T, bool add = false> __global__ void fill(T *y) { y[0] = n; }\n"
        "int main() { float *y; fill<3><<<1, 1>>>(y); }"
    )
    file = write_kernel(tmp_path, text)
    with pytest.raises(KernelFault, match=r'instances=\["fill<32, float>"\]'):
        Emulator(file).find("fill")
    y = np.zeros(1, f32)
    Emulator(file, instances=["fill<32, float>"]).run("fill", 1, 1, [y])
    assert y[0] == 32


def test_a_type_that_only_a_launch_names(tmp_path):
    text = """
    struct Twice { float by; __device__ float operator()(float x) const { return 2 * x; } };
    struct Square { __device__ float operator()(float x) const { return x * x; } };
    template <int n, class F> __global__ void map(float *y) { y[threadIdx.x % n] = F()(y[threadIdx.x % n]); }
    int main() { float *y; map<32, Twice><<<1, 32>>>(y); }"""
    emulator = Emulator(write_kernel(tmp_path, text), instances=["map<32, Square>"])
    y = np.full(32, 3, f32)
    emulator.run("map<32, Twice>", 1, 32, [y])
    emulator.run("map<32, Square>", 1, 32, [y])
    assert y.tolist() == 32 * [36]


def test_a_reference_is_passed_as_a_pointer(tmp_path):
    file = write_kernel(tmp_path, "__global__ void k(float &y, const int2 &n) { y = n.x + n.y; }")
    for check in (False, True):
        y = np.zeros(1, f32)
        Emulator(file, check=check).run("k", 1, 1, [y, np.array([3, 4], i32)])
        assert y[0] == 7


@pytest.mark.parametrize(
    "text, reason",
    [
        ("struct P { cudaGraph_t t; };\n__global__ void k(P p) {}", r"k\.cu:1: cudaGraph_t.*the CUDA runtime"),
        ("#include <cuda_fp8.h>\n__global__ void k(__nv_fp8_e4m3 *y) {}", r"k\.cu:2: __nv_fp8_e4m3.*cuda_fp8"),
        ("__device__ cufftCallbackLoadC d = 0;\n__global__ void k() { d; }", r"k\.cu:1: cufftCallbackLoadC.*callbacks"),
    ],
)
def test_types_of_what_the_emulator_lacks_are_named(tmp_path, text, reason):
    with pytest.raises(InputError, match=reason):
        Emulator(write_kernel(tmp_path, text))


def test_a_function_of_another_file_is_named(tmp_path):
    text = "namespace a { __device__ float f(float); }\n__global__ void k(float *y) { y[0] = a::f(1); }"
    with pytest.raises(CompileError, match="only on the host: a::f .*no separate compilation"):
        Emulator(write_kernel(tmp_path, text))


def test_an_error_in_a_type_that_the_kernel_needs_is_reported(tmp_path):
    text = "struct P { nothing x; };\n__global__ void k(float *y) { P p; y[0] = p.x; }"
    with pytest.raises(CompileError, match="k.cu:1:12: error: .*nothing"):
        Emulator(write_kernel(tmp_path, text))


HALVES = r"""
#include <cuda_fp16.h>
#include <cuda_bf16.h>
__global__ void k(const float *x, unsigned short *h, float *y) {
    int i = threadIdx.x;
    h[4 * i] = __half_as_ushort(__float2half_rz(x[i]));
    h[4 * i + 1] = __half_as_ushort(__float2half_rd(x[i]));
    h[4 * i + 2] = __half_as_ushort(__float2half_ru(x[i]));
    h[4 * i + 3] = __half_as_ushort(__float2half_rn(x[i]));
    half2 a = __halves2half2(x[i], NAN), b = __float2half2_rn(1.0f);
    y[8 * i] = __low2float(__hmax2(a, b)), y[8 * i + 1] = __high2float(__hmax2(a, b));
    y[8 * i + 2] = __high2float(__hmax2_nan(a, b)), y[8 * i + 3] = __hltu2(a, b).y;
    y[8 * i + 4] = __hbne2(a, b), y[8 * i + 5] = __half2int_rd(a.x), y[8 * i + 6] = (float)h2exp2(b).x;
    __nv_bfloat16_raw raw = {0x4040};
    y[8 * i + 7] = (float)(__nv_bfloat16(raw) * __nv_bfloat16(2.0f));
}
__global__ void sum(half2 *total) { atomicAdd(total, __floats2half2_rn(1, 2)); }
"""


def test_half_precision_is_rounded_in_all_directions(tmp_path):
    emulator = Emulator(write_kernel(tmp_path, HALVES), check=True)
    x = np.float32([1.0003, -1.0003, 65519, -1e-9, 2048, -0.5, 3.75, 0])
    h, y = np.zeros(32, np.uint16), np.zeros(64, f32)
    emulator.run("k", 1, 8, [x, h, y])
    rounded = h.view(np.float16).reshape(8, 4).astype(np.float64)
    nearest = x.astype(np.float16)
    with np.errstate(over="ignore"):
        down = np.where(nearest.astype(np.float64) > x, np.nextafter(nearest, np.float16(-np.inf)), nearest)
        up = np.where(nearest.astype(np.float64) < x, np.nextafter(nearest, np.float16(np.inf)), nearest)
    np.testing.assert_array_equal(rounded, np.stack([np.where(x < 0, up, down), down, up, nearest], 1))
    expected = [np.fmax(nearest, 1), [1] * 8, [np.nan] * 8, [1] * 8, [0] * 8, np.floor(nearest), [2] * 8, [6] * 8]
    np.testing.assert_array_equal(y.reshape(8, 8), np.stack([np.float32(column) for column in expected], 1))
    total = np.zeros(2, np.float16)
    emulator.run("sum", 2, 40, [total])
    np.testing.assert_array_equal(total, [80, 160])


def test_what_is_written_in_part_is_uninitialised_elsewhere(tmp_path):
    text = "__global__ void k(float *y) { __shared__ float2 s[2]; s[0].x = s[1].y = 1; y[0] = s[0].x + s[1].x; }"
    with pytest.raises(KernelFault, match="reads byte 8 of __shared__ 's', which no thread has written"):
        Emulator(write_kernel(tmp_path, text), check=True).run("k", 1, 1, [np.zeros(1, f32)])


@pytest.mark.parametrize("qualifier", ["", "__forceinline__"])
def test_cooperative_reduction_with_a_function(tmp_path, qualifier):
    text = (
        f"#define QUALIFIER {qualifier}"
        + """
    #include <cooperative_groups.h>
    #include <cooperative_groups/reduce.h>
    namespace cg = cooperative_groups;
    struct P { float v; int n; };
    QUALIFIER __device__ P join(P a, P b) { return {a.v + b.v, a.n + b.n}; }
    __global__ void k(float *y) {
        auto tile = cg::tiled_partition<32>(cg::this_thread_block());
        P p = cg::reduce(tile, P{y[threadIdx.x], 1}, join);
        y[threadIdx.x] = p.v + 1000 * p.n;
    }"""
    )
    y = np.arange(64, dtype=f32)
    Emulator(write_kernel(tmp_path, text), check=True).run("k", 1, 64, [y])
    np.testing.assert_array_equal(y, np.repeat([496 + 32000, 1520 + 32000], 32))
