"""Layers over images: convolution and pooling.

An example is a row, and an image (h, w, c) a row of h w c numbers. So a convolution is a dense layer over patches
(hw5/devices/windows.py): unfold gives every patch a row, and from there on product, bias and activation are those of
Dense.
"""

import re
from math import prod
from numbers import Integral

import numpy as np

from hw5.devices.windows import Window
from hw5.errors import InputError
from hw5.nn.layers import Dense, Layer, Slot
from hw5.nn.maxout import Maxout

# What a window may be: 5, 5x3 (rows x columns), 3/2 (stride 2), 5+2 (padding 2), 3/2+1
_WINDOW = r"(?P<rows>[0-9]+)(?:x(?P<columns>[0-9]+))?(?:/(?P<stride>[0-9]+))?(?:\+(?P<padding>[0-9]+))?"
_MOST_SUMS = 128  # of the gradient of a convolution, each over a part of the images


class _Windowed:
    """A layer whose window moves over images."""

    form = re.compile(_WINDOW)

    def _read(self, text, stride):
        """Set the window from the text of the layer, and return its match; stride is the default, or None.

        None stands for the size of a square window; another window needs a stride.
        """
        found = self.form.fullmatch(text)
        if found is None:
            raise ValueError
        rows = int(found["rows"])
        columns, padding = int(found["columns"] or rows), int(found["padding"] or 0)
        if stride is None and rows == columns:
            stride = rows
        stride = int(found["stride"] or stride or 0)
        if min(rows, columns, stride) < 1 or padding >= min(rows, columns):
            raise ValueError
        self._text, self._size, self._stride, self._padding = text, (rows, columns), stride, padding
        return found

    def __str__(self):
        return f"{self.kind}:{self._text}"

    def _window_over(self, shape):
        """The Window over images of this shape."""
        if len(shape) != 3:
            raise InputError(
                f"{self} needs images, and gets {prod(shape)} numbers without a shape; give images, such as an .npz "
                "with X (N, height, width), and put it before layers of units"
            )
        window = Window(tuple(shape), self._size, self._stride, self._padding)
        if min(window.places) < 1:
            image, size = (" x ".join(map(str, sides)) for sides in (shape[:2], self._size))
            raise InputError(
                f"{self} does not fit: the image there has {image} pixels, and the window {size}; choose a smaller "
                "window or more padding"
            )
        return window


def require_units(number):
    """Return a number of units or filters. Raises ValueError unless it is a whole number from 1 to 2^31 - 1."""
    if isinstance(number, bool) or not isinstance(number, Integral) or not 1 <= number < 2**31:
        raise ValueError
    return number


class Convolution(_Windowed, Dense):
    """A dense layer over the patches of images: each filter, a row of W, has a number for every number of a patch."""

    kind = "conv"
    form = re.compile(rf"(?P<filters>[0-9]+)x{_WINDOW}")

    def __init__(self, text, theta):
        found = self._read(text, stride=1)
        super().__init__(require_units(int(found["filters"])), theta)

    def over(self, shape):
        self.inputs, self.window = prod(shape), self._window_over(shape)
        self.fan_in, self.places = self.window.patch, prod(self.window.places)
        self.shape = *self.window.places, self.units
        self.scratch_per_example = self.places * self.fan_in

    def place(self, device, W, b):
        super().place(device, W, b)
        if device.convolves_directly(self.window, len(W)):
            self.sums = device.empty((_MOST_SUMS, W.size))

    def _rows(self, device, X_in):
        """Memory for the patches, or None if the device needs none."""
        if device.convolves_directly(self.window, self.units * self.pieces):
            return None
        return device.empty((len(X_in) * self.places, self.fan_in))

    def _linear(self, device, s):
        if s.rows is None:
            device.convolution(s.X_in, self.W, self.window, out=s.Z)
        else:
            device.unfold(s.X_in, self.window, out=s.rows)
            super()._linear(device, s)

    def _outer(self, device, s, out, alpha, beta=0.0):
        if s.rows is None:
            sums = self.sums[: len(s.X)]
            device.convolution_gradient(s.X_in, s.Delta, self.window, sums)
            device.gradient_mean(sums, out.reshape((out.size,)), alpha * len(sums), beta)
        else:
            super()._outer(device, s, out, alpha, beta)

    def propagate(self, device, s, A, t, scratch):
        """A = W Delta by patches, folded to images."""
        k, numbers = len(s.X_in), self.scratch_per_example
        patches = scratch[: k * numbers].reshape((k * self.places, self.fan_in))
        super().propagate(device, s, patches, t, scratch)
        device.fold(patches, self.window, out=A)


class MaxoutConvolution(Convolution, Maxout):
    """A convolution whose filters are the largest of several linear ones."""


class _Pool(_Windowed, Layer):
    """One number for the window's pixels, by channel."""

    def __init__(self, text, theta):
        self._read(text, stride=None)

    def over(self, shape):
        self.inputs, self.window = prod(shape), self._window_over(shape)
        self.shape = *self.window.places, shape[2]


class MaxPool(_Pool):
    """The largest pixel of the window, by channel."""

    kind = "pool"

    def slot(self, device, X_in):
        s = super().slot(device, X_in)
        return Slot(s.X_in, s.X, s.A, largest=device.empty(s.X.shape, np.int32))

    def forward(self, device, s, t):
        device.max_pool(s.X_in, self.window, out=s.X, largest=s.largest)

    def propagate(self, device, s, A, t, scratch):
        device.max_pool_gradient(s.A, s.largest, self.window, A)


class MeanPool(_Pool):
    """The mean of the window's pixels in the image, by channel."""

    kind = "meanpool"

    def forward(self, device, s, t):
        device.mean_pool(s.X_in, self.window, out=s.X)

    def propagate(self, device, s, A, t, scratch):
        device.mean_pool_gradient(s.A, self.window, A)
