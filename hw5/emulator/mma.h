// Tensor Cores: nvcuda::wmma, by which the 32 lanes of a warp load, multiply and store matrices together.
//
// CUDA leaves open which lane has which element. Here, those of a factor are dealt out in the order of memory; those of an
// accumulator are where mma.sync of PTX has them. Sums are in float (double, integers), in the order of k, beginning with
// the accumulator. A GPU has an order and a rounding of its own.
#pragma once
#include "cuda_bf16.h"
#include "cuda_fp16.h"

namespace nvcuda {
namespace wmma {

struct matrix_a;
struct matrix_b;
struct accumulator;
struct row_major;
struct col_major;
enum layout_t { mem_row_major, mem_col_major };
namespace precision {
struct tf32;
}

// Round to nearest, ties away from zero, to 10 bits of fraction.
static inline float __float_to_tf32(float x) {
    return x != x ? x : hw5_bits<float>((hw5_bits<unsigned>(x) + 0x1000u) & ~0x1fffu);
}

}  // namespace wmma
}  // namespace nvcuda

namespace hw5_mma {
using namespace nvcuda::wmma;

// How an element is stored, and in which type it is added.
template <class T> struct Number {
    using Stored = T;
    using Sum = float;
    static constexpr bool has_shape(int M, int N, int K) { return K == 16 && M * N == 256 && M >= 8 && N >= 8; }
    static Sum read(T x) { return (Sum)x; }
};
struct Integer : Number<int> {
    using Sum = long long;
};
template <> struct Number<signed char> : Integer {
    using Stored = signed char;
};
template <> struct Number<unsigned char> : Integer {
    using Stored = unsigned char;
};
template <> struct Number<precision::tf32> {
    using Stored = float;
    using Sum = float;
    static constexpr bool has_shape(int M, int N, int K) { return M == 16 && N == 16 && K == 8; }
    static float read(float x) { return hw5_bits<float>(hw5_bits<unsigned>(x) & ~0x1fffu); }  // the rest is ignored
};
template <> struct Number<double> {
    using Stored = double;
    using Sum = double;
    static constexpr bool has_shape(int M, int N, int K) { return M == 8 && N == 8 && K == 4; }
    static double read(double x) { return x; }
};

template <class Use, int M, int N, int K> struct Shape { static constexpr int rows = M, columns = N; };
template <int M, int N, int K> struct Shape<matrix_a, M, N, K> { static constexpr int rows = M, columns = K; };
template <int M, int N, int K> struct Shape<matrix_b, M, N, K> { static constexpr int rows = K, columns = N; };

// Factors of half have 16 elements in any shape, as on a GPU; some of them are twice there.
template <class Use, class T> constexpr bool has_copies = false;
template <> inline constexpr bool has_copies<matrix_a, __half> = true;
template <> inline constexpr bool has_copies<matrix_b, __half> = true;

struct Place {
    int row, column;
};
template <class A, class B> constexpr bool is_same = false;
template <class A> constexpr bool is_same<A, A> = true;
template <class T> struct Decay { using type = T; };
template <class T> struct Decay<T &> { using type = T; };
template <class T> using decay = typename Decay<T>::type;
template <class Layout, int rows, int columns> struct Order;
template <int rows, int columns> struct Order<row_major, rows, columns> {
    static constexpr Place place(int e) { return {e / columns, e % columns}; }
};
template <int rows, int columns> struct Order<col_major, rows, columns> {
    static constexpr Place place(int e) { return {e % rows, e / rows}; }
};
// Tiles of 8 x 8, one below the other; of each, a lane has two neighbours.
template <int rows, int columns> struct Order<void, rows, columns> {
    static constexpr Place place(int e) {
        const int lane = e % 32, i = e / 32, tile = i / 2;
        return {tile % (rows / 8) * 8 + lane / 4, tile / (rows / 8) * 8 + lane % 4 * 2 + i % 2};
    }
};

}  // namespace hw5_mma

