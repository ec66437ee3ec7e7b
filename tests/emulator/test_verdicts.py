"""Check mode reports what is wrong, and nothing else: no blind spots, no false alarms, no traces of a fault."""

import re
import shutil

import numpy as np
import pytest

from hw5.compiler import find_compiler
from hw5.emulator import Emulator, KernelFault
from hw5.emulator.testing import check_kernel

from .support import write_kernel

f32, i32 = np.float32, np.int32

WRONG = {
    "a structure that a function returns": (
        "__device__ float2 f(float x) { return make_float2(x, x); }"
        "__global__ void k(float *y) { ((float2 *)y)[threadIdx.x] = f(1); }",
        "out-of-bounds", "writes 8 bytes, ",
    ),
    "a large structure as argument": (
        "struct S { float v[8]; }; __device__ float f(S s) { return s.v[0]; }"
        "__global__ void k(float *y) { float v = f(((S *)y)[threadIdx.x]); if (v == 3) y[threadIdx.x] = v; }",
        "out-of-bounds", "reads 32 bytes",
    ),
    "shared memory that is never written": (
        "__global__ void k(float *y) { __shared__ float s[32]; y[threadIdx.x] = s[threadIdx.x]; }",
        "uninitialised", "__shared__ 's', which no thread has written",
    ),
    "a constant without a value": (
        "__constant__ float c[4]; __global__ void k(float *y) { y[threadIdx.x] = c[0]; }",
        "uninitialised", "the __constant__ variable 'c', which the host has not written",
    ),
    "the end of a constant": (
        "__constant__ float c[4] = {1, 2, 3, 4}; __global__ void k(float *y) { y[threadIdx.x] = c[threadIdx.x]; }",
        "out-of-bounds", "the end of the __constant__ variable 'c'",
    ),
    "the end of a local array": (
        "__global__ void k(float *y) { float t[4]; for (int i = 0; i < 32; i++) t[i] = i; y[threadIdx.x] = t[threadIdx.x % 4]; }",
        "out-of-bounds", r"uses index 4 of an array 'float \[4\]'",
    ),
    "the end of a local array that the compiler can see": (
        "__global__ void k(float *y) { float t[4], sum = 0; for (int i = 0; i <= 4; i++) t[i] = y[i];"
        "for (int i = 0; i < 4; i++) sum += t[i]; y[threadIdx.x] = sum; }",
        "out-of-bounds", r"uses index 4 of an array 'float \[4\]'",
    ),
    "the end of a local array, beside a table of its name": (
        "__global__ void other(float *y) { __shared__ float t[4][4]; y[0] = t[0][threadIdx.x]; }"
        "__global__ void k(float *y) { float t[4]; for (int i = 0; i < 32; i++) t[i] = i; y[threadIdx.x] = t[threadIdx.x % 4]; }",
        "out-of-bounds", r"uses index 4 of an array 'float \[4\]'",
    ),
    "the end of a local array in a kernel with a table": (
        "__global__ void k(float *y) { __shared__ float t[8][9]; float sum[4]; t[0][threadIdx.x] = 1; __syncthreads();"
        "for (int i = 0; i <= 4; i++) sum[i] = t[0][31 - threadIdx.x]; y[threadIdx.x] = sum[threadIdx.x % 4]; }",
        "out-of-bounds", r"uses index 4 of an array 'float \[4\]'",
    ),
    "the end of a local array that a function fills": (
        "__device__ void fill(float *t, int n) { for (int i = 0; i <= n; i++) t[i] = i; }"
        "__global__ void k(float *y) { float t[4]; fill(t, 4); y[threadIdx.x] = t[threadIdx.x % 4]; }",
        "out-of-bounds", "accesses memory outside the local variable that its pointer points to",
    ),
    "a fill beyond the end of a local array": (
        "__global__ void k(float *y) { float t[4]; memset(t, 0, 5 * sizeof(float)); y[threadIdx.x] = t[threadIdx.x % 4]; }",
        "out-of-bounds", "accesses memory outside the local variable that its pointer points to",
    ),
    "a copy from beyond the end of a local array": (
        "__device__ void put(float *y, const float *t, int n) { memcpy(y, t, n * sizeof(float)); }"
        "__global__ void k(float *y) { float t[4] = {1}; if (threadIdx.x == 0) put(y, t, 5); }",
        "out-of-bounds", "accesses memory outside the local variable that its pointer points to",
    ),
    "doubles after 4 bytes of shared memory": (
        "__global__ void k(float *y) { __shared__ char s[512]; double *d = (double *)(s + 4); d[threadIdx.x] = y[threadIdx.x];"
        "y[threadIdx.x] = d[threadIdx.x]; }",
        "misaligned", r"writes 8 bytes at byte \d+ of __shared__ 's', an address that is not a multiple of 8",
    ),
    "memory that is freed twice": (
        "__global__ void k(float *y) { float *p = new float[4]; p[0] = y[0]; y[0] = p[0]; delete[] p; delete[] p; }",
        "illegal", "frees memory that is freed already",
    ),
    "the end of what is freed": (
        "__global__ void k(float *y) { float *p = (float *)malloc(8); p[1] = y[0]; y[0] = p[1]; free(p + 1); }",
        "illegal", "or that malloc and new have not returned",
    ),
    "a parameter that is freed": ("__global__ void k(float *y) { free(y); }", "illegal", "malloc and new have not returned"),
    "a null pointer": ("__global__ void k(float *y) { float *p = 0; *p = 1; }", "out-of-bounds", "through a null pointer"),
    "a member of a null pointer": (
        "struct S { float a, b; }; __global__ void k(float *y) { S *p = 0; p->b = y[0]; }", "out-of-bounds", "through a null pointer",
    ),
    "a pointer that was not set": (
        "__global__ void k(float *y) { float *p; if (y[0] > 0) p = y; *p = threadIdx.x; }", "out-of-bounds", "uninitialised or overwritten",
    ),
    "the end of what malloc returned": (
        "__global__ void k(float *y) { char *p = (char *)malloc(16); p[16] = 1; free(p); }",
        "out-of-bounds", "right after the end of array 'malloc', which has 16 bytes",
    ),
    "the end of what malloc returned, by an index that varies": (
        "__global__ void k(float *y) { char *p = (char *)malloc(16); p[16 + (int)y[0]] = 1; y[0] = p[3]; free(p); }",
        "out-of-bounds", "right after the end of array 'malloc', which has 16 bytes",
    ),
    "the end of what new returned": (
        "__global__ void k(float *y) { int *p = new int[4]; p[4 + (int)y[0]] = 1; y[0] = p[3]; delete[] p; }",
        "out-of-bounds", "writes 4 bytes, right after the end of array 'malloc', which has 16 bytes",
    ),
    "a pointer to a local array or null": (
        "__global__ void k(float *y) { float t[4], *p = y[0] > 0 ? t : 0; p[threadIdx.x % 4] = 1; y[0] = t[1]; }",
        "out-of-bounds", "through a null pointer",
    ),
    "an inline copy": (
        "__global__ void k(float *y) { __builtin_memset(y + 31, 0, 8); }", "out-of-bounds", "across the end",
    ),
    "a write by printf": (
        '__global__ void k(float *y) { printf("12%n", (int *)y); }', "assertion", "printf with %n",
    ),
    "a trap": ("__global__ void k(float *y) { __builtin_trap(); }", "illegal", "ends a program"),
    "a function without a return statement": (
        "__device__ float f(float x) { if (x > 1) return x; } __global__ void k(float *y) { y[threadIdx.x] = f(y[0]); }",
        "assertion", "ends a function without the value that it returns",
    ),
    "different values in one place": (
        "__global__ void k(float *y) { y[0] = threadIdx.x; }", "race", r"writes byte 0 .*writes it",
    ),
    "a plain read of what others update atomically": (
        "__global__ void k(float *y) { atomicAdd((int *)y, 1); y[threadIdx.x + 1] = y[0]; }",
        "race", "atomically updates",
    ),
}  # fmt: skip

