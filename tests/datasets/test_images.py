"""Images of any size, mode and orientation become examples like the training images."""

import io
import struct
import tracemalloc
import zlib
from dataclasses import replace

import numpy as np
import pytest

from hw5.datasets import Dataset, Examples
from hw5.datasets.images import load_image
from hw5.datasets.preprocessing import Standardisation, Subset
from hw5.errors import InputError
from hw5.train.data_source import DataSource

Image = pytest.importorskip("PIL.Image")

SHAPE = (8, 6)


class Trained:
    """The attributes of a checkpoint that load_image needs: the pixels of its training images."""

    def __init__(self, X, image_shape=SHAPE):
        examples = Examples(X, np.zeros(len(X), np.int32))
        dataset = Dataset("images", "images", examples, None, ("a", "b"), None, image_shape)
        self.data = DataSource.of(dataset, None, None)
        self.standardisation = Standardisation.fit(Subset.whole(examples))
        self.image_shape = image_shape


def strokes(dtype=np.uint8, highest=255):
    """Light strokes in the middle third of an empty background."""
    X = np.zeros((20, *SHAPE), dtype)
    X[:, 2:6, 2:4] = highest
    X[0, 3, 3] = 0
    return X.reshape(20, -1)


TRAINED, TRAINED_ON_PAPER = Trained(strokes()), Trained(255 - strokes())
rng = np.random.default_rng(0)
FIGURE = np.zeros(SHAPE, np.uint8)
FIGURE[1:7, 2:5] = rng.integers(1, 256, (6, 3))


def save(path, pixels, mode=None, **options):
    image = Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(path, **options)
    return path


def load(path, trained=TRAINED, invert=None):
    x = load_image(path, trained, invert)
    assert x.dtype == np.float32 and x.shape == (1, np.prod(trained.image_shape))
    return x.reshape(trained.image_shape)


def test_an_image_of_the_right_shape_is_used_pixel_by_pixel(tmp_path):
    np.testing.assert_array_equal(load(save(tmp_path / "a.png", FIGURE)), FIGURE)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P"])
def test_other_modes_have_the_same_grey(tmp_path, mode):
    np.testing.assert_array_equal(load(save(tmp_path / "a.png", FIGURE, mode)), FIGURE)


def test_sixteen_bits(tmp_path):
    path = save(tmp_path / "a.png", FIGURE.astype(np.uint16) * 257)
    np.testing.assert_allclose(load(path), FIGURE, rtol=1e-6)  # one rounding, in the division by 257


def test_one_bit(tmp_path):
    pixels = FIGURE > 128
    np.testing.assert_array_equal(load(save(tmp_path / "a.png", pixels)), 255 * pixels)


def test_jpeg(tmp_path):
    smooth = np.kron(FIGURE, np.ones((16, 16), np.uint8))  # JPEG blocks of a single colour
    for mode in ("L", "RGB", "CMYK"):
        x = load(save(tmp_path / f"{mode}.jpg", smooth, mode, quality=95))
        # The quantised mean of a block and the colour conversion have errors of 1 or 2 of 255 each
        np.testing.assert_allclose(x, FIGURE, atol=4)


def test_the_range_is_that_of_the_training_images(tmp_path):
    path = save(tmp_path / "a.png", FIGURE)
    np.testing.assert_allclose(load(path, Trained(strokes(highest=16))), FIGURE * (16 / 255), rtol=1e-6)
    np.testing.assert_allclose(load(path, Trained(strokes(np.float32, 1))), FIGURE / 255, rtol=1e-6)


def test_an_image_is_inverted_to_match_the_training_images(tmp_path):
    path, inverse = save(tmp_path / "a.png", FIGURE), save(tmp_path / "b.png", 255 - FIGURE)
    for trained, same, other in ((TRAINED, path, inverse), (TRAINED_ON_PAPER, inverse, path)):
        expected = load(same, trained, invert=False)
        np.testing.assert_array_equal(load(same, trained), expected)
        np.testing.assert_array_equal(load(other, trained), expected)
        np.testing.assert_array_equal(load(other, trained, invert=True), expected)
        assert (load(other, trained, invert=False) != expected).any()


def test_the_background_of_float_images_is_their_border(tmp_path):
    """Their mean is light, but their border is dark."""
    X = np.full((10, *SHAPE), 0.9, np.float32)
    X[:, [0, -1]] = X[:, :, [0, -1]] = 0
    X[0, 3, 3] = 1
    path = save(tmp_path / "a.png", FIGURE)
    np.testing.assert_allclose(load(path, Trained(X.reshape(10, -1))), FIGURE / 255, rtol=1e-6)