namespace nvcuda {
namespace wmma {

template <class Use, int M, int N, int K, class T, class Layout = void> struct fragment {
    using element_type = T;
    using storage_element_type = typename hw5_mma::Number<T>::Stored;
    using Shape = hw5_mma::Shape<Use, M, N, K>;
    static constexpr int hw5_count = Shape::rows * Shape::columns;
    static constexpr int num_elements = hw5_mma::has_copies<Use, T> ? 16 : hw5_count / 32;
    static constexpr int num_storage_elements = num_elements;
    storage_element_type x[num_elements];

    // Where element i of a lane is in the matrix
    static constexpr hw5_mma::Place hw5_place(int i, int lane) {
        return hw5_mma::Order<Layout, Shape::rows, Shape::columns>::place((i * 32 + lane) % hw5_count);
    }
#ifdef HW5_CHECK
    // A pattern that is improbable in numbers of 16 bits and more, to see whether the fragment has been set.
    __attribute__((no_sanitize("thread"))) fragment() { hw5_link.runtime.fill(x, hw5_unset, sizeof x); }
#endif
    static constexpr int hw5_unset = 0xFE;
    void hw5_check(hw5::Site site) const {
#ifdef HW5_CHECK
        const char *bytes = (const char *)x;
        if (sizeof x[0] == 1) return;
        for (unsigned i = 0; i < sizeof x; i++)
            if (bytes[i] != (char)hw5_unset) return;
        hw5_fail(hw5::FaultKind::uninitialised, "uses a fragment that was neither filled nor loaded", site);
#endif
    }
};

template <class Use, int M, int N, int K, class T, class Layout, class V>
static inline void fill_fragment(fragment<Use, M, N, K, T, Layout> &f, const V &value) {
    for (auto &x : f.x) x = value;
}

}  // namespace wmma
}  // namespace nvcuda

namespace hw5_mma {

// All lanes name one matrix, which begins and whose rows (columns) begin at multiples of 16 bytes.
struct Access : hw5::Collective {
    const void *matrix;
    unsigned stride, bytes;  // between rows or columns: in elements, and in bytes

