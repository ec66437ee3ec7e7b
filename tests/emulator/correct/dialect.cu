// Kernels for every function of the CUDA dialect, compared with NumPy by the tests.
#include <cuda_runtime.h>
#include <math_constants.h>

#define LANE (threadIdx.x % warpSize)
constexpr unsigned everyone = 0xffffffffu;

#define SHUFFLES(NAME, T)                                                                            \
    extern "C" __global__ void shuffle_##NAME(const T *__restrict__ x, T *__restrict__ y, int width) { \
        const T v = x[threadIdx.x];                                                                  \
        const int n = blockDim.x;                                                                    \
        y[0 * n + threadIdx.x] = __shfl_sync(everyone, v, 5, width);                                 \
        y[1 * n + threadIdx.x] = __shfl_xor_sync(everyone, v, 3, width);                             \
        y[2 * n + threadIdx.x] = __shfl_down_sync(everyone, v, 2, width);                            \
        y[3 * n + threadIdx.x] = __shfl_up_sync(everyone, v, 2, width);                              \
    }
SHUFFLES(int, int)
SHUFFLES(uint, unsigned)
SHUFFLES(float, float)
SHUFFLES(longlong, long long)
SHUFFLES(double, double)

// Two halves of a warp, each with its own mask, at the same time
extern "C" __global__ void votes(const int *x, unsigned *y) {
    const unsigned mask = LANE < 16 ? 0x0000ffffu : 0xffff0000u;
    const int p = x[LANE];
    unsigned *mine = y + 4 * LANE;
    mine[0] = __ballot_sync(mask, p);
    mine[1] = __any_sync(mask, p);
    mine[2] = __all_sync(mask, p);
    if (LANE < 16) mine[3] = __popc(__ballot_sync(mask, p > 1));
    else mine[3] = __ballot_sync(mask, p > 1) >> 16;
}

extern "C" __global__ void reductions(const int *x, int *y) {
    const int v = x[LANE];
    int *mine = y + 9 * LANE;
    mine[0] = __reduce_add_sync(everyone, v);
    mine[1] = __reduce_min_sync(everyone, v);
    mine[2] = __reduce_max_sync(everyone, v);
    mine[3] = __reduce_add_sync(everyone, (unsigned)v);
    mine[4] = __reduce_min_sync(everyone, (unsigned)v);
    mine[5] = __reduce_max_sync(everyone, (unsigned)v);
    mine[6] = __reduce_and_sync(everyone, (unsigned)v);
    mine[7] = __reduce_or_sync(everyone, (unsigned)v);
    mine[8] = __reduce_xor_sync(everyone, (unsigned)v);
}

extern "C" __global__ void block_votes(const int *x, int *y) {
    const int p = x[threadIdx.x];
    const int count = __syncthreads_count(p), all = __syncthreads_and(p), any = __syncthreads_or(p);
    if (threadIdx.x == blockDim.x - 1) y[0] = count, y[1] = all, y[2] = any;
}

#define ATOMICS(NAME, T)                                                \
    extern "C" __global__ void atomics_##NAME(const T *x, T *y) {       \
        const T v = x[blockIdx.x * blockDim.x + threadIdx.x];           \
        atomicAdd(y + 0, v);                                            \
        atomicMin(y + 1, v);                                            \
        atomicMax(y + 2, v);                                            \
        T seen = y[3] * 0, expected;                                    \
        do expected = seen;                                             \
        while ((seen = atomicCAS(y + 3, expected, expected + v)) != expected); \
        if (v == x[7]) atomicExch(y + 4, v);                            \
    }
// for fast mode only, since the plain read of y[3] is a race
ATOMICS(int, int)
ATOMICS(uint, unsigned)
ATOMICS(ulonglong, unsigned long long)

extern "C" __global__ void atomic_float(const float *x, float *y) { atomicAdd(y, x[threadIdx.x]); }