@pytest.mark.parametrize("factor", [2, 7, 40])
def test_a_large_image_is_averaged_over_each_pixel(tmp_path, factor):
    large = np.kron(FIGURE, np.ones((factor, factor), np.uint8))
    # float32 sums of a few hundred numbers up to 255
    np.testing.assert_allclose(load(save(tmp_path / "a.png", large)), FIGURE, atol=1e-3)


def test_averaging_with_a_fractional_scale(tmp_path):
    large = np.zeros((12, 9), np.uint8)  # every output pixel covers 1.5 x 1.5 of these
    large[1:-1, 1:-1] = rng.integers(0, 256, (10, 7))
    halves = np.kron(large, np.ones((2, 2)))
    expected = halves.reshape(8, 3, 6, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(load(save(tmp_path / "a.png", large), invert=False), expected, rtol=1e-5)  # float32


@pytest.mark.parametrize("shape", [(8, 2), (3, 6), (80, 20), (30, 60), (1, 500), (500, 1)])
def test_other_proportions_are_padded_with_the_background(tmp_path, shape):
    blank = save(tmp_path / "a.png", np.full(shape, 40, np.uint8))
    np.testing.assert_allclose(load(blank), 0, atol=1e-4)  # float32 sums
    np.testing.assert_allclose(load(blank, TRAINED_ON_PAPER), 255, atol=1e-4)
    if min(shape) > 2:
        pixels = np.full(shape, 40, np.uint8)
        pixels[len(pixels) // 4 : -(len(pixels) // 4) or None, 1:-1] = 200
        x = load(save(tmp_path / "b.png", pixels))
        tall = shape[0] * SHAPE[1] > shape[1] * SHAPE[0]
        margins = x[:, [0, -1]] if tall else x[[0, -1]]
        np.testing.assert_allclose(margins, 0, atol=20)  # the edge of the figure may touch the last pixel
        assert x.max() > 130


@pytest.mark.parametrize("paper, ink", [(255, 0), (200, 20), (140, 10), (60, 250), (0, 255)])
def test_paper_of_any_grey_becomes_a_plain_background(tmp_path, paper, ink):
    figure = np.kron(FIGURE > 0, np.ones((10, 10), bool))
    path = save(tmp_path / "a.png", np.where(figure, ink, paper).astype(np.uint8))
    contrast = abs(ink - paper) / max(paper, 255 - paper)  # relative to the largest that this paper allows
    np.testing.assert_allclose(load(path), 255 * contrast * (FIGURE > 0), atol=1e-3)
    np.testing.assert_allclose(load(path, TRAINED_ON_PAPER), 255 - 255 * contrast * (FIGURE > 0), atol=1e-3)
    against = load(path, invert=paper < 128)  # the backgrounds: nothing but the inversion is done
    turned = (255 - paper, 255 - ink) if paper < 128 else (paper, ink)
    np.testing.assert_allclose(against, np.where(FIGURE > 0, turned[1], turned[0]), atol=1e-3)


def test_a_small_image_is_centred(tmp_path):
    x = load(save(tmp_path / "a.png", np.array([[0, 0, 0], [0, 255, 0], [0, 0, 0], [0, 0, 0]], np.uint8)))
    rows, columns = np.nonzero(x)
    assert x[2:4, 2:4].min() > 0.5 * 255 and rows.max() <= 4 and set(columns) <= {1, 2, 3, 4}


def test_transparency_keeps_the_figure_visible(tmp_path):
    """A dark and a light figure on a transparent background both become a light figure on a dark one."""
    for name, ink in (("dark", 0), ("light", 255)):
        pixels = np.dstack([np.full(SHAPE, ink, np.uint8), FIGURE])
        np.testing.assert_allclose(load(save(tmp_path / f"{name}.png", pixels)), FIGURE, atol=1e-4)


def test_a_transparent_palette_colour(tmp_path):
    image = Image.fromarray(np.where(FIGURE > 0, 255, 7).astype(np.uint8)).convert("P")
    image.save(tmp_path / "a.png", transparency=7)
    np.testing.assert_array_equal(load(tmp_path / "a.png"), 255 * (FIGURE > 0))


def test_exif_orientation(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate clockwise by 90 degrees
    path = save(tmp_path / "a.png", np.rot90(FIGURE), exif=exif)
    np.testing.assert_array_equal(load(path), FIGURE)


def png_of(width, height):
    """A PNG whose header declares this size, with almost no data."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">2I5B", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def valid(kind="PNG"):
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (30, 30), np.uint8)).save(buffer, kind)
    return buffer.getvalue()


BAD = {
    "empty": (b"", "empty"),
    "text": (b"hello", "not a valid PNG or JPEG"),
    "truncated PNG": (valid()[:-200], "not a valid PNG or JPEG"),
    "truncated JPEG": (valid("JPEG")[:-200], "not a valid PNG or JPEG"),
    "only the beginning": (valid()[:20], "not a valid PNG or JPEG"),
    "damaged": (valid()[:60] + b"\0\0\0\0" + valid()[64:], "not a valid PNG or JPEG"),
    "another format": (valid("GIF"), "not a valid PNG or JPEG"),
    "no pixels": (png_of(5000, 5000), "not a valid PNG or JPEG"),
    "a bomb": (png_of(10_000, 10_000), "pixels; give a smaller image"),
    "a larger bomb": (png_of(60_000, 60_000), "pixels; give a smaller image"),
}


@pytest.mark.parametrize("case", BAD)
def test_invalid_images(tmp_path, case):
    content, words = BAD[case]
    path = tmp_path / "bad.png"
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"bad.png: .*{words}") as caught:
        load_image(path, TRAINED)
    assert "\n" not in str(caught.value)


def test_a_model_not_trained_on_images(tmp_path):
    table = Trained(np.zeros((3, 48), np.float32), image_shape=None)
    assert replace(table.data, digest="") == DataSource("images", None, None, True, "")
    with pytest.raises(InputError, match="not trained on images"):
        load_image(save(tmp_path / "a.png", FIGURE), table)
    with pytest.raises(InputError, match="no such file"):
        load_image(tmp_path / "none.png", TRAINED)


COLOURS = rng.integers(0, 256, (*SHAPE, 3)).astype(np.uint8)
OF_COLOURS = Trained(np.stack([255 - COLOURS, COLOURS]).reshape(2, -1), COLOURS.shape)


def test_a_model_of_colours_gets_them_pixel_by_pixel(tmp_path):
    np.testing.assert_array_equal(load(save(tmp_path / "a.png", COLOURS), OF_COLOURS), COLOURS)
    np.testing.assert_array_equal(load(tmp_path / "a.png", OF_COLOURS, invert=True), 255 - COLOURS)


def test_a_grey_image_has_three_equal_channels_for_a_model_of_colours(tmp_path):
    expected = np.repeat(FIGURE[:, :, np.newaxis], 3, axis=2)
    np.testing.assert_array_equal(load(save(tmp_path / "a.png", FIGURE), OF_COLOURS), expected)
    deep = save(tmp_path / "b.png", FIGURE.astype(np.uint16) * 257)
    np.testing.assert_array_equal(load(deep, OF_COLOURS), expected)


def test_colours_are_scaled_and_padded_with_those_of_the_border(tmp_path):
    large = np.repeat(np.repeat(COLOURS, 4, axis=0), 4, axis=1)
    np.testing.assert_allclose(load(save(tmp_path / "a.png", large), OF_COLOURS), COLOURS, atol=1e-4)
    wide = np.full((8, 30, 3), (200, 10, 60), np.uint8)
    np.testing.assert_allclose(load(save(tmp_path / "b.png", wide), OF_COLOURS), np.full((*SHAPE, 3), (200, 10, 60)))


def test_what_is_transparent_is_white_among_colours(tmp_path):
    pixels = np.dstack([COLOURS, np.full(SHAPE, 255, np.uint8)])
    pixels[0, 0, 3] = 0
    seen = load(save(tmp_path / "a.png", pixels), OF_COLOURS)
    assert (seen[0, 0] == 255).all()
    np.testing.assert_array_equal(seen[1:], COLOURS[1:])


def test_images_of_other_channels_are_no_pictures(tmp_path):
    model = Trained(np.zeros((2, 8 * 6 * 5), np.uint8), (8, 6, 5))
    with pytest.raises(InputError, match="images of 5 channels; give them as a .npy file"):
        load(save(tmp_path / "a.png", FIGURE), model)


def test_a_length_that_a_damaged_file_states_is_not_allocated(tmp_path):
    """Of the pixels of a PNG, which are all there, but a flipped bit makes gigabytes of a hundred bytes."""
    path = save(tmp_path / "a.png", FIGURE)
    content = bytearray(path.read_bytes())
    at = content.index(b"IDAT") - 4
    content[at : at + 4] = b"\x7f\xff\xff\xff"
    path.write_bytes(content)
    tracemalloc.start()
    try:
        np.testing.assert_array_equal(load(path), FIGURE)
        assert tracemalloc.get_traced_memory()[1] < 4e6
    finally:
        tracemalloc.stop()