RIGHT = {
    "the maximum of floats by compare and swap": """
        __device__ float atomicMaxFloat(float *a, float v) {
            int *p = (int *)a, old = *p;
            while (v > __int_as_float(old)) {
                int assumed = old;
                old = atomicCAS(p, assumed, __float_as_int(v));
                if (old == assumed) break;
            }
            return __int_as_float(old);
        }
        __global__ void k(float *y) { atomicMaxFloat(y, (float)threadIdx.x); }""",
    "a counter that the last block resets": """
        __device__ unsigned count;
        __global__ void k(float *y) {
            y[blockIdx.x] = 1;
            __threadfence();
            if (threadIdx.x == 0) {
                if (atomicInc(&count, gridDim.x) == gridDim.x - 1) count = 0;
            }
        }""",
    "a structure in shared memory with a constructor": """
        struct alignas(16) P { P() = default; __device__ explicit P(float4 f) { memcpy(v, &f, 16); } float v[4]; };
        __device__ P load(const float *x) { return P{*(const float4 *)x}; }
        __global__ void k(float *y) {
            __shared__ P s[8];
            if (threadIdx.x < 8) s[threadIdx.x] = load(y + 4 * threadIdx.x);
            __syncthreads();
            y[threadIdx.x] = s[7 - threadIdx.x % 8].v[0];
        }""",
    "a table that is read as one row": """
        __global__ void k(float *y) {
            __shared__ float s[4][8];
            s[0][threadIdx.x] = threadIdx.x;
            __syncthreads();
            y[threadIdx.x] = s[0][31 - threadIdx.x];
        }""",
    "tables of a template and of the file, read as one row": """
        __device__ float global[4][9];
        template <int n> __device__ float read(int i) {
            __shared__ float s[n][n + 1], u[2][n][2];
            float sum[2];
            s[0][threadIdx.x] = u[0][0][threadIdx.x] = threadIdx.x;
            __syncthreads();
            sum[i % 2] = s[0][31 - threadIdx.x] + u[0][i / 2][1 + i % 2] * 0;
            return sum[i % 2];
        }
        __global__ void k(float *y) {
            global[0][threadIdx.x] = 1;
            y[threadIdx.x] = read<8>(threadIdx.x % 4) + global[0][threadIdx.x];
        }""",
    "a structure that all threads copy, and shared memory that all clear": """
        struct P { float v[12]; };
        __global__ void k(float *y) {
            __shared__ P s, t;
            P p;
            for (int i = 0; i < 12; i++) p.v[i] = i;
            s = p;
            memset(&t, 0, sizeof t);
            __syncthreads();
            y[threadIdx.x] = s.v[threadIdx.x % 12] + t.v[threadIdx.x % 12];
        }""",
    "accesses within local variables, and of types without an alignment": """
        struct __attribute__((packed)) Packed { char c; double d; };
        struct Pair { float a, b; };
        __device__ float sum(const float *v, int n) { float s = 0; for (int i = 0; i < n; i++) s += v[i]; return s; }
        __global__ void k(float *y) {
            float4 v = make_float4(1, 2, 3, 4);
            float table[3][4] = {};
            __shared__ char s[32 * 12];
            Packed *p = (Packed *)s;
            Pair *pair = (Pair *)(s + 32 * 9 + 4);
            p[threadIdx.x].d = sum(&v.x, 4) + sum(&table[0][0], 12) + sum(&table[1][3], 5);
            if (threadIdx.x < 8) pair[threadIdx.x] = {1, 2};
            y[threadIdx.x] = p[threadIdx.x].d;
        }""",
    "fills and copies of local variables": """
        #include <cstring>
        struct Own { float a, b[3]; __device__ void memset(float v) { a = v; } };
        __global__ void k(float *y) {
            Own own;
            std::memset(&own, 0, sizeof own);
            float t[4];
            memcpy(t, &own.a, 16), memmove(t + 1, t, 12), ::memcpy(own.b, t, sizeof own.b);
            own.memset(3);
            y[threadIdx.x] = own.b[2] + t[3] + own.a;
        }""",
    "the heap": """
        __global__ void k(float *y) {
            int *p = new int[4];
            p[3] = threadIdx.x;
            y[threadIdx.x] = p[3];
            delete[] p;
        }""",
}


