"""Pictures in PNG and JPEG files as examples for a network that was trained on images, by Pillow.

A picture becomes grey, is turned as its EXIF says, shrunk or enlarged to fit into the shape of the training images
without being distorted, and filled up to that shape with its own background. Black and white become the lowest and the
highest value that the training images had, and trade places where the background of the picture is light and that of
the training dark, or the other way round. The grey of paper becomes plain white or black, since a network that has only
seen an empty background would take it for ink. A picture of the shape of the training images is taken pixel by pixel.
"""

import warnings
from pathlib import Path

import numpy as np

from hw5.datasets.opening import open_plain
from hw5.errors import InputError

SUFFIXES = (".png", ".jpg", ".jpeg")


def load_image(path, checkpoint, invert=None):
    """The picture at path as an example X (1, d), float32, for the network of a checkpoint.

    invert says whether black and white trade places; None decides that by the backgrounds, that of the picture being
    the median of its border. Raises InputError where path holds no sound picture, or one of more pixels than Pillow
    takes for harmless.
    """
    if checkpoint.data.brightest is None:
        raise InputError(f"{path}: the model was not trained on images, so it cannot judge one; give it a CSV or .npy")
    picture = _read(Path(path))
    ground = np.median(_border(picture))
    grey = _fit(picture, checkpoint.image_shape, ground)
    darkest, brightest = checkpoint.data.darkest, checkpoint.data.brightest
    trained = _border(checkpoint.standardisation.mean.reshape(checkpoint.image_shape)).mean()
    trained_on_light = trained > (darkest + brightest) / 2
    if invert is None:
        invert = _is_light(ground) != trained_on_light
    if invert:
        grey, ground = 255 - grey, 255 - ground
    if picture.shape != checkpoint.image_shape and _is_light(ground) == trained_on_light:
        grey = _on_plain_ground(grey, ground)
    return np.float32(darkest + grey * ((brightest - darkest) / 255)).reshape(1, -1)


def _is_light(grey):
    return grey > 127.5


def _on_plain_ground(grey, ground):
    """Spread the grey values so that the ground becomes white or black, whichever is nearer."""
    if _is_light(ground):
        return np.minimum(grey * (255 / ground), 255)
    return np.maximum((grey - ground) * (255 / (255 - ground)), 0)


def _read(path):
    """The grey values (height, width), float32, from 0 for black to 255 for white."""
    try:
        from PIL import Image
    except ImportError as error:
        raise InputError(f"{path}: pictures need Pillow: pip install 'hw5[images]'") from error
    with open_plain(path) as (stream, _), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            with Image.open(stream, formats=("PNG", "JPEG")) as picture:
                return _grey(picture)
        except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
            raise InputError(
                f"{path}: it has more than {Image.MAX_IMAGE_PIXELS:,} pixels; give a smaller picture"
            ) from error
        except MemoryError:
            raise
        except Exception as error:  # damaged pictures end in exceptions of any kind
            raise InputError(
                f"{path}: it is not a sound PNG or JPEG picture; it is damaged, truncated or something else: "
                "save it again"
            ) from error


def _grey(picture):
    from PIL import ImageOps

    picture = ImageOps.exif_transpose(picture)
    if picture.mode.startswith("I"):  # of 16 bits
        return np.asarray(picture, np.float32) / 257
    if "A" in picture.getbands() or "transparency" in picture.info:
        return _over_backdrop(picture.convert("RGBA").convert("LA"))
    return np.asarray(picture.convert("L"), np.float32)


def _over_backdrop(picture):
    """What is transparent becomes white, or black where what is drawn is light, so that it can be seen."""
    grey, alpha = (np.asarray(band, np.float32) for band in picture.split())
    opacity = alpha / 255
    drawn = (grey * opacity).sum(dtype=np.float64) / max(opacity.sum(dtype=np.float64), 1)
    return grey * opacity + (0 if _is_light(drawn) else 255) * (1 - opacity)


def _border(image):
    return np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])


def _fit(grey, shape, ground):
    """The picture within `shape`, as large as it fits, in the middle of its background."""
    scale = min(wanted / given for wanted, given in zip(shape, grey.shape))
    height, width = (max(1, round(scale * length)) for length in grey.shape)
    if (height, width) != grey.shape:
        grey = _means(height, grey.shape[0]) @ grey @ _means(width, grey.shape[1]).T
    top, left = (shape[0] - height) // 2, (shape[1] - width) // 2
    fitted = np.full(shape, ground, np.float32)
    fitted[top : top + height, left : left + width] = grey
    return fitted


def _means(n, length):
    """The matrix (n, length) that makes n pixels of a line of them, each the mean over the stretch that it covers."""
    edges, pixels = np.linspace(0, length, n + 1)[:, np.newaxis], np.arange(length)
    overlaps = np.minimum(edges[1:], pixels + 1) - np.maximum(edges[:-1], pixels)
    return np.float32(np.maximum(overlaps, 0) * (n / length))
