"""Textures and surfaces against NumPy, by the formulas of the CUDA C++ Programming Guide, "Texture Fetching"."""

import itertools
import shutil

import numpy as np
import pytest

from hw5.emulator import Emulator, KernelFault
from hw5.errors import InputError

from .support import write_kernel

f32, i32, u8 = np.float32, np.int32, np.uint8

FETCHES = """
template <class T> __global__ void fetch1(T *y, cudaTextureObject_t t, const float *at, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = tex1D<T>(t, at[i]);
}
template <class T> __global__ void fetch2(T *y, cudaTextureObject_t t, const float *at, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) tex2D(&y[i], t, at[2 * i], at[2 * i + 1]);
}
template <class T> __global__ void fetch3(T *y, cudaTextureObject_t t, const float *at, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = tex3D<T>(t, at[3 * i], at[3 * i + 1], at[3 * i + 2]);
}
template <class T> __global__ void linear(T *y, cudaTextureObject_t t, const int *at, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = tex1Dfetch<T>(t, at[i]);
}
"""
SCALARS = {"float": f32, "signed char": np.int8, "unsigned char": u8, "short": np.int16, "unsigned short": np.uint16}
SCALARS |= {"int": i32, "unsigned": np.uint32}
VECTORS = ["float2", "float4", "uchar4", "short2", "int4"]
INSTANCES = [f"{name}<{kind}>" for name in ("fetch1", "fetch2", "fetch3", "linear") for kind in [*SCALARS, *VECTORS]]


