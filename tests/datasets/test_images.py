"""Pictures become the examples that they show, whatever their size, mode and orientation."""

import io
import struct
import zlib
from dataclasses import replace

import numpy as np
import pytest

from hw5.train.checkpoint import DataSource
from hw5.datasets import Dataset, Examples
from hw5.errors import InputError
from hw5.datasets.images import load_image
from hw5.datasets.preprocessing import Standardisation, Subset

Image = pytest.importorskip("PIL.Image")

SHAPE = (8, 6)


class Trained:
    """As much of a checkpoint as a picture needs: what the pixels of its training images were like."""

    def __init__(self, X, image_shape=SHAPE):
        examples = Examples(X, np.zeros(len(X), np.int32))
        dataset = Dataset("images", "images", examples, None, ("a", "b"), None, image_shape)
        self.data = DataSource.of(dataset, None, None)
        self.standardisation = Standardisation.fit(Subset.whole(examples))
        self.image_shape = image_shape


def strokes(dtype=np.uint8, highest=255):
    """Light strokes in the middle third on an empty ground."""
    X = np.zeros((20, *SHAPE), dtype)
    X[:, 2:6, 2:4] = highest
    X[0, 3, 3] = 0
    return X.reshape(20, -1)


TRAINED, TRAINED_ON_PAPER = Trained(strokes()), Trained(255 - strokes())
rng = np.random.default_rng(0)
FIGURE = np.zeros(SHAPE, np.uint8)
FIGURE[1:7, 2:5] = rng.integers(1, 256, (6, 3))


def save(path, pixels, mode=None, **options):
    picture = Image.fromarray(pixels)
    (picture.convert(mode) if mode else picture).save(path, **options)
    return path


def load(path, trained=TRAINED, invert=None):
    x = load_image(path, trained, invert)
    assert x.dtype == np.float32 and x.shape == (1, np.prod(trained.image_shape))
    return x.reshape(trained.image_shape)


def test_a_picture_of_the_right_shape_is_taken_pixel_by_pixel(tmp_path):
    np.testing.assert_array_equal(load(save(tmp_path / "a.png", FIGURE)), FIGURE)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P"])
def test_grey_in_other_modes_is_the_same_grey(tmp_path, mode):
    np.testing.assert_array_equal(load(save(tmp_path / "a.png", FIGURE, mode)), FIGURE)


def test_sixteen_bits(tmp_path):
    path = save(tmp_path / "a.png", FIGURE.astype(np.uint16) * 257)
    np.testing.assert_allclose(load(path), FIGURE, rtol=1e-6)  # the division by 257 rounds once


def test_one_bit(tmp_path):
    pixels = FIGURE > 128
    np.testing.assert_array_equal(load(save(tmp_path / "a.png", pixels)), 255 * pixels)


def test_jpeg_in_grey_in_colour_and_for_printers(tmp_path):
    smooth = np.kron(FIGURE, np.ones((16, 16), np.uint8))  # whole JPEG blocks of one colour each
    for mode in ("L", "RGB", "CMYK"):
        x = load(save(tmp_path / f"{mode}.jpg", smooth, mode, quality=95))
        # The quantised mean of a block and the conversion of its colour are each off by 1 or 2 of 255
        np.testing.assert_allclose(x, FIGURE, atol=4)


def test_the_values_are_those_of_the_training_images(tmp_path):
    path = save(tmp_path / "a.png", FIGURE)
    np.testing.assert_allclose(load(path, Trained(strokes(highest=16))), FIGURE * (16 / 255), rtol=1e-6)
    np.testing.assert_allclose(load(path, Trained(strokes(np.float32, 1))), FIGURE / 255, rtol=1e-6)


def test_dark_on_light_is_inverted_for_a_training_of_light_on_dark(tmp_path):
    path, inverse = save(tmp_path / "a.png", FIGURE), save(tmp_path / "b.png", 255 - FIGURE)
    for trained, same, other in ((TRAINED, path, inverse), (TRAINED_ON_PAPER, inverse, path)):
        expected = load(same, trained, invert=False)
        np.testing.assert_array_equal(load(same, trained), expected)
        np.testing.assert_array_equal(load(other, trained), expected)
        np.testing.assert_array_equal(load(other, trained, invert=True), expected)
        assert (load(other, trained, invert=False) != expected).any()


def test_the_ground_of_float_images_is_their_border(tmp_path):
    """Their mean is over one, their border dark all the same."""
    X = np.full((10, *SHAPE), 0.9, np.float32)
    X[:, [0, -1]] = X[:, :, [0, -1]] = 0
    X[0, 3, 3] = 1
    path = save(tmp_path / "a.png", FIGURE)
    np.testing.assert_allclose(load(path, Trained(X.reshape(10, -1))), FIGURE / 255, rtol=1e-6)


@pytest.mark.parametrize("factor", [2, 7, 40])
def test_a_picture_drawn_large_is_reduced_to_the_mean_over_each_pixel(tmp_path, factor):
    large = np.kron(FIGURE, np.ones((factor, factor), np.uint8))
    # Float32 sums of some hundred numbers up to 255
    np.testing.assert_allclose(load(save(tmp_path / "a.png", large)), FIGURE, atol=1e-3)


