"""PNG and JPEG files as inputs of a network that was trained on images, read by Pillow.

An image is converted to grey, unless the training images have colours. It is rotated by its EXIF orientation, scaled to
fit the shape of the training images, and padded to that shape with its own background. Black and white become the
lowest and the highest value of the training images. The image is inverted if its background is light and that of the
training images dark, or the other way round. The grey of paper becomes plain white or black, because a network that has
only seen empty backgrounds would take it for ink. An image that already has the shape of the training images is used
pixel by pixel. Colours stay what they are.

The size is checked before an image is decoded, since a small file may hold a huge one. Reading takes at most 16 bytes
of memory for each pixel; 8 if the image is grey.
"""

import operator
import warnings
from pathlib import Path

import numpy as np

from hw5.datasets.exif import require_sound_jpeg, require_sound_png
from hw5.errors import InputError
from hw5.opening import open_plain

SUFFIXES = (".png", ".jpg", ".jpeg")

_MOST_PIXELS = 89_478_485  # what Pillow considers safe, whatever it is set to
_LONGEST_SIDE = 65_535  # as in JPEG
_MOST_WEIGHTS = 1 << 26  # of the matrix that scales an image


def load_image(path, checkpoint, invert=None):
    """Load an image as an example X (1, d), float32, for the network of a checkpoint.

    invert: whether to swap black and white; None compares the backgrounds. The background of the image is the median of
    its border. Raises InputError if the file is not a valid image, or has more pixels than Pillow considers safe.
    """
    if checkpoint.data.brightest is None:
        raise InputError(f"{path}: the model was not trained on images; give a CSV or .npy file")
    *shape, channels = (*checkpoint.image_shape, 1)[:3]
    if channels not in (1, 3):
        raise InputError(f"{path}: the model takes images of {channels} channels; give them as a .npy file")
    image = _read(Path(path), _colours if channels == 3 else _grey)
    _require_scalable(path, image.shape[:2], tuple(shape))
    background = np.median(_border(image), axis=0)
    fitted = _fit(image, tuple(shape), background)
    if channels == 1:
        fitted = _like_training(fitted, image.shape, background, checkpoint, invert)
    elif invert:
        fitted = 255 - fitted
    darkest, brightest = checkpoint.data.darkest, checkpoint.data.brightest
    return np.float32(darkest + fitted * ((brightest - darkest) / 255)).reshape(1, -1)


def _like_training(grey, shape, background, checkpoint, invert):
    """The grey values with a background like that of the training images; shape is that of the image in its file."""
    darkest, brightest = checkpoint.data.darkest, checkpoint.data.brightest
    trained = _border(checkpoint.standardisation.mean.reshape(checkpoint.image_shape)).mean()
    trained_on_light = trained > (darkest + brightest) / 2
    if invert is None:
        invert = _is_light(background) != trained_on_light
    if invert:
        grey, background = 255 - grey, 255 - background
    if shape != grey.shape and _is_light(background) == trained_on_light:
        return _clear_background(grey, background)
    return grey


def _is_light(grey):
    return grey > 127.5


def _clear_background(grey, background):
    """Stretch the grey values so that the background becomes white or black, whichever is nearer."""
    if _is_light(background):
        return np.minimum(grey * (255 / background), 255)
    return np.maximum((grey - background) * (255 / (255 - background)), 0)


def _read(path, convert):
    """What convert makes of the pixels in a file: from 0 (black) to 255 (white)."""
    try:
        from PIL import Image
    except ImportError as error:
        raise InputError(f"{path}: images need Pillow: pip install 'hw5[images]'") from error
    with open_plain(path) as (file, size), warnings.catch_warnings():
        stream = _Whole(file, size)
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            require_sound_jpeg(stream)
            with Image.open(stream, formats=("PNG", "JPEG")) as image:  # reads the header only
                _require_size(path, *image.size)
                image.load()
                require_sound_png(image.info)
                return convert(image)
        except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
            raise InputError(f"{path}: more than {_MOST_PIXELS:,} pixels; give a smaller image") from error
        except (MemoryError, InputError):
            raise
        except Exception as error:  # Pillow raises many types for damaged images
            raise InputError(f"{path}: not a valid PNG or JPEG image; save it again") from error


