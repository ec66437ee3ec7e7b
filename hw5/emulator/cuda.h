// The CUDA C++ dialect for a host compiler: included ahead of every unmodified .cu file.
//
// It stays clear of the C++ standard library, which takes longer to parse than a kernel file takes to compile.
#pragma once

// <math.h> is C's own: libstdc++'s replacement takes 0.2 s to parse. Its include guard keeps a later
// `#include <math.h>` in a kernel file from bringing it in and clashing with the overloads of cuda_math.h.
#define _GLIBCXX_INCLUDE_NEXT_C_HEADERS
#include <math.h>
#include <stdlib.h>
#undef _GLIBCXX_INCLUDE_NEXT_C_HEADERS
#define _GLIBCXX_MATH_H 1
#define _GLIBCXX_STDLIB_H 1
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define HW5_EMULATOR 1
#define __CUDACC__ 1
#define __CUDA_ARCH__ 750

// source.py recognises kernels by this attribute in the preprocessed text.
#define __global__ __attribute__((used))
#define __device__
#define __host__
#define __constant__ static
#define __managed__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __align__(bytes) __attribute__((aligned(bytes)))
#define __grid_constant__
#define __builtin_assume(condition) ((void)0)

// Blocks run one after another on one OS thread, so what belongs to the OS thread belongs to the block. The keyword
// fits everywhere that __shared__ does: a thread_local variable of a function is static by itself, and
// `extern thread_local float s[];` is legal. Checked arrays stand apart, so that no index runs from one to the next.
#ifdef HW5_CHECK
#define __shared__ thread_local __attribute__((aligned(65536)))  // more than a block may have: a gap is left
#else
#define __shared__ thread_local __attribute__((aligned(16)))
#endif

#include "interface.h"

// Code of the dialect itself that touches memory must not be instrumented: it speaks to the checker by itself.
#ifdef HW5_CHECK
#define HW5_UNCHECKED __attribute__((noinline, no_sanitize("thread")))
#else
#define HW5_UNCHECKED
#endif

extern "C" {
hw5::Link hw5_link = {};
// Every `extern __shared__` array of the module is another name of this one (build.py writes the aliases).
thread_local __attribute__((aligned(65536))) unsigned char hw5_dynamic_shared[hw5::max_dynamic_shared];
}

// References to objects that are not const: a compiler folds the reference, and still reads the object again after a
// call in which other threads may have run.
static const uint3 &threadIdx = hw5_link.position.thread;
static const uint3 &blockIdx = hw5_link.position.block;
static const dim3 &blockDim = hw5_link.position.block_size;
static const dim3 &gridDim = hw5_link.position.grid_size;
enum { warpSize = 32 };

typedef unsigned int uint;

#include "cuda_math.h"
#include "cuda_warp.h"
#include "cuda_atomics.h"
#include "cuda_assert.h"
#include "kernel.h"
#ifdef HW5_CHECK
#include "hooks.h"
#endif

// The kernel file's own text begins after this line: source.py looks for it.
enum { hw5_dialect_ends };