BY_CLANG = {"a large structure as argument": "reads 4 bytes"}  # clang++ reads only the member that is used


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_reported_in_every_order(tmp_path, name):
    text, kind, message = WRONG[name]
    message = BY_CLANG.get(name, message) if find_compiler().is_clang else message
    emulator = Emulator(write_kernel(tmp_path, text), check=True)
    for emulator.order in ("forward", "reverse", "random", "warps"):
        with pytest.raises(KernelFault, match=message) as caught:
            emulator.run("k", 1, 32, [np.zeros(32 if "atomically" not in message else 33, f32)])
        assert caught.value.kind == kind and caught.value.line == 1


@pytest.mark.skipif(not shutil.which("clang++"), reason="clang++ is not installed")
@pytest.mark.parametrize("name", [name for name in WRONG if re.search("local|malloc|new|null|trap", name)])
def test_what_is_wrong_is_reported_with_clang(monkeypatch, tmp_path, name):
    """Its -fsanitize=bounds traps where an access would be outside of what a pointer is to."""
    monkeypatch.setenv("CXX", "clang++")
    test_what_is_wrong_is_reported_in_every_order(tmp_path, name)


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_right_is_not_reported(tmp_path, name):
    check_kernel(write_kernel(tmp_path, RIGHT[name]), "k", 4 if "block" in name else 1, 32, [np.zeros(32, f32)])