class _Whole:
    """A file that is asked for no more bytes than it has.

    Pillow believes a length in it, and Python allocates it first.
    """

    def __init__(self, file, size):
        self._file, self._size = file, size

    def read(self, n=-1):
        left = max(self._size - self._file.tell(), 0)
        return self._file.read(left if n is None or n < 0 else min(n, left))

    def __getattr__(self, name):
        return getattr(self._file, name)


def _require_size(path, width, height):
    if width * height > _MOST_PIXELS:
        raise InputError(f"{path}: more than {_MOST_PIXELS:,} pixels; give a smaller image")
    if max(width, height) > _LONGEST_SIDE:
        raise InputError(f"{path}: a side of more than {_LONGEST_SIDE:,} pixels; give a smaller image")


def _require_scalable(path, shape, target):
    fitting = _fitting(shape, target)
    if fitting != shape and max(map(operator.mul, fitting, shape)) > _MOST_WEIGHTS:
        raise InputError(
            f"{path}: too large to be scaled to {' x '.join(map(str, target))} pixels; give a smaller image"
        )


def _colours(image):
    """Red, green and blue (height, width, 3), uint8; what is transparent is white."""
    from PIL import Image, ImageOps

    ImageOps.exif_transpose(image, in_place=True)
    if image.mode.startswith("I"):
        grey = np.clip(np.asarray(image) // 257, 0, 255).astype(np.uint8)
        return np.repeat(grey[:, :, np.newaxis], 3, axis=2)
    if "A" in image.getbands() or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return np.asarray(image.convert("RGB"))


def _grey(image):
    """The grey values (height, width), float32."""
    from PIL import ImageOps

    ImageOps.exif_transpose(image, in_place=True)
    if image.mode.startswith("I"):  # 16 bits
        grey = np.asarray(image, np.float32)
        return np.divide(grey, 257, out=grey)
    if "A" in image.getbands() or "transparency" in image.info:
        return _without_transparency(image)
    return np.asarray(image if image.mode == "L" else image.convert("L"), np.float32)


def _without_transparency(image):
    """Put an image on white, or on black if its opaque pixels are light, so that they stay visible."""
    if image.mode not in ("LA", "RGBA"):
        image = image.convert("RGBA")
    grey, opacity = (np.asarray(band, np.float32) for band in (image.convert("L"), image.getchannel("A")))
    opacity /= 255
    grey *= opacity
    foreground = grey.sum(dtype=np.float64) / max(opacity.sum(dtype=np.float64), 1)
    if not _is_light(foreground):
        transparency = np.subtract(1, opacity, out=opacity)
        transparency *= 255
        grey += transparency
    return grey


def _border(image):
    return np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])


def _fit(image, shape, background):
    """Scale an image to fit into `shape`, and centre it on its background."""
    height, width = _fitting(image.shape[:2], shape)
    if (height, width) != image.shape[:2]:
        image = _scaled(image, height, width)
    top, left = (shape[0] - height) // 2, (shape[1] - width) // 2
    fitted = np.full((*shape, *image.shape[2:]), background, np.float32)
    fitted[top : top + height, left : left + width] = image
    return fitted


def _scaled(image, height, width):
    """An image of this size, each pixel the mean over the area that it covers."""
    if image.ndim == 3:
        return np.dstack([_scaled(np.float32(image[..., channel]), height, width) for channel in range(image.shape[2])])
    return _averages(height, image.shape[0]) @ image @ _averages(width, image.shape[1]).T


def _fitting(shape, target):
    """The height and width to which an image is scaled."""
    scale = min(wanted / size for wanted, size in zip(target, shape))
    return tuple(max(1, round(scale * length)) for length in shape)


def _averages(n, length):
    """The matrix (n, length) that resamples `length` pixels to n, each the mean over the interval that it covers."""
    edges, pixels = np.linspace(0, length, n + 1), np.arange(length)
    weights = np.empty((n, length), np.float32)
    for i in range(n):  # a row at a time, since float64 takes twice the memory
        overlaps = np.minimum(edges[i + 1], pixels + 1) - np.maximum(edges[i], pixels)
        weights[i] = np.maximum(overlaps, 0) * (n / length)
    return weights
