// Textures and surfaces, included if a file names them. Fetches follow the formulas of the CUDA C++ Programming Guide,
// appendix "Texture Fetching".
#pragma once

enum cudaTextureReadMode { cudaReadModeElementType, cudaReadModeNormalizedFloat };
enum cudaTextureAddressMode { cudaAddressModeWrap, cudaAddressModeClamp, cudaAddressModeMirror, cudaAddressModeBorder };
enum cudaTextureFilterMode { cudaFilterModePoint, cudaFilterModeLinear };
enum cudaSurfaceBoundaryMode { cudaBoundaryModeZero, cudaBoundaryModeClamp, cudaBoundaryModeTrap };
enum { cudaTextureType1D = 1, cudaTextureType2D, cudaTextureType3D, cudaTextureType1DLayered = 0xF1, cudaTextureType2DLayered };
enum { cudaSurfaceType1D = 1, cudaSurfaceType2D, cudaSurfaceType3D, cudaSurfaceType1DLayered = 0xF1, cudaSurfaceType2DLayered };

// Types of the CUDA runtime that structures have beside a texture.
typedef struct cudaArray *cudaArray_t;
typedef const struct cudaArray *cudaArray_const_t;
typedef struct cudaMipmappedArray *cudaMipmappedArray_t;
struct cudaChannelFormatDesc { int x, y, z, w, f; };
struct cudaTextureDesc { cudaTextureAddressMode addressMode[3]; cudaTextureFilterMode filterMode; cudaTextureReadMode readMode; };
struct cudaResourceDesc { int resType; };