    static HW5_UNCHECKED void check(hw5::Collective *const *lanes, hw5::Site site) {
        const Access &first = *(const Access *)lanes[0];
        for (int lane = 1; lane < 32; lane++) {
            const Access &other = *(const Access *)lanes[lane];
            if (other.matrix != first.matrix || other.stride != first.stride)
                hw5_fail(hw5::FaultKind::divergence,
                         "accesses a matrix with another address or stride than other lanes of its warp", site);
        }
        if ((uintptr_t)first.matrix % 16)
            hw5_fail(hw5::FaultKind::misaligned, "accesses a matrix whose address is not a multiple of 16 bytes", site);
        if (first.bytes % 16)
            hw5_fail(hw5::FaultKind::misaligned, "accesses a matrix whose stride (ldm) is not a multiple of 16 bytes", site);
    }
};
template <class Stored> static inline void wait_for_access(const Stored *matrix, unsigned stride, hw5::Site site) {
    Access access = {{Access::check}, matrix, stride, (unsigned)(stride * sizeof(Stored))};
    hw5_link.runtime.warp(hw5::WarpOp::collective, ~0u, (uint64_t)(uintptr_t)&access, 0, site);
}

#ifdef HW5_CHECK
#define HW5_ELEMENT(p, kind) \
    hw5_link.runtime.access((uintptr_t)(p), sizeof *(p), hw5::AccessKind::kind, true, pc, frame)
#define HW5_ACCESSED_HERE const void *pc = __builtin_return_address(0), *frame = __builtin_frame_address(0)
#else
#define HW5_ELEMENT(p, kind)
#define HW5_ACCESSED_HERE
#endif
static inline size_t offset(Place place, unsigned stride, bool by_rows) {
    return by_rows ? (size_t)place.row * stride + place.column : (size_t)place.column * stride + place.row;
}
template <class Fragment, class Stored>
static HW5_UNCHECKED void load(Fragment &f, const Stored *matrix, unsigned stride, bool by_rows, hw5::Site site) {
    HW5_ACCESSED_HERE;
    wait_for_access(matrix, stride, site);
    for (int i = 0; i < Fragment::num_elements; i++) {
        const Stored *p = matrix + offset(Fragment::hw5_place(i, hw5::position_here().lane), stride, by_rows);
        if (i * 32 < Fragment::hw5_count) HW5_ELEMENT(p, read);
        f.x[i] = *p;
    }
}
template <class Fragment, class Stored>
static HW5_UNCHECKED void store(Stored *matrix, const Fragment &f, unsigned stride, bool by_rows, hw5::Site site) {
    HW5_ACCESSED_HERE;
    wait_for_access(matrix, stride, site);
    for (int i = 0; i < Fragment::num_elements; i++) {
        Stored *p = matrix + offset(Fragment::hw5_place(i, hw5::position_here().lane), stride, by_rows);
        HW5_ELEMENT(p, write);
        *p = f.x[i];
    }
}

// What a lane brings to a product, and takes from it: its elements of the factors and of the sum.
template <class A, class B, class D, class Sum> struct Product : hw5::Collective {
    static constexpr int elements_a = A::num_elements, elements_b = B::num_elements, elements_d = D::num_elements;
    Sum a[elements_a], b[elements_b], d[elements_d];
    static constexpr int M = A::Shape::rows, K = A::Shape::columns, N = B::Shape::columns;

    static HW5_UNCHECKED void multiply(hw5::Collective *const *lanes, hw5::Site) {
        Sum a[M][K], b[K][N], d[M][N];
        for (int lane = 0; lane < 32; lane++) {
            const Product &of = *(const Product *)lanes[lane];
            for (int i = 0; i < M * K / 32; i++) at(a, A::hw5_place(i, lane)) = of.a[i];
            for (int i = 0; i < K * N / 32; i++) at(b, B::hw5_place(i, lane)) = of.b[i];
            for (int i = 0; i < M * N / 32; i++) at(d, D::hw5_place(i, lane)) = of.d[i];
        }
        for (int i = 0; i < M; i++)
            for (int k = 0; k < K; k++)
                for (int j = 0; j < N; j++) d[i][j] += a[i][k] * b[k][j];
        for (int lane = 0; lane < 32; lane++)
            for (int i = 0; i < M * N / 32; i++) ((Product *)lanes[lane])->d[i] = at(d, D::hw5_place(i, lane));
    }
    template <int rows, int columns> static Sum &at(Sum (&matrix)[rows][columns], Place place) {
        return matrix[place.row][place.column];
    }
};

template <class T, class Sum> static inline T rounded(Sum sum, bool) { return T(sum); }
template <> inline int rounded<int, long long>(long long sum, bool saturate) {
    return saturate && sum > INT_MAX ? INT_MAX : saturate && sum < INT_MIN ? INT_MIN : (int)sum;
}

// Multiply the elements of a lane, together with the other lanes.
template <class Number, class Product, class A, class B, class C, class D>
static inline void multiply(const A &a, const B &b, const C &c, D &d, bool saturate, hw5::Site site) {
    Product product;
    product.run = Product::multiply;
    for (int i = 0; i < Product::elements_a; i++) product.a[i] = Number::read(a[i]);
    for (int i = 0; i < Product::elements_b; i++) product.b[i] = Number::read(b[i]);
    for (int i = 0; i < Product::elements_d; i++) product.d[i] = (typename Number::Sum)c[i];
    hw5_link.runtime.warp(hw5::WarpOp::collective, ~0u, (uint64_t)(uintptr_t)&product, 0, site);
    for (int i = 0; i < Product::elements_d; i++) d[i] = rounded<decay<decltype(d[0])>>(product.d[i], saturate);
}

// ---- PTX: mma.sync and ldmatrix, which say which lane has which element

// A register has `packed` neighbours in a row of the first factor, and in a column of the second.
template <int M, int K, int packed> struct FirstRegisters {
    struct Shape { static constexpr int rows = M, columns = K; };
    static constexpr int num_elements = M * K / 32;
    static constexpr Place hw5_place(int i, int lane) {
        const int number = i / packed, down = number % (M / 8), right = number / (M / 8);
        return {lane / 4 + 8 * down, (lane % 4 + 4 * right) * packed + i % packed};
    }
};
template <int K, int packed> struct SecondRegisters {
    struct Shape { static constexpr int rows = K, columns = 8; };
    static constexpr int num_elements = K * 8 / 32;
    static constexpr Place hw5_place(int i, int lane) {
        return {(lane % 4 + 4 * (i / packed)) * packed + i % packed, lane / 4};
    }
};
template <int M> struct SumRegisters {
    static constexpr int num_elements = M * 8 / 32;
    static constexpr Place hw5_place(int i, int lane) { return Order<void, M, 8>::place(i * 32 + lane); }
};

template <int M, int K, class T, class Sums, class Register, class Sum>
static inline void mma_sync(Sum *d, const Register *a, const Register *b, const Sum *c, bool saturate, HW5_SITE) {
    using Number = hw5_mma::Number<T>;
    using Stored = typename Number::Stored;
    constexpr int packed = sizeof(Register) / sizeof(Stored);
    using A = FirstRegisters<M, K, packed>;
    using B = SecondRegisters<K, packed>;
    using D = SumRegisters<M>;
    Stored elements_a[A::num_elements], elements_b[B::num_elements];
    Sums elements[D::num_elements];
    __builtin_memcpy(elements_a, a, sizeof elements_a);
    __builtin_memcpy(elements_b, b, sizeof elements_b);
    __builtin_memcpy(elements, c, sizeof elements);
    multiply<Number, Product<A, B, D, typename Number::Sum>>(elements_a, elements_b, elements, elements, saturate, {file, line});
    __builtin_memcpy(d, elements, sizeof elements);
}

// The rows of which a lane gets elements; each lane brings the address of a row, from lane 0 on.
template <int count, bool transposed> struct Rows : hw5::Collective {
    uintptr_t address, rows[2 * count];

    static HW5_UNCHECKED void find(hw5::Collective *const *lanes, hw5::Site site) {
        for (int lane = 0; lane < 8 * count; lane++)
            if (row(lanes, lane) % 16)
                hw5_fail(hw5::FaultKind::misaligned,
                         "loads matrices of which a row has an address that is not a multiple of 16 bytes", site);
        for (int lane = 0; lane < 32; lane++)
            for (int i = 0; i < 2 * count; i++)
                ((Rows *)lanes[lane])->rows[i] = row(lanes, i / 2 * 8 + (transposed ? lane % 4 * 2 + i % 2 : lane / 4));
    }
    static HW5_UNCHECKED uintptr_t row(hw5::Collective *const *lanes, int lane) { return ((const Rows *)lanes[lane])->address; }
};
template <int count, bool transposed>
static HW5_UNCHECKED void ldmatrix(uint32_t (&registers)[count], uintptr_t address, HW5_SITE) {
    HW5_ACCESSED_HERE;
    Rows<count, transposed> rows;
    rows.run = rows.find;
    rows.address = address;
    hw5_link.runtime.warp(hw5::WarpOp::collective, ~0u, (uint64_t)(uintptr_t)&rows, 0, {file, line});
    const int lane = hw5::position_here().lane;
    for (int i = 0; i < 2 * count; i++) {
        const auto *p = (const uint16_t *)rows.rows[i] + (transposed ? lane / 4 : lane % 4 * 2 + i % 2);
        HW5_ELEMENT(p, read);
        registers[i / 2] = i % 2 ? registers[i / 2] | (uint32_t)*p << 16 : *p;
    }
}
#undef HW5_ELEMENT
#undef HW5_ACCESSED_HERE

}  // namespace hw5_mma