extern "C" __global__ void bits(const int *x, int *y) {
    const int v = x[threadIdx.x], n = blockDim.x, i = threadIdx.x;
    y[0 * n + i] = __popc(v);
    y[1 * n + i] = __ffs(v);
    y[2 * n + i] = __clz(v);
    y[3 * n + i] = (int)__brev((unsigned)v);
    y[4 * n + i] = __float_as_int(__int_as_float(v));
    y[5 * n + i] = (int)__float_as_uint(__uint_as_float((unsigned)v));
    y[6 * n + i] = min(v, 3) + max(v, -3);
    y[7 * n + i] = __mulhi(v, v);
}

extern "C" __global__ void functions(const float *x, float *y, int n) {
    const int i = threadIdx.x;
    const float v = x[i];
    y += 16 * i;
    y[0] = __expf(v), y[1] = __logf(fabsf(v)), y[2] = __fdividef(1, v), y[3] = rsqrtf(fabs(v));
    y[4] = __frcp_rn(v), y[5] = __fmaf_rn(v, v, 1), y[6] = __powf(fabsf(v), 1.5f), y[7] = tanhf(v);
    y[8] = fmaxf(v, NAN), y[9] = fminf(NAN, v), y[10] = max(v, CUDART_NAN_F), y[11] = min(v, 0.0f);
    y[12] = isnan(v) ? 1 : isinf(-CUDART_INF_F) && isinf(INFINITY) && !isfinite(v / 0) ? 2 : 3;
    y[13] = exp(v) + sqrt(fabs(v)) + pow(fabs(v), 0.5f) + floor(v);
    y[14] = __saturatef(v), y[15] = expm1f(v) + log1pf(fabsf(v)) + erff(v) + fmodf(v, 2);
}

extern "C" __global__ void to_integers(const float *x, int *y) {
    const int i = threadIdx.x;
    y[4 * i] = __float2int_rn(x[i]), y[4 * i + 1] = __float2int_rz(x[i]);
    y[4 * i + 2] = __float2int_ru(x[i]), y[4 * i + 3] = __float2int_rd(x[i]);
}

extern "C" __global__ void vectors(const float4 *x, const uchar4 *b, float2 *y, uint4 *u, int2 *d) {
    const float4 v = __ldg(x + threadIdx.x);
    const uchar4 c = b[threadIdx.x];
    y[threadIdx.x] = make_float2(v.x + v.z, v.y + v.w);
    u[threadIdx.x] = make_uint4(c.x, c.y, c.z, c.w);
    const dim3 two(2, 3);
    d[threadIdx.x] = make_int2(two.x + two.y + two.z, sizeof(int4) + alignof(float4) + sizeof(uint2));
}

// One buffer under two names and two types, one of them in a template and in a namespace
namespace tiles {
template <typename T> __device__ T *tile() {
    extern __shared__ T raw[];
    return raw;
}
}  // namespace tiles
extern "C" __global__ void __launch_bounds__(64) one_buffer(int *y) {
    extern __shared__ __align__(16) unsigned short halves[];
    int *words = tiles::tile<int>();
    words[threadIdx.x] = 0x10000 * (threadIdx.x + 1) + threadIdx.x;
    __syncthreads();
    y[threadIdx.x] = halves[2 * threadIdx.x] + 1000 * halves[2 * threadIdx.x + 1];
}

// The indices of a thread
extern "C" __global__ void indices(int *y) {
    const int block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
    const int thread = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
    const int all = blockDim.x * blockDim.y * blockDim.z;
    y[block * all + thread] = (blockIdx.z * 10 + blockIdx.y) * 10 + blockIdx.x + 1000 * (threadIdx.z * 100 + threadIdx.y * 10 + threadIdx.x);
}

extern "C" __global__ void every_type(bool a, signed char b, unsigned char c, short d, unsigned short e, int f,
                                      unsigned g, long long h, size_t i, float j, const double k, double *y) {
    const double all[] = {(double)a, (double)b, (double)c, (double)d, (double)e, (double)f,
                          (double)g, (double)h, (double)i, (double)j, k};
    for (int n = 0; n < 11; n++) y[n] = all[n];
}

extern "C" __global__ void greet(int n) {
    if (threadIdx.x < n) printf("thread %d of %d\n", (int)threadIdx.x, n);
}

extern "C" __global__ void is_emulated(int *y) {
#ifdef HW5_EMULATOR
    *y = 1;
#else
    *y = 0;
#endif
}
