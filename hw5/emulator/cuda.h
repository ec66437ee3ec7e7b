// CUDA C++ for a host compiler: included before every unmodified .cu file.
//
// It does not include the C++ standard library, which takes longer to parse than a kernel file takes to compile.
#pragma once

// Include C's <math.h>, since libstdc++'s replacement takes 0.2 s to parse. Defining the include guard of the latter
// keeps it from being included by a kernel file and clashing with the overloads of cuda_math.h.
#ifdef __clang__
#define __NO_INLINE__ 1  // or glibc defines vprintf, which cuda_print.h does
#endif
#define _GLIBCXX_INCLUDE_NEXT_C_HEADERS
// Without GNU's extensions: glibc declares every function for seven more types, which are two thirds of all there is to parse.
#include <features.h>
#undef __USE_GNU
#undef __attribute_alloc_size__  // or clang++ takes what malloc returns for a local variable
#define __attribute_alloc_size__(parameters)
#include <math.h>
#include <stdlib.h>
#define __USE_GNU 1
extern "C" {
double exp10(double) noexcept;
float exp10f(float) noexcept;
void sincos(double, double *, double *) noexcept;
void sincosf(float, float *, float *) noexcept;
}
#undef _GLIBCXX_INCLUDE_NEXT_C_HEADERS
#define _GLIBCXX_MATH_H 1
#define _GLIBCXX_STDLIB_H 1
#include <fenv.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

// Headers of C++ that only the host uses and that take long to parse: as if they had been included already.
#define _GLIBCXX_IOSTREAM 1
#define _GLIBCXX_FSTREAM 1
#define _GLIBCXX_SSTREAM 1
#define _GLIBCXX_IOMANIP 1
#define _GLIBCXX_CHRONO 1
#define _GLIBCXX_RANDOM 1
#define _GLIBCXX_THREAD 1
#define _GLIBCXX_MUTEX 1
#define _GLIBCXX_FUTURE 1
#define _GLIBCXX_REGEX 1
#define _GLIBCXX_FILESYSTEM 1
namespace std {}

#define HW5_EMULATOR 1
#define __CUDACC__ 1
#define __NVCC__ 1
#define __CUDACC_VER_MAJOR__ 12
#define __CUDACC_VER_MINOR__ 4
#define CUDA_VERSION 12040
#define CUDART_VERSION 12040
#define __CUDA_ARCH__ 800

// source.py finds these words in the preprocessed text, leaves out what has none of them, and replaces them.
#define __global__ hw5_global
#define __device__ hw5_device
#define __host__ hw5_host
#define __constant__ hw5_constant
#define __managed__ hw5_device
#define __device_builtin__ hw5_builtin
#define __noinline__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __maxnreg__(registers)
#define __align__(bytes) __attribute__((aligned(bytes)))
#define __grid_constant__
#define __builtin_assume(condition) ((void)0)

// An OS thread runs one block at a time, so thread-local memory serves as shared memory. The keyword is valid
// wherever __shared__ is: a thread_local variable in a function is static, and `extern thread_local float s[];` is
// legal. In check mode there are gaps between arrays, so that an index past the end of one is not inside the next.
#ifdef HW5_CHECK
#define __shared__ thread_local __attribute__((used, aligned(65536)))  // more than a block may have, which leaves a gap
#else
#define __shared__ thread_local __attribute__((used, aligned(16)))
#endif

#include "interface.h"

// Functions of these headers that access memory are not instrumented; they call the checker themselves.
#ifdef HW5_CHECK
#if defined(__has_attribute) && __has_attribute(disable_sanitizer_instrumentation)  // or clang++ marks atomic operations
#define HW5_UNCHECKED __attribute__((noinline, no_sanitize("thread"), disable_sanitizer_instrumentation))
#else
#define HW5_UNCHECKED __attribute__((noinline, no_sanitize("thread")))
#endif
#else
#define HW5_UNCHECKED
#endif

extern "C" {
__attribute__((aligned(4096))) hw5::Link hw5_link = {};  // not on the page of a variable
// Every `extern __shared__` array of the module is an alias of this one (written by build.py).
thread_local __attribute__((aligned(65536))) unsigned char hw5_dynamic_shared[hw5::max_dynamic_shared];
}

// End the launch with a fault that a header found: the text says what the thread does.
[[noreturn]] static inline HW5_UNCHECKED void hw5_fail(hw5::FaultKind kind, const char *text, hw5::Site site) {
    hw5_link.runtime.fault(kind, site, __builtin_frame_address(0), "%s", text);
    __builtin_unreachable();
}

// source.py puts these for CUDA's names in the kernel file.
#define HW5_threadIdx hw5::position_here().thread
#define HW5_blockIdx hw5::position_here().block
#define HW5_blockDim hw5::position_here().block_size
#define HW5_gridDim hw5::position_here().grid_size
enum { warpSize = 32 };

typedef unsigned int uint;

// Types of the CUDA runtime that structures and parameters have; a kernel cannot call its functions.
typedef struct CUstream_st *cudaStream_t;
typedef struct CUevent_st *cudaEvent_t;
typedef enum cudaError { cudaSuccess } cudaError_t;
struct cudaExtent { size_t width, height, depth; };
struct cudaPitchedPtr { void *ptr; size_t pitch, xsize, ysize; };

#include "cuda_math.h"
#include "cuda_warp.h"
#include "cuda_atomics.h"
#include "cuda_assert.h"
#include "cuda_print.h"
#include "cuda_ptx.h"
#include "cuda_async.h"
#include "kernel.h"
#ifdef HW5_CHECK
#include "hooks.h"
#endif
#include "cuda_new.h"

// g++ wants alignas at the beginning of a declaration; nvcc also takes __shared__ alignas(16) float s[32].
template <size_t n> constexpr size_t hw5_alignment() { return n; }
template <class T> constexpr size_t hw5_alignment() { return alignof(T); }
#define alignas(...) __attribute__((aligned(hw5_alignment<__VA_ARGS__>())))

// The kernel file begins after this line, which source.py searches for.
enum { hw5_dialect_ends };