namespace nvcuda {
namespace wmma {

template <int M, int N, int K, class T, class Use, class Layout>
static inline void load_matrix_sync(fragment<Use, M, N, K, T, Layout> &f, const typename hw5_mma::Number<T>::Stored *matrix,
                                    unsigned ldm, HW5_SITE) {
    hw5_mma::load(f, matrix, ldm, hw5_mma::is_same<Layout, row_major>, {file, line});
}
template <int M, int N, int K, class T>
static inline void load_matrix_sync(fragment<accumulator, M, N, K, T> &f, const typename hw5_mma::Number<T>::Stored *matrix,
                                    unsigned ldm, layout_t layout, HW5_SITE) {
    hw5_mma::load(f, matrix, ldm, layout == mem_row_major, {file, line});
}
template <int M, int N, int K, class T>
static inline void store_matrix_sync(typename hw5_mma::Number<T>::Stored *matrix, const fragment<accumulator, M, N, K, T> &f,
                                     unsigned ldm, layout_t layout, HW5_SITE) {
    f.hw5_check({file, line});
    hw5_mma::store(matrix, f, ldm, layout == mem_row_major, {file, line});
}

template <int M, int N, int K, class T, class LA, class LB, class TD, class TC>
static inline void mma_sync(fragment<accumulator, M, N, K, TD> &d, const fragment<matrix_a, M, N, K, T, LA> &a,
                            const fragment<matrix_b, M, N, K, T, LB> &b, const fragment<accumulator, M, N, K, TC> &c,
                            bool saturate = false, HW5_SITE) {
    using Number = hw5_mma::Number<T>;
    using Product = hw5_mma::Product<fragment<matrix_a, M, N, K, T, LA>, fragment<matrix_b, M, N, K, T, LB>,
                                     fragment<accumulator, M, N, K, TD>, typename Number::Sum>;
    static_assert(Number::has_shape(M, N, K), "Tensor Cores do not have this shape for these elements");
    const hw5::Site site = {file, line};
    a.hw5_check(site), b.hw5_check(site), c.hw5_check(site);
    hw5_mma::multiply<Number, Product>(a.x, b.x, c.x, d.x, saturate, site);
}

}  // namespace wmma
}  // namespace nvcuda