def test_the_name_of_an_array_in_a_kernel_with_a_number(tmp_path):
    text = "__global__ void k14_halo(float *y) { __shared__ float s[8]; float *p = s; p[8] = y[0]; }"
    emulator = Emulator(write_kernel(tmp_path, text), check=True)
    with pytest.raises(KernelFault, match="the end of __shared__ 's', which has 32 bytes"):
        emulator.run("k14_halo", 1, 1, [np.zeros(1, f32)])


def test_threads_that_store_the_same_value_are_noted(tmp_path):
    emulator = Emulator(
        write_kernel(tmp_path, "__global__ void k(int *y) { if (threadIdx.x > 2) *y = 1; }"), check=True
    )
    for emulator.order in ("forward", "reverse", "random", "warps"):
        y = np.zeros(1, i32)
        emulator.run("k", 2, 32, [y])
        assert y[0] == 1 and len(emulator.notes) == 1
        assert "harmless race in k" in emulator.notes[0] and "both store the same value" in emulator.notes[0]


def test_a_fault_leaves_variables_as_they_were(tmp_path):
    text = "__device__ int count; __global__ void k(int *y, long long n) { count++; y[n] = count; }"
    for check in (False, True):
        emulator = Emulator(write_kernel(tmp_path, text), check=check)
        y = np.zeros(1, i32)
        with pytest.raises(KernelFault):
            emulator.run("k", 1, 1, [y, 1 << 44])  # no address of a program
        emulator.run("k", 1, 1, [y, 0])
        assert y[0] == 1


def test_a_fault_frees_what_its_launch_allocated(tmp_path):
    text = """
__global__ void take(long long *y, int i) { char *p = new char[16]; p[i] = 1; *y = (long long)p; }
__global__ void give_back(long long p) { delete[] (char *)p; }
"""
    emulator, y = Emulator(write_kernel(tmp_path, text), check=True), np.zeros(1, np.int64)
    emulator.run("take", 1, 1, [y, 15])
    for _ in range(3):
        with pytest.raises(KernelFault, match="right after the end of array 'malloc'"):
            emulator.run("take", 1, 1, [y.copy(), 16])
    emulator.run("give_back", 1, 1, [int(y[0])])
    only = emulator.allocate(8, "only")
    with pytest.raises(KernelFault, match="array 'only'"):
        emulator.launch("take", (1,), (1,), [int(only) + 8, i32(0)])


@pytest.mark.parametrize(
    "text",
    [
        "namespace a { namespace b { __global__ void k(float *y) { BIG } } }",
        "struct A { static __device__ void f(float *y) { BIG } }; __global__ void k(float *y) { A::f(y); }",
        "namespace { __device__ void f(float *y) { BIG } } __global__ void k(float *y) { f(y); }",
    ],
)
def test_static_shared_memory_is_limited_wherever_it_is(tmp_path, text):
    text = text.replace("BIG", "__shared__ float s[13000]; s[0] = 1; y[0] = s[0];")
    emulator = Emulator(write_kernel(tmp_path, text))
    assert not emulator.kernels and "52,000 bytes of static __shared__ arrays" in emulator.refused["k"]


def test_more_shared_memory_is_asked_for(tmp_path):
    text = "__global__ void k(int *y) { extern __shared__ int s[]; s[20000 + threadIdx.x] = 3; y[threadIdx.x] = s[20000 + threadIdx.x]; }"
    file = write_kernel(tmp_path, text)
    with pytest.raises(KernelFault, match="80128 bytes of dynamic shared memory exceed the limit of 49152"):
        Emulator(file, check=True).run("k", 1, 32, [np.zeros(32, i32)], 80128)
    check_kernel(file, "k", 1, 32, [np.zeros(32, i32)], {0: np.full(32, 3)}, shared=80128, shared_limit=100_000)


def test_check_kernel_compares_and_restores(tmp_path):
    file = write_kernel(
        tmp_path, "__global__ void k(const float *x, float *y) { y[threadIdx.x] = 2 * x[threadIdx.x]; }"
    )
    x = np.arange(8, dtype=f32)
    emulator = Emulator(file, check=True, order="reverse")
    check_kernel(emulator, "k", 1, 8, [x, 0 * x], {1: 2 * x})
    assert emulator.order == "reverse"
    with pytest.raises(AssertionError, match="argument 1 of k, in the order forward"):
        check_kernel(emulator, "k", 1, 8, [x, 0 * x], {1: 3 * x})
    counting = "__global__ void k(int *n, int *y) { y[threadIdx.x] = atomicAdd(n, 1); }"
    with pytest.raises(AssertionError, match="argument 1 of k is different in the orders forward and reverse"):
        check_kernel(write_kernel(tmp_path, counting, "n.cu"), "k", 1, 8, [np.zeros(1, i32), np.zeros(8, i32)])