namespace hw5 {

// CUDA's are numbers; here they have types, by which Python knows them.
template <int is_surface> struct Handle {
    uint64_t number;
    Handle() = default;
    constexpr Handle(unsigned long long number) : number(number) {}
    constexpr operator unsigned long long() const { return number; }
};
template <> inline constexpr char type_code<Handle<0>> = 'T';
template <> inline constexpr char type_code<Handle<1>> = 'S';

// An array in memory and how it is read. A handle is its address; images.py writes it.
struct Image {
    uint64_t mark;
    unsigned char *texels;
    int extents[4];  // of the array, as in Python
    int axes;
    int components;  // of a texel, which are the last axis; 0: as many as the fetch has
    int is_float, is_signed, bytes;  // of a component
    int address[3];  // of x, y and z
    int linear, normalized_coords, normalized_float;
};
constexpr uint64_t marks[] = {0x6572757478657435, 0x6563616672757335};  // of a texture and a surface

// A call in a kernel, for reports.
struct Call {
    const char *name;
    Site site;
    const void *pc, *frame;
};
#ifdef HW5_CHECK
#define HW5_CALL(name) hw5::Call{#name, {file, line}, __builtin_return_address(0), __builtin_frame_address(0)}
#else
#define HW5_CALL(name) hw5::Call{#name, {file, line}, nullptr, nullptr}
#endif
#define HW5_FAIL(kind, call, ...) \
    (hw5_link.runtime.fault(FaultKind::kind, (call).site, (call).frame, __VA_ARGS__), __builtin_unreachable())

static inline HW5_UNCHECKED const Image &image_of(uint64_t handle, bool is_surface, const Call &call) {
    const char *const what = is_surface ? "surface" : "texture";
    if (!handle) HW5_FAIL(assertion, call, "%s: the %s object is 0, or nothing is bound to the reference (Emulator.bind)", call.name, what);
    const Image &image = *(const Image *)handle;
    const bool is_address = handle % 4096 == 0 && handle >> 48 == 0;  // as those of allocated memory are
    if (!is_address || image.mark != marks[is_surface])
        HW5_FAIL(assertion, call, "%s: the argument is no %s object", call.name, what);
    return image;
}

// How a fetch sees an array: its width, height and depth in texels.
struct Shape {
    int size[3];
    int components;
};

static inline HW5_UNCHECKED bool has_components(const Image &image, int dims) { return image.axes == dims + 1; }
static inline HW5_UNCHECKED Shape shape_of(const Image &image, int dims) {
    Shape shape = {{1, 1, 1}, has_components(image, dims) ? image.extents[image.axes - 1] : 1};
    for (int d = 0; d < dims; d++) shape.size[d] = image.extents[dims - 1 - d];
    return shape;
}
// Of tex1Dfetch: all texels in a row.
static inline HW5_UNCHECKED Shape row_of(const Image &image, int components) {
    int64_t count = 1;
    for (int i = 0; i < image.axes; i++) count *= image.extents[i];
    return {{(int)(count / components), 1, 1}, components};
}


static inline HW5_UNCHECKED void check_type(const Image &image, const Shape &shape, int dims, int components, bool is_float,
                                            const Call &call) {
    static const char *const formats[] = {
        "%s reads %d-component texels from an array of the shape (%d)",
        "%s reads %d-component texels from an array of the shape (%d, %d)",
        "%s reads %d-component texels from an array of the shape (%d, %d, %d)",
        "%s reads %d-component texels from an array of the shape (%d, %d, %d, %d)",
    };
    const int *n = image.extents;
    const bool fits = shape.components == components && (!dims || image.axes == dims || has_components(image, dims)) &&
                      (!image.components || image.components == components);
    if (!fits) HW5_FAIL(assertion, call, formats[image.axes - 1], call.name, components, n[0], n[1], n[2], n[3]);
    if (is_float && !image.is_float && !image.normalized_float)
        HW5_FAIL(assertion, call, "%s reads float from a texture of whole numbers (read_mode is element_type)", call.name);
    if (!is_float && (image.is_float || image.normalized_float))
        HW5_FAIL(assertion, call, "%s reads whole numbers from a texture of float", call.name);
}

// ---- texels

struct Texel {
    uint32_t bits[4];  // of float or int
};

static inline HW5_UNCHECKED float normalized(int64_t value, int bytes, bool is_signed) {
    const double most = (double)((1u << (8 * bytes - is_signed)) - 1), share = (double)value / most;
    return (float)(share < -1 ? -1 : share);
}
template <class Narrow> static inline HW5_UNCHECKED int64_t number_at(const unsigned char *at) { return *(const Narrow *)at; }
static inline HW5_UNCHECKED uint32_t component_at(const unsigned char *at, const Image &image) {
    static int64_t (*const numbers[2][3])(const unsigned char *) = {
        {number_at<uint8_t>, number_at<uint16_t>, number_at<uint32_t>}, {number_at<int8_t>, number_at<int16_t>, number_at<int32_t>}};
    const int64_t number = numbers[image.is_signed][image.bytes / 2](at);
    return image.normalized_float ? hw5_bits<uint32_t>(normalized(number, image.bytes, image.is_signed)) : (uint32_t)number;
}

static inline HW5_UNCHECKED Texel texel_at(const Image &image, const Shape &shape, const int (&at)[3], const Call &call) {
    const uint64_t index = ((uint64_t)at[2] * shape.size[1] + at[1]) * shape.size[0] + at[0];
    const unsigned size = shape.components * image.bytes;
    const unsigned char *const place = image.texels + index * size;
#ifdef HW5_CHECK
    hw5_link.runtime.access((uintptr_t)place, size, AccessKind::read, true, call.pc, call.frame);
#endif
    Texel texel = {};
    for (int c = 0; c < shape.components; c++) texel.bits[c] = component_at(place + c * image.bytes, image);
    return texel;
}

// ---- addressing

static inline HW5_UNCHECKED int whole(double x) {
    const double most = 1 << 30;  // beyond any array; NaN is 0
    return x >= most ? 1 << 30 : x <= -most ? -(1 << 30) : x == x ? (int)x : 0;
}

// The coordinate x of the guide, in texels.
static inline HW5_UNCHECKED double coordinate(double given, int size, int mode, bool is_normalized) {
    if (!is_normalized) return given;
    const double below = __builtin_floor(given), fraction = given - below;
    if (mode == cudaAddressModeWrap) given = fraction;
    if (mode == cudaAddressModeMirror) given = below == 2 * __builtin_floor(below / 2) ? fraction : 1 - fraction;
    return given * size;
}

// Which texel of a dimension an index means, or -1 for none.
static inline HW5_UNCHECKED int addressed(int i, int size, int mode) {
    if ((unsigned)i < (unsigned)size) return i;
    if (mode == cudaAddressModeBorder) return -1;
    if (mode == cudaAddressModeClamp) return i < 0 ? 0 : size - 1;
    const int period = mode == cudaAddressModeWrap ? size : 2 * size;
    const int rest = i % period + (i % period < 0 ? period : 0);
    return rest < size ? rest : period - 1 - rest;
}

// The texel with these indices; zeros, if it is beyond a border.
static inline HW5_UNCHECKED Texel indexed(const Image &image, const Shape &shape, int x, int y, int z, const Call &call) {
    const int at[] = {addressed(x, shape.size[0], image.address[0]), addressed(y, shape.size[1], image.address[1]),
                      addressed(z, shape.size[2], image.address[2])};
    return (at[0] | at[1] | at[2]) < 0 ? Texel{} : texel_at(image, shape, at, call);
}

// ---- filtering

// Linear filtering: the weights are numbers of 9 bits, with 8 bits of fraction.
static inline HW5_UNCHECKED Texel filtered(const Image &image, const Shape &shape, const double (&x)[3], int dims,
                                           const Call &call) {
    int first[3] = {whole(x[0]), whole(x[1]), whole(x[2])};
    double weights[3][2] = {{1, 0}, {1, 0}, {1, 0}};
    for (int d = 0; d < dims; d++) {
        const double before = x[d] - 0.5, below = __builtin_floor(before);
        first[d] = whole(below);
        weights[d][1] = __builtin_floor((before - below) * 256 + 0.5) / 256;
        weights[d][0] = 1 - weights[d][1];
    }
    double sums[4] = {};
    for (int corner = 0; corner < 1 << dims; corner++) {
        const int i = corner & 1, j = corner >> 1 & 1, k = corner >> 2;
        const double weight = weights[0][i] * weights[1][j] * weights[2][k];
        const Texel texel = indexed(image, shape, first[0] + i, first[1] + j, first[2] + k, call);
        for (int c = 0; c < shape.components; c++) sums[c] += weight * (double)hw5_bits<float>(texel.bits[c]);
    }
    Texel result = {};
    for (int c = 0; c < shape.components; c++) result.bits[c] = hw5_bits<uint32_t>((float)sums[c]);
    return result;
}

static inline HW5_UNCHECKED Texel fetched(const Image &image, const Shape &shape, const double (&given)[3], int dims,
                                          const Call &call) {
    double x[3] = {given[0], given[1], given[2]};
    for (int d = 0; d < dims; d++) x[d] = coordinate(given[d], shape.size[d], image.address[d], image.normalized_coords);
    if (image.linear) return filtered(image, shape, x, dims, call);
    return indexed(image, shape, whole(__builtin_floor(x[0])), whole(__builtin_floor(x[1])), whole(__builtin_floor(x[2])), call);
}

// ---- types of texels: numbers, and vectors of 1, 2 and 4

template <class T> constexpr bool is_float = false;
template <> inline constexpr bool is_float<float> = true;
template <class S> static inline HW5_UNCHECKED S from_bits(uint32_t bits) {
    if constexpr (is_float<S>) return hw5_bits<S>(bits);
    else return (S)bits;
}
template <class T> struct TexelType;
#define HW5_TEXEL(T, S, count, ...)                                                      \
    template <> struct TexelType<T> {                                                    \
        using Scalar = S;                                                                \
        static constexpr int components = count;                                         \
        static HW5_UNCHECKED T made(const uint32_t (&bits)[4]) { return {__VA_ARGS__}; } \
    };
#define HW5_BITS(S, i) from_bits<S>(bits[i])
#define HW5_TEXELS(S, name)                                          \
    HW5_TEXEL(S, S, 1, HW5_BITS(S, 0))                               \
    HW5_TEXEL(name##1, S, 1, HW5_BITS(S, 0))                         \
    HW5_TEXEL(name##2, S, 2, HW5_BITS(S, 0), HW5_BITS(S, 1))         \
    HW5_TEXEL(name##4, S, 4, HW5_BITS(S, 0), HW5_BITS(S, 1), HW5_BITS(S, 2), HW5_BITS(S, 3))
HW5_TEXELS(signed char, char) HW5_TEXELS(unsigned char, uchar) HW5_TEXELS(short, short) HW5_TEXELS(unsigned short, ushort)
HW5_TEXELS(int, int) HW5_TEXELS(unsigned, uint) HW5_TEXELS(float, float)
HW5_TEXEL(char, char, 1, HW5_BITS(char, 0))
#undef HW5_TEXEL
#undef HW5_BITS
#undef HW5_TEXELS

template <class T> static inline HW5_UNCHECKED T fetch(uint64_t handle, int dims, double x, double y, double z, const Call &call) {
    using Type = TexelType<T>;
    const Image &image = image_of(handle, false, call);
    const Shape shape = shape_of(image, dims);
    check_type(image, shape, dims, Type::components, is_float<typename Type::Scalar>, call);
    return Type::made(fetched(image, shape, {x, y, z}, dims, call).bits);
}

// The first axis of the array has the layers, which are not filtered; the nearest is read.
template <class T> static inline HW5_UNCHECKED T fetch_layer(uint64_t handle, int dims, double x, double y, int layer, const Call &call) {
    using Type = TexelType<T>;
    const Image &image = image_of(handle, false, call);
    const Shape shape = shape_of(image, dims + 1);
    check_type(image, shape, dims + 1, Type::components, is_float<typename Type::Scalar>, call);
    const int nearest = addressed(layer, shape.size[dims], cudaAddressModeClamp);
    if (dims == 1) y = nearest;
    return Type::made(fetched(image, shape, {x, y, dims == 2 ? (double)nearest : 0}, dims, call).bits);
}

// tex1Dfetch: by the index of a texel, without settings; 0 beyond the array.
template <class T> static inline HW5_UNCHECKED T fetch_linear(uint64_t handle, int i, const Call &call) {
    using Type = TexelType<T>;
    const Image &image = image_of(handle, false, call);
    const Shape shape = row_of(image, Type::components);
    check_type(image, shape, 0, Type::components, is_float<typename Type::Scalar>, call);
    if ((unsigned)i >= (unsigned)shape.size[0]) return Type::made({});
    return Type::made(texel_at(image, shape, {i, 0, 0}, call).bits);
}

// ---- surfaces

struct Place {
    int x, y, z;  // x in bytes
};

[[noreturn]] static inline HW5_UNCHECKED void fail_outside(int dims, const char *verb, int size, Place at, int width,
                                                           const int *n, const Call &call) {
    if (dims == 1) HW5_FAIL(out_of_bounds, call, "%s %d bytes at x = %d of a surface of %d bytes", verb, size, at.x, width);
    if (dims == 2)
        HW5_FAIL(out_of_bounds, call, "%s %d bytes at x = %d, y = %d of a surface of %d bytes x %d rows", verb, size, at.x, at.y,
                 width, n[1]);
    HW5_FAIL(out_of_bounds, call, "%s %d bytes at x = %d, y = %d, z = %d of a surface of %d bytes x %d rows x %d slices", verb,
             size, at.x, at.y, at.z, width, n[1], n[2]);
}

// Where a surface has size bytes at a place, or null for nowhere.
static inline HW5_UNCHECKED unsigned char *surface_at(uint64_t handle, int dims, Place at, int size, int mode, bool writes,
                                                      const Call &call) {
    const Image &image = image_of(handle, true, call);
    const Shape shape = shape_of(image, dims);
    const bool are_components = shape.components == 1 || shape.components == 2 || shape.components == 4;
    if (image.axes != dims && !(has_components(image, dims) && are_components))
        HW5_FAIL(assertion, call, "%s uses a surface whose array has %d dimensions", call.name, image.axes);
    const int width = shape.size[0] * shape.components * image.bytes, *n = shape.size;
    const char *const verb = writes ? "writes" : "reads";
    if (at.x % size)
        HW5_FAIL(misaligned, call, "%s %d bytes at x = %d of a surface; x is in bytes, and must be a multiple of %d", verb, size, at.x, size);
    const int most[] = {width - size, n[1] - 1, n[2] - 1};
    int place[] = {at.x, at.y, at.z};
    for (int d = 0; d < 3; d++) {
        if ((unsigned)place[d] <= (unsigned)most[d] && most[d] >= 0) continue;
        if (mode == cudaBoundaryModeZero) return nullptr;
        if (mode == cudaBoundaryModeTrap) fail_outside(dims, verb, size, at, width, n, call);
        place[d] = place[d] < 0 ? 0 : most[d];
    }
    unsigned char *const found = image.texels + ((uint64_t)place[2] * n[1] + place[1]) * width + place[0];
#ifdef HW5_CHECK
    hw5_link.runtime.access((uintptr_t)found, size, writes ? AccessKind::write : AccessKind::read, false, call.pc, call.frame);
#endif
    return found;
}
template <class T> static inline HW5_UNCHECKED T surface_read(uint64_t handle, int dims, Place at, int mode, const Call &call) {
    const unsigned char *const place = surface_at(handle, dims, at, sizeof(T), mode, false, call);
    return place ? *(const T *)place : T{};
}
template <class T>
static inline HW5_UNCHECKED void surface_write(const T &value, uint64_t handle, int dims, Place at, int mode, const Call &call) {
    unsigned char *const place = surface_at(handle, dims, at, sizeof(T), mode, true, call);
    if (place) *(T *)place = value;
}

}  // namespace hw5

typedef hw5::Handle<0> cudaTextureObject_t, CUtexObject;
typedef hw5::Handle<1> cudaSurfaceObject_t, CUsurfObject;

// Texture and surface references, which nvcc 12 does not take any more: variables that Python binds to an array.
template <class T, int type = cudaTextureType1D, cudaTextureReadMode mode = cudaReadModeElementType> struct hw5_texture {
    cudaTextureObject_t object = 0;
    // for PyCUDA, whose scripts do not say it
    unsigned char is_float = hw5::is_float<typename hw5::TexelType<T>::Scalar>;
    unsigned char is_signed = (typename hw5::TexelType<T>::Scalar)-1 < 0, bytes = sizeof(typename hw5::TexelType<T>::Scalar);
    unsigned char components = hw5::TexelType<T>::components;
    unsigned normalized_float = mode;
};
template <class T, int type = cudaSurfaceType1D> struct hw5_surface {
    cudaSurfaceObject_t object = 0;
    operator cudaSurfaceObject_t() const { return object; }
};
namespace hw5 {
template <class T, int mode> struct Referred { using type = T; };
template <int components> struct Floats;
template <> struct Floats<1> { using type = float; };
template <> struct Floats<2> { using type = float2; };
template <> struct Floats<4> { using type = float4; };
template <class T> struct Referred<T, cudaReadModeNormalizedFloat> : Floats<TexelType<T>::components> {};
}  // namespace hw5

// Each function returns the value, or stores it through a pointer, or reads a reference.
#define HW5_BARE(...) __VA_ARGS__
#define HW5_FETCH(name, parameters, arguments, fetch, ...)                                                                \
    template <class T> static inline HW5_UNCHECKED T name(cudaTextureObject_t object, HW5_BARE parameters, HW5_SITE) {     \
        return hw5::fetch<T>(object, __VA_ARGS__, HW5_CALL(name));                                                         \
    }                                                                                                                     \
    template <class T>                                                                                                    \
    static inline void name(T *value, cudaTextureObject_t object, HW5_BARE parameters, HW5_SITE) {                         \
        *value = name<T>(object, HW5_BARE arguments, file, line);                                                         \
    }                                                                                                                     \
    template <class T, int type, cudaTextureReadMode mode>                                                                \
    static inline HW5_UNCHECKED typename hw5::Referred<T, mode>::type name(const hw5_texture<T, type, mode> &reference,    \
                                                                           HW5_BARE parameters, HW5_SITE) {               \
        return hw5::fetch<typename hw5::Referred<T, mode>::type>(reference.object, __VA_ARGS__, HW5_CALL(name));           \
    }
HW5_FETCH(tex1Dfetch, (int x), (x), fetch_linear, x)
HW5_FETCH(tex1D, (float x), (x), fetch, 1, x, 0, 0)
HW5_FETCH(tex2D, (float x, float y), (x, y), fetch, 2, x, y, 0)
HW5_FETCH(tex3D, (float x, float y, float z), (x, y, z), fetch, 3, x, y, z)
HW5_FETCH(tex1DLayered, (float x, int layer), (x, layer), fetch_layer, 1, x, 0, layer)
HW5_FETCH(tex2DLayered, (float x, float y, int layer), (x, y, layer), fetch_layer, 2, x, y, layer)
// There are no mipmaps, so a level and gradients make no difference.
HW5_FETCH(tex1DLod, (float x, float level), (x, level), fetch, 1, x, 0, 0)
HW5_FETCH(tex2DLod, (float x, float y, float level), (x, y, level), fetch, 2, x, y, 0)
HW5_FETCH(tex3DLod, (float x, float y, float z, float level), (x, y, z, level), fetch, 3, x, y, z)
HW5_FETCH(tex1DGrad, (float x, float dx, float dy), (x, dx, dy), fetch, 1, x, 0, 0)
HW5_FETCH(tex2DGrad, (float x, float y, float2 dx, float2 dy), (x, y, dx, dy), fetch, 2, x, y, 0)
HW5_FETCH(tex3DGrad, (float x, float y, float z, float4 dx, float4 dy), (x, y, z, dx, dy), fetch, 3, x, y, z)

#define HW5_SURFACE(name, dims, parameters, arguments, ...)                                                               \
    template <class T> static inline HW5_UNCHECKED T name##read(                                                          \
        cudaSurfaceObject_t object, HW5_BARE parameters, cudaSurfaceBoundaryMode mode = cudaBoundaryModeTrap, HW5_SITE) {  \
        return hw5::surface_read<T>(object, dims, {__VA_ARGS__}, mode, HW5_CALL(name##read));                             \
    }                                                                                                                     \
    template <class T> static inline void name##read(                                                                     \
        T *value, cudaSurfaceObject_t object, HW5_BARE parameters, cudaSurfaceBoundaryMode mode = cudaBoundaryModeTrap,    \
        HW5_SITE) {                                                                                                       \
        *value = name##read<T>(object, HW5_BARE arguments, mode, file, line);                                             \
    }                                                                                                                     \
    template <class T> static inline HW5_UNCHECKED void name##write(                                                      \
        T value, cudaSurfaceObject_t object, HW5_BARE parameters, cudaSurfaceBoundaryMode mode = cudaBoundaryModeTrap,     \
        HW5_SITE) {                                                                                                       \
        hw5::surface_write(value, object, dims, {__VA_ARGS__}, mode, HW5_CALL(name##write));                              \
    }
HW5_SURFACE(surf1D, 1, (int x), (x), x, 0, 0)
HW5_SURFACE(surf2D, 2, (int x, int y), (x, y), x, y, 0)
HW5_SURFACE(surf3D, 3, (int x, int y, int z), (x, y, z), x, y, z)
HW5_SURFACE(surf1DLayered, 2, (int x, int layer), (x, layer), x, layer, 0)
HW5_SURFACE(surf2DLayered, 3, (int x, int y, int layer), (x, y, layer), x, y, layer)
#undef HW5_BARE
#undef HW5_FETCH
#undef HW5_SURFACE
