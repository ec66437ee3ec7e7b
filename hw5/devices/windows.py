"""Windows that move over images, for convolutions and pooling.

An image is a row of h w c numbers, those of a pixel's channels side by side. A window is at h' w' places of it, with

    h' = floor((h - i + 2 p + s) / s)        "From Perceptron to CNN", "2-D Convolution Layer with Stride and Padding"

for i rows of the window, stride s and p rows of padding at either edge (the slide's p_h is both together), and likewise
w'. What it covers at one place, i j c numbers, is a patch.
"""

from dataclasses import dataclass
from math import prod


@dataclass(frozen=True)
class Window:
    """A window of (i, j) pixels that moves over an image (h, w, c), `stride` pixels at a time."""

    image: tuple[int, int, int]
    size: tuple[int, int]
    stride: int
    padding: int  # rows and columns outside the image, at each edge

    @property
    def places(self):
        """(h', w'), the rows and columns of places; below 1 if the window does not fit."""
        return tuple((n - k + 2 * self.padding + self.stride) // self.stride for n, k in zip(self.image, self.size))

    @property
    def patch(self):
        """The numbers in a patch, i j c."""
        return prod(self.size) * self.image[2]

    @property
    def numbers(self):
        """All that describes it: h, w, c, i, j, stride and padding."""
        return *self.image, *self.size, self.stride, self.padding

    def __str__(self):
        image, size = (" x ".join(map(str, sides)) for sides in (self.image, self.size))
        return f"{image}, window {size}, stride {self.stride}, padding {self.padding}"