def test_reduction_by_a_fraction_is_the_mean_over_each_pixel_too(tmp_path):
    large = np.zeros((12, 9), np.uint8)  # every pixel to come covers 1.5 x 1.5 of these
    large[1:-1, 1:-1] = rng.integers(0, 256, (10, 7))
    halves = np.kron(large, np.ones((2, 2)))
    expected = halves.reshape(8, 3, 6, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(load(save(tmp_path / "a.png", large), invert=False), expected, rtol=1e-5)  # float32


@pytest.mark.parametrize("shape", [(8, 2), (3, 6), (80, 20), (30, 60), (1, 500), (500, 1)])
def test_other_proportions_are_filled_up_with_the_background(tmp_path, shape):
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
def test_paper_of_any_grey_becomes_the_plain_background(tmp_path, paper, ink):
    drawn = np.kron(FIGURE > 0, np.ones((10, 10), bool))
    path = save(tmp_path / "a.png", np.where(drawn, ink, paper).astype(np.uint8))
    contrast = abs(ink - paper) / max(paper, 255 - paper)  # of the most that this paper allows
    np.testing.assert_allclose(load(path), 255 * contrast * (FIGURE > 0), atol=1e-3)
    np.testing.assert_allclose(load(path, TRAINED_ON_PAPER), 255 - 255 * contrast * (FIGURE > 0), atol=1e-3)
    against = load(path, invert=paper < 128)  # the backgrounds: no more than asked for is done
    turned = (255 - paper, 255 - ink) if paper < 128 else (paper, ink)
    np.testing.assert_allclose(against, np.where(FIGURE > 0, turned[1], turned[0]), atol=1e-3)


def test_a_small_picture_lies_in_the_middle(tmp_path):
    x = load(save(tmp_path / "a.png", np.array([[0, 0, 0], [0, 255, 0], [0, 0, 0], [0, 0, 0]], np.uint8)))
    rows, columns = np.nonzero(x)
    assert x[2:4, 2:4].min() > 0.5 * 255 and rows.max() <= 4 and set(columns) <= {1, 2, 3, 4}


def test_transparency_shows_what_is_drawn(tmp_path):
    """Ink on nothing, dark or light: both are the figure, light on dark."""
    for name, ink in (("dark", 0), ("light", 255)):
        pixels = np.dstack([np.full(SHAPE, ink, np.uint8), FIGURE])
        np.testing.assert_allclose(load(save(tmp_path / f"{name}.png", pixels)), FIGURE, atol=1e-4)


def test_a_transparent_colour_of_a_palette(tmp_path):
    picture = Image.fromarray(np.where(FIGURE > 0, 255, 7).astype(np.uint8)).convert("P")
    picture.save(tmp_path / "a.png", transparency=7)
    np.testing.assert_array_equal(load(tmp_path / "a.png"), 255 * (FIGURE > 0))


def test_exif_says_where_up_is(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned right by a quarter
    path = save(tmp_path / "a.png", np.rot90(FIGURE), exif=exif)
    np.testing.assert_array_equal(load(path), FIGURE)


def png_of(width, height):
    """A PNG that promises this size, and holds next to nothing."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">2I5B", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def sound(kind="PNG"):
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (30, 30), np.uint8)).save(buffer, kind)
    return buffer.getvalue()


BAD = {
    "empty": (b"", "empty"),
    "text": (b"hello", "not a sound PNG or JPEG"),
    "truncated PNG": (sound()[:-200], "not a sound PNG or JPEG"),
    "truncated JPEG": (sound("JPEG")[:-200], "not a sound PNG or JPEG"),
    "only a start": (sound()[:20], "not a sound PNG or JPEG"),
    "damaged": (sound()[:60] + b"\0\0\0\0" + sound()[64:], "not a sound PNG or JPEG"),
    "another kind": (sound("GIF"), "not a sound PNG or JPEG"),
    "promises without pixels": (png_of(5000, 5000), "not a sound PNG or JPEG"),
    "a bomb": (png_of(10_000, 10_000), "pixels; give a smaller picture"),
    "a larger bomb": (png_of(60_000, 60_000), "pixels; give a smaller picture"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_picture_is_one_sentence(tmp_path, case):
    content, words = BAD[case]
    path = tmp_path / "bad.png"
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"bad.png: .*{words}") as caught:
        load_image(path, TRAINED)
    assert "\n" not in str(caught.value)


def test_a_model_of_other_things_takes_no_picture(tmp_path):
    table = Trained(np.zeros((3, 48), np.float32), image_shape=None)
    assert replace(table.data, digest="") == DataSource("images", None, None, True, "")
    with pytest.raises(InputError, match="not trained on images"):
        load_image(save(tmp_path / "a.png", FIGURE), table)
    with pytest.raises(InputError, match="no such file"):
        load_image(tmp_path / "none.png", TRAINED)
