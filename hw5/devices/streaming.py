"""Data larger than the device's memory: it stays on the host and is copied to the device in pieces."""

from contextlib import contextmanager

import numpy as np

from hw5.devices.base import DeviceData
from hw5.devices.fused import FusedStepper


class StreamedData:
    """Examples on the host, with a buffer on the device for a piece of them.

    The host gathers the rows of a piece while the device works on the previous one: copies and kernels are queued on
    the device, and the host does not wait for them.
    """

    def __init__(self, device, X, y, mean, scale, nbytes):
        self.device, self.X, self.y = device, X, y
        self.mean, self.scale = device.upload(mean, device.dtype), device.upload(scale, device.dtype)
        self.capacity = max(1, nbytes // X[0].nbytes)
        self._buffer = None

    def pieces(self, rows, multiple):
        """Copy rows (a host array) piece by piece; yield (DeviceData, order). Sizes are multiples of `multiple`."""
        size = min(max(self.capacity // multiple, 1) * multiple, len(rows))
        data, order = self._buffer_for(size)
        for first in range(0, len(rows), size):
            piece = rows[first : first + size]
            self.device.assign(data.X[: len(piece)], self.X[piece])
            self.device.assign(data.y[: len(piece)], self.y[piece])
            yield data, order[: len(piece)]

    def _buffer_for(self, size):
        """DeviceData for a piece, reused for all that fit, and the order 0, 1, 2, ..."""
        device = self.device
        if self._buffer is None or len(self._buffer[1]) < size:
            X = device.empty((size, self.X.shape[1]), self.X.dtype)
            y = device.empty((size, *self.y.shape[1:]), device.dtype_of(self.y))
            data = DeviceData(X, y, self.mean, self.scale)
            self._buffer = data, device.upload(np.arange(size), device.index_dtype)
        return self._buffer


class StreamedStepper(FusedStepper):
    """Trains and evaluates on StreamedData, piece by piece."""

    def __init__(self, network, data):
        super().__init__(network, data)
        self._streamed = data
        self.how += ", streamed data"

    def train(self, order, batch_size, rates, tally):
        for piece, its_order in self._streamed.pieces(self.device.download(order), batch_size):
            with self._on(piece):
                super().train(its_order, batch_size, rates, tally)

    def forward(self, order, start, space):
        k = len(space.y)
        ((piece, its_order),) = self._streamed.pieces(self.device.download(order[start : start + k]), k)
        with self._on(piece):
            super().forward(its_order, 0, space)

    @contextmanager
    def _on(self, piece):
        """Take examples from a piece of the data, whose rows have other numbers, during the block."""
        self.data = piece
        try:
            yield
        finally:
            self.data = self._streamed