@pytest.fixture(scope="module", params=["check", "fast", "check with clang++", "fast with clang++"])
def emulator(request, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        if "clang" in request.param:
            if not shutil.which("clang++"):
                pytest.skip("clang++ is not installed")
            patch.setenv("CXX", "clang++")
        file = write_kernel(tmp_path_factory.mktemp("textures"), FETCHES)
        return Emulator(file, check="check" in request.param, instances=INSTANCES)


# ---- the guide's formulas


def texel(texels, indices, modes):
    """T[i, j, k], with indices beyond the array by the address modes; texels have a last axis of components."""
    inside = np.ones(indices[0].shape, bool)
    found = []
    for i, n, mode in zip(indices, texels.shape, modes):
        inside &= (mode != "border") | ((i >= 0) & (i < n))
        mirrored = np.where(i % (2 * n) < n, i % (2 * n), 2 * n - 1 - i % (2 * n))
        found.append({"wrap": i % n, "mirror": mirrored}.get(mode, np.clip(i, 0, n - 1)))
    return np.where(inside[:, None], texels[tuple(found)], 0)


def coordinates(at, texels, modes, normalized):
    """x, y and z of the guide, one a row, of what a kernel passes; and the axes of the array in their order."""
    columns = at.astype(np.float64).reshape(len(at), -1).T
    for x, n, mode in zip(columns, texels.shape[-2::-1], modes):
        whole = np.floor(x)
        x = {"wrap": x - whole, "mirror": np.where(whole % 2 == 0, x - whole, 1 - (x - whole))}.get(mode, x)
        yield x * n if normalized else np.where(np.isnan(x), 0, x)


def reference(array, at, modes, filter_mode="point", normalized=False):
    """What a texture of an array with a last axis of components gives at coordinates (n, dimensions)."""
    modes = modes if normalized else ["clamp" if mode in ("wrap", "mirror") else mode for mode in modes]
    x = list(coordinates(at, array, modes, normalized))[::-1]  # as the axes of the array
    modes = modes[: len(x)][::-1]
    if filter_mode == "point":
        return texel(array, [np.floor(each).astype(int) for each in x], modes)
    below = [np.floor(each - 0.5) for each in x]
    weights = [np.floor((each - 0.5 - i) * 256 + 0.5) / 256 for each, i in zip(x, below)]
    total = 0
    for corner in itertools.product((0, 1), repeat=len(x)):
        weight = np.prod([w if bit else 1 - w for w, bit in zip(weights, corner)], axis=0)
        indices = [i.astype(int) + bit for i, bit in zip(below, corner)]
        total = total + weight[:, None] * texel(array.astype(np.float64), indices, modes)
    return total.astype(f32)


def points(shape, normalized, n=200):
    """Coordinates around an array of a shape, some on the borders between texels."""
    sizes = np.array(shape[::-1])
    at = np.random.default_rng(0).uniform(-1.5, 2.5, (n, len(shape))) * sizes
    at[: n // 4] = np.round(at[: n // 4] * 2) / 2
    return (at / sizes if normalized else at).astype(f32)


def fetched(emulator, kind, dtype, texture, at, components=1):
    dims = 1 if at.ndim == 1 else at.shape[1]
    y = np.zeros((len(at), components), dtype)
    name = "linear" if at.dtype == i32 else f"fetch{dims}"
    emulator.run(f"{name}<{kind}>", 4, 64, [y, texture, np.ascontiguousarray(at), len(at)])
    return y


SHAPES = [(7,), (5, 7), (3, 4, 5)]


@pytest.mark.parametrize("shape", SHAPES, ids=["1d", "2d", "3d"])
@pytest.mark.parametrize("normalized", [False, True], ids=["texels", "normalized"])
@pytest.mark.parametrize("filter_mode", ["point", "linear"])
def test_address_and_filter_modes(emulator, shape, normalized, filter_mode):
    array = np.random.default_rng(1).normal(size=shape).astype(f32)
    at = points(shape, normalized)
    for modes in [*zip(*[["wrap", "clamp", "mirror", "border"]] * 3), ("wrap", "border", "mirror")]:
        texture = emulator.texture(array, address_mode=modes, filter_mode=filter_mode, normalized_coords=normalized)
        y = fetched(emulator, "float", f32, texture, at)
        expected = reference(array[..., None], at, modes, filter_mode, normalized)
        np.testing.assert_array_equal(y, expected, str(modes))


@pytest.mark.parametrize("kind", SCALARS)
def test_numbers(emulator, kind):
    dtype, random = SCALARS[kind], np.random.default_rng(2)
    array = random.integers(0, 256, (5, 7 * np.dtype(dtype).itemsize), u8).view(dtype)
    if dtype == f32:
        array = np.where(np.isfinite(array), array, f32(-0.0))
    at = points((5, 7), False)
    y = fetched(emulator, kind, dtype, array, at)  # an array is a texture with the defaults
    np.testing.assert_array_equal(y, reference(array[..., None], at, ["clamp"] * 2))
    if array.dtype.itemsize > 2:
        return
    most = np.iinfo(dtype).max
    for filter_mode in ("point", "linear"):
        texture = emulator.texture(array, filter_mode=filter_mode, read_mode="normalized_float")
        floats = np.maximum(array / np.float64(most), -1).astype(f32)
        y = fetched(emulator, "float", f32, texture, at)
        np.testing.assert_array_equal(y, reference(floats[..., None], at, ["clamp"] * 2, filter_mode))


@pytest.mark.parametrize("kind", VECTORS)
@pytest.mark.parametrize("shape", SHAPES, ids=["1d", "2d", "3d"])
def test_vectors(emulator, kind, shape):
    dtype, n = {"f": f32, "u": u8, "s": np.int16, "i": i32}[kind[0]], int(kind[-1])
    array = np.random.default_rng(3).integers(0, 100, (*shape, n)).astype(dtype)
    at = points(shape, True)
    for components in (None, n):
        texture = emulator.texture(array, address_mode="mirror", normalized_coords=True, components=components)
        y = fetched(emulator, kind, dtype, texture, at, n)
        np.testing.assert_array_equal(y, reference(array, at, ["mirror"] * 3, "point", True))


def test_tex1dfetch_reads_all_texels_in_a_row_and_zero_beyond(emulator):
    at = np.array([0, 5, 34, 35, -1, 2**31 - 1, -(2**31)], i32)
    array = np.arange(1, 36, dtype=f32).reshape(5, 7)
    for settings in ({}, {"address_mode": "wrap", "normalized_coords": True, "filter_mode": "linear"}):
        y = fetched(emulator, "float", f32, emulator.texture(array, **settings), at)
        assert y.ravel().tolist() == [1, 6, 35, 0, 0, 0, 0]
    y = fetched(emulator, "float2", f32, array[:, :6].copy(), at, 2)
    assert y[:4].tolist() == [[1, 2], [12, 13], [0, 0], [0, 0]]


def test_values_that_are_no_numbers_keep_their_bits(emulator):
    bits = np.array([0x7F800001, 0xFFFFFFFF, 0x80000000, 1, 0xFF812345], np.uint32)
    y = fetched(emulator, "float", f32, bits.view(f32), np.arange(5, dtype=f32))
    assert y.view(np.uint32).ravel().tolist() == bits.tolist()
    beyond = np.array([np.inf, -np.inf, np.nan, 1e30], f32)
    assert fetched(emulator, "float", f32, np.arange(5, dtype=f32), beyond).ravel().tolist() == [4, 0, 0, 4]


def test_halves_are_read_as_floats(emulator):
    y = fetched(emulator, "float", f32, np.array([0.5, 65504, 6e-8], np.float16), np.arange(3, dtype=f32))
    assert y.ravel().tolist() == [0.5, 65504, float(np.float16(6e-8))]


# ---- other ways to pass a texture


ELSEWHERE = """
struct Scene { float scale; cudaTextureObject_t image; };
__constant__ cudaTextureObject_t table[2];
__device__ CUtexObject chosen;
__device__ float look(cudaTextureObject_t t, int i) { return t ? tex1D<float>(t, i + 0.5f) : -1; }
__global__ void k(float *y, Scene scene, const cudaTextureObject_t *list, unsigned long long number) {
    int i = threadIdx.x;
    y[i] = scene.scale * look(scene.image, i) + look(table[i % 2], i) + look(chosen, i) + look(list[1], i) + tex1Dfetch<float>(number, i);
}
"""


@pytest.mark.parametrize("check", [False, True])
def test_handles_in_structures_variables_and_arrays(tmp_path, check):
    emulator = Emulator(write_kernel(tmp_path, ELSEWHERE), check=check)
    x = np.arange(4, dtype=f32)
    a, b, c = (emulator.texture(x + 10 * i) for i in range(3))
    emulator.write(emulator.variable("table")[0], np.array([int(a), int(b)], np.uint64))
    emulator.bind("chosen", c)
    scene = np.array((2, int(b)), np.dtype([("scale", f32), ("image", np.uint64)], align=True))[()]
    y = np.zeros(4, f32)
    emulator.run("k", 1, 4, [y, scene, np.array([0, int(c)], np.uint64), np.uint64(int(a))])
    assert y.tolist() == (2 * (x + 10) + x + [0, 10, 0, 10] + 2 * (x + 20) + x).tolist()


REFERENCES = """
texture<float, cudaTextureType2D, cudaReadModeElementType> image;
static texture<uchar4, 2, cudaReadModeNormalizedFloat> colours;
template <class T> struct Mode { static const cudaTextureReadMode mode = cudaReadModeElementType; };
texture<int, 1, Mode<int>::mode> row;
surface<void, cudaSurfaceType2D> result;
typedef void (*UseOf)(int texture);
template <class T, enum cudaTextureReadMode mode> __device__ float at(texture<T, 2, mode> t, int x, int texture) {
    return texture < 2 && 1 > 0 ? tex2D(t, x, texture) : 0;
}
__global__ void k(int n) {
    int i = threadIdx.x;
    float4 c = tex2D(colours, i + 0.5f, 0.5f);
    float value = at(image, i, 1) + tex1Dfetch(row, i) + c.x + c.w;
    surf2Dwrite(value, result, i * sizeof(float), 0);
}
int main() {
    image.filterMode = cudaFilterModeLinear;
    cudaBindTexture(0, row, 0, 0);
    k<<<1, 4>>>(4);
}
"""


@pytest.mark.parametrize("check", [False, True])
def test_references_are_bound_by_name(tmp_path, check):
    emulator = Emulator(write_kernel(tmp_path, REFERENCES), check=check)
    with pytest.raises(KernelFault, match="k.cu:13 fails: tex2D: .*nothing is bound to the reference"):
        emulator.run("k", 1, 4, [4])
    colours = np.arange(16, dtype=u8).reshape(1, 4, 4)
    result = emulator.surface(np.zeros((1, 4), f32))
    emulator.bind("image", emulator.texture(np.arange(8, dtype=f32).reshape(2, 4), filter_mode="linear"))
    emulator.bind("colours", emulator.texture(colours, read_mode="normalized_float"))
    emulator.bind("row", emulator.texture(np.arange(4, dtype=i32)))
    emulator.bind("result", result)
    emulator.run("k", 1, 4, [4])
    i = np.arange(4)
    image = [2, 2.5, 3.5, 4.5]
    expected = np.add(image, i, dtype=f32) + (colours[0, :, 0] / 255).astype(f32) + (colours[0, :, 3] / 255).astype(f32)
    np.testing.assert_array_equal(result.read()[0], expected)


def test_a_class_of_the_name_texture_is_the_file_s_own(tmp_path):
    text = "template <class T> struct texture { T v; };\n__constant__ texture<float> t = {3};\n"
    text += "texture<int> of_the_host;\n__global__ void k(float *y, texture<float> p) { y[0] = t.v + p.v; }"
    y = np.zeros(1, f32)
    Emulator(write_kernel(tmp_path, text)).run("k", 1, 1, [y, f32(2).tobytes()])
    assert y[0] == 5


def test_layers_levels_and_gradients(tmp_path):
    text = """
    __global__ void k(cudaTextureObject_t t, cudaSurfaceObject_t s, float *y, int w) {
        int i = threadIdx.x;
        float x = i * 0.7f - 1, level = 0;
        float2 d = {1, 1};
        y[0 * w + i] = tex2DLayered<float>(t, x, 0.8f, i - 2);
        y[1 * w + i] = tex3D<float>(t, x, 0.8f, min(max(i - 2, 0), 2) + 0.5f);
        y[2 * w + i] = tex2DLod<float>(t, x, 0.8f, level);
        y[3 * w + i] = tex2DGrad<float>(t, x, 0.8f, d, d);
        surf2DLayeredwrite(1.0f, s, 4 * (i % 5), i / 5, 2);
    }"""
    emulator = Emulator(write_kernel(tmp_path, text), check=True)
    array, y, ones = (
        np.random.default_rng(0).random((3, 4, 5)).astype(f32),
        np.zeros((4, 9), f32),
        np.zeros((3, 2, 5), f32),
    )
    texture = emulator.texture(array, address_mode="border", filter_mode="linear")
    with pytest.raises(KernelFault, match="tex2DLod reads 1-component texels from an array of the shape"):
        emulator.run("k", 1, 9, [texture, ones, y, 9])
    text = text.replace("y[2 * w + i] = tex2DLod<float>(t", "t = other; y[2 * w + i] = tex2DLod<float>(t")
    text = text.replace("cudaSurfaceObject_t s", "cudaTextureObject_t other, cudaSurfaceObject_t s")
    emulator = Emulator(write_kernel(tmp_path, text), check=True)
    settings = {"address_mode": ("border", "border", "clamp"), "filter_mode": "linear"}
    emulator.run("k", 1, 9, [emulator.texture(array, **settings), emulator.texture(array[0], **settings), ones, y, 9])
    np.testing.assert_array_equal(y[0], y[1])
    at = np.stack([np.arange(9, dtype=f32) * f32(0.7) - 1, np.full(9, 0.8, f32)], 1)
    expected = reference(array[0][..., None], at, ["border"] * 2, "linear")[:, 0]
    np.testing.assert_array_equal(y[2:], [expected, expected])
    assert ones[2].sum() == 9 and ones.sum() == 9


# ---- what is wrong


WRONG = """
__global__ void fetch(float *y, cudaTextureObject_t t) {
    y[0] = tex2D<float>(t, 1, 1);
}
__global__ void whole(int *y, cudaTextureObject_t t) {
    y[0] = tex2D<int>(t, 1, 1);
}
__global__ void outside(cudaSurfaceObject_t s) {
    surf2Dwrite(1.0f, s, threadIdx.x * 4, 1);
}
__global__ void elements(cudaSurfaceObject_t s) {
    surf2Dwrite(1.0f, s, threadIdx.x, 1);
}
__global__ void overlap(cudaSurfaceObject_t s, float *y) {
    surf2Dwrite((float)threadIdx.x, s, threadIdx.x % 32 * 4, 1);
    y[threadIdx.x] = surf2Dread<float>(s, threadIdx.x / 2 * 4, 1);
}
__global__ void through(cudaSurfaceObject_t s, cudaTextureObject_t t, float *y) {
    surf2Dwrite((float)threadIdx.x, s, threadIdx.x * 4, 0);
    y[threadIdx.x] = tex2D<float>(t, threadIdx.x ^ 32, 0);
}
"""


@pytest.mark.parametrize("check", [False, True])
def test_what_does_not_fit_is_reported(tmp_path, check):
    emulator = Emulator(write_kernel(tmp_path, WRONG), check=check)

    def report(kernel, threads, *args):
        with pytest.raises(KernelFault) as caught:
            emulator.run(kernel, 1, threads, list(args))
        return caught.value.kind, caught.value.line, str(caught.value)

    image, y = np.zeros((4, 8), f32), np.zeros(1, f32)
    cases = [
        (
            ("fetch", 1, y, np.zeros(8, f32)),
            "assertion",
            3,
            "tex2D reads 1-component texels from an array of the shape (8)",
        ),
        (
            ("fetch", 1, y, np.zeros((4, 8, 4), f32)),
            "assertion",
            3,
            "1-component texels from an array of the shape (4, 8, 4)",
        ),
        (
            ("fetch", 1, y, image.astype(u8)),
            "assertion",
            3,
            "tex2D reads float from a texture of whole numbers (read_mode",
        ),
        (("fetch", 1, y, 0), "assertion", 3, "the texture object is 0"),
        (("fetch", 1, y, emulator.surface(image)), "assertion", 3, "the argument is no texture object"),
        (("fetch", 1, y, 12345), "assertion", 3, "the argument is no texture object"),
        (("whole", 1, y.astype(i32), image), "assertion", 6, "tex2D reads whole numbers from a texture of float"),
        (
            ("outside", 9, image),
            "out-of-bounds",
            9,
            "writes 4 bytes at x = 32, y = 1 of a surface of 32 bytes x 4 rows",
        ),
        (
            ("outside", 2, image[:1]),
            "out-of-bounds",
            9,
            "writes 4 bytes at x = 0, y = 1 of a surface of 32 bytes x 1 rows",
        ),
        (("elements", 9, image), "misaligned", 12, "writes 4 bytes at x = 1 of a surface; x is in bytes"),
        (
            ("outside", 1, np.zeros((2, 3, 5), f32)),
            "assertion",
            9,
            "surf2Dwrite uses a surface whose array has 3 dimensions",
        ),
        (("outside", 1, np.zeros(8, f32)), "assertion", 9, "surf2Dwrite uses a surface whose array has 1 dimensions"),
    ]
    for call, kind, line, sentence in cases:
        found = report(*call)
        assert found[:2] == (kind, line) and sentence in found[2], found
    if check:
        wide = np.zeros((4, 64), f32)
        kind, line, sentence = report("overlap", 64, wide, np.zeros(64, f32))
        assert (kind, line) == ("race", 15) or (kind, line) == ("race", 16), sentence
        surface = emulator.surface(wide)
        kind, line, sentence = report("through", 64, surface, emulator.texture(surface), np.zeros(64, f32))
        assert (kind, line) == ("race", 20), sentence


@pytest.mark.parametrize(
    "array, settings, sentence",
    [
        (np.zeros(4), {}, "float32 or float16, not float64"),
        (np.zeros(4, ">f4"), {}, "not >f4"),
        (np.zeros((2, 3, 4, 2, 1), f32), {}, "1 to 3 axes"),
        (np.zeros((4, 3), f32), {"components": 4}, "the length of the last axis"),
        (np.zeros((4, 3), f32), {"components": 3}, "components must be 1, 2 or 4"),
        (np.zeros((4, 3), u8), {"filter_mode": "linear"}, "filter_mode linear needs floats"),
        (np.zeros((4, 3), i32), {"read_mode": "normalized_float"}, "8 or 16 bits, not int32"),
        (np.zeros((0, 3), f32), {}, "must have elements"),
        (
            np.zeros((4, 3), f32),
            {"address_mode": "repeat"},
            "address_mode must be one of wrap, clamp, .*, not 'repeat'",
        ),
    ],
)
def test_settings_are_checked(emulator, array, settings, sentence):
    with pytest.raises(ValueError, match=sentence):
        emulator.texture(array, **settings)


def test_arguments_are_checked(emulator):
    with pytest.raises(
        InputError, match="argument 2 of fetch1<float> is a texture; pass a NumPy array or Emulator.texture"
    ):
        emulator.run("fetch1<float>", 1, 1, [np.zeros(1, f32), 0.5, np.zeros(1, f32), 1])
    with pytest.raises(InputError, match="argument 2 of fetch1<float>: a texel is .*not float64"):
        emulator.run("fetch1<float>", 1, 1, [np.zeros(1, f32), np.zeros(3), np.zeros(1, f32), 1])


# ---- surfaces


SURFACES = """
template <class T> __global__ void turn(cudaSurfaceObject_t from, cudaSurfaceObject_t to, int w, int h) {
    int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
    if (x < w && y < h) surf2Dwrite(surf2Dread<T>(from, x * sizeof(T), y), to, y * sizeof(T), w - 1 - x);
}
__global__ void modes(cudaSurfaceObject_t s, float *y, int d) {
    int i = threadIdx.x, x = (i % 8 - 2) * 4, row = i / 8 % 8 - 2, z = i / 64 - 2;
    if (d == 1) y[i] = surf1Dread<float>(s, x, cudaBoundaryModeZero);
    if (d == 2) surf2Dread(&y[i], s, x, row, cudaBoundaryModeClamp);
    if (d == 3) surf3Dread(&y[i], s, x, row, z, cudaBoundaryModeClamp);
    if (d == 4) y[i] = surf3Dread<float>(s, x, row, z, cudaBoundaryModeZero);
}
__global__ void fill(cudaSurfaceObject_t line, cudaSurfaceObject_t volume) {
    int i = threadIdx.x - 2;
    surf1Dwrite((short)i, line, 2 * i, cudaBoundaryModeZero);
    for (int z = -1; z < 3; z++) surf3Dwrite(i + 100 * z, volume, 4 * i, 1, z, cudaBoundaryModeZero);
}
"""


@pytest.mark.parametrize("check", [False, True])
def test_surfaces(tmp_path, check):
    kinds = {"float": f32, "unsigned char": u8, "float4": f32, "short2": np.int16}
    emulator = Emulator(write_kernel(tmp_path, SURFACES), check=check, instances=[f"turn<{kind}>" for kind in kinds])
    for kind, dtype in kinds.items():
        components = int(kind[-1]) if kind[-1].isdigit() else 1
        image = np.random.default_rng(0).integers(0, 99, (37, 50, components)).astype(dtype)
        image, turned = image.squeeze(), np.zeros((50, 37, components), dtype).squeeze()
        emulator.run(f"turn<{kind}>", (4, 5), (16, 8), [image, turned, 50, 37])
        np.testing.assert_array_equal(turned, np.rot90(image))

    volume, i = np.random.default_rng(0).random((3, 4, 5)).astype(f32), np.arange(8**3)
    x, row, z = i % 8 - 2, i // 8 % 8 - 2, i // 64 - 2
    clamped = np.clip(z, 0, 2), np.clip(row, 0, 3), np.clip(x, 0, 4)
    is_inside = (x >= 0) & (x < 5)
    inside = is_inside & (row >= 0) & (row < 4) & (z >= 0) & (z < 3)
    expected = [
        (volume[0, 0], is_inside * volume[0, 0][clamped[2]]),
        (volume[0], volume[0][clamped[1:]]),
        (volume, volume[clamped]),
        (volume, inside * volume[clamped]),
    ]
    for d, (array, values) in enumerate(expected, start=1):
        y = np.zeros(8**3, f32)
        emulator.run("modes", 1, 8**3, [array, y, d])
        np.testing.assert_array_equal(y, values, str(d))

    line, volume = np.full(4, 7, np.int16), np.full((2, 2, 3), 7, i32)
    emulator.run("fill", 1, 9, [line, volume])
    assert line.tolist() == [0, 1, 2, 3]
    assert volume.tolist() == [[[7] * 3, [0, 1, 2]], [[7] * 3, [100, 101, 102]]]


def test_a_texture_of_a_surface_has_its_memory(tmp_path):
    text = "__global__ void k(cudaSurfaceObject_t s) { surf1Dwrite(2.0f, s, 4 * threadIdx.x); }\n"
    text += "__global__ void l(cudaTextureObject_t t, float *y) { y[0] = tex1D<float>(t, 1); }"
    emulator = Emulator(write_kernel(tmp_path, text), check=True)
    surface = emulator.surface(np.zeros(2, f32))
    texture, y = emulator.texture(surface, filter_mode="linear"), np.zeros(1, f32)
    emulator.run("k", 1, 2, [surface])
    emulator.run("l", 1, 1, [texture, y])
    assert y[0] == 2 and surface.read().tolist() == [2, 2]
