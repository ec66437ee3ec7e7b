// cuBLAS without a GPU: the functions that hw5 calls, on the streams of libcuda.cpp. Matrices are column-major.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <algorithm>
#include <set>
#include <vector>

#define API extern "C" __attribute__((visibility("default")))

extern "C" int cuCtxSynchronize();
extern "C" int fake_gpu_enqueue(void *stream, void (*work)(const void *), const void *argument, size_t size);
extern "C" void fake_gpu_require_memory(const void *start, size_t size, const char *what);
extern "C" int fake_gpu_is_capturing(void *stream);

namespace {

enum Status { success = 0, not_initialized = 1, invalid_value = 7, execution_failed = 13, not_supported = 15 };
const int tf32 = 3;  // CUBLAS_TF32_TENSOR_OP_MATH

struct Handle {
    void *stream = nullptr;
    int math_mode = 0;
    size_t workspace = 0;
};
std::set<void *> handles;

[[noreturn]] void misuse(const char *what) {
    fprintf(stderr, "fake cuBLAS: misuse: %s\n", what);
    abort();
}
Handle &get(void *handle) {
    if (!handles.count(handle)) misuse("this is no cuBLAS context, or it was destroyed");
    return *(Handle *)handle;
}

struct Matrix {
    const float *start;
    int leading, transposed;
    float operator()(size_t row, size_t column) const {
        return transposed ? start[row * leading + column] : start[column * leading + row];
    }
};
struct Product {
    int m, n, k, math_mode;
    float alpha, beta;
    Matrix A, B;
    float *C;
    int ldc;
};

// Rounded to the 11 significant bits of TF32.
float rounded(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    bits = (bits + 0x1000) & 0xFFFFE000;
    memcpy(&x, &bits, sizeof x);
    return x;
}

void multiply(const void *argument) {
    Product p;
    memcpy(&p, argument, sizeof p);
    const auto factor = [&](float x) { return p.math_mode == tf32 ? rounded(x) : x; };
    std::vector<float> column(p.m);
    for (int j = 0; j < p.n; ++j) {
        std::fill(column.begin(), column.end(), 0.0f);
        for (int l = 0; l < p.k; ++l) {
            const float b = factor(p.B(l, j));
            for (int i = 0; i < p.m; ++i) column[i] += factor(p.A(i, l)) * b;
        }
        for (int i = 0; i < p.m; ++i) {
            float &c = p.C[(size_t)j * p.ldc + i];
            c = p.beta == 0 ? p.alpha * column[i] : p.alpha * column[i] + p.beta * c;
        }
    }
}

void require_memory(const void *matrix, size_t rows, size_t columns, size_t leading) {
    fake_gpu_require_memory(matrix, ((columns - 1) * leading + rows) * sizeof(float), "a matrix");
}

}  // namespace

API int cublasGetProperty(int part, int *value) { return *value = part == 0 ? 13 : part == 1 ? 0 : 2, success; }
API int cublasCreate_v2(void **handle) {
    if (cuCtxSynchronize()) return not_initialized;
    return handles.insert(*handle = new Handle), success;
}
API int cublasDestroy_v2(void *handle) {
    delete &get(handle);
    handles.erase(handle);
    if (cuCtxSynchronize()) misuse("a cuBLAS context outlives CUDA's");
    return success;
}
API int cublasSetStream_v2(void *handle, void *stream) {
    get(handle).workspace = 0;
    return get(handle).stream = stream, success;
}
API int cublasSetMathMode(void *handle, int mode) { return get(handle).math_mode = mode, success; }
API int cublasSetWorkspace_v2(void *handle, void *start, size_t size) {
    if ((uintptr_t)start % 256) return invalid_value;
    fake_gpu_require_memory(start, size, "the workspace");
    return get(handle).workspace = size, success;
}
API int cublasSgemm_v2(void *handle, int ta, int tb, int m, int n, int k, const float *alpha, const float *A, int lda,
                       const float *B, int ldb, const float *beta, float *C, int ldc) {
    const Handle &its = get(handle);
    if (m < 1 || n < 1 || k < 1 || lda < (ta ? k : m) || ldb < (tb ? n : k) || ldc < m) return invalid_value;
    require_memory(A, ta ? k : m, ta ? m : k, lda);
    require_memory(B, tb ? n : k, tb ? k : n, ldb);
    require_memory(C, m, n, ldc);
    if (fake_gpu_is_capturing(its.stream) && !its.workspace) misuse("a product is captured without a workspace");
    const Product product = {m, n, k, its.math_mode, *alpha, *beta, {A, lda, ta}, {B, ldb, tb}, C, ldc};
    return fake_gpu_enqueue(its.stream, multiply, &product, sizeof product) ? execution_failed : success;
}

// Functions that scikit-cuda looks up when it is imported.
#define UNUSED(name) API int name() { return not_supported; }
#include "unused.h"
