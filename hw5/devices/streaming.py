"""Data larger than a device's memory: they stay on the host and are copied over in pieces."""

import numpy as np

from hw5.devices.base import DeviceData
from hw5.devices.recorded import RecordedStepper


class StreamedData:
    """Examples on the host, and room on the device for a piece of them.

    The host gathers the rows of a piece while the device still works on the previous one: copies and kernels wait for
    each other in the device's queue, and the host does not wait for them.
    """

    def __init__(self, device, X, y, mean, scale, nbytes):
        self.device, self.X, self.y = device, X, y
        self.mean, self.scale = device.upload(mean, device.dtype), device.upload(scale, device.dtype)
        self.capacity = max(1, nbytes // X[0].nbytes)
        self._room = None

    def pieces(self, rows, multiple):
        """Copy the rows, a host array, to the device: (DeviceData, its order) of pieces of a multiple of `multiple`."""
        size = min(max(self.capacity // multiple, 1) * multiple, len(rows))
        room, order = self._room_for(size)
        for first in range(0, len(rows), size):
            part = rows[first : first + size]
            self.device.assign(room.X[: len(part)], self.X[part])
            self.device.assign(room.y[: len(part)], self.y[part])
            yield room, order[: len(part)]

    def _room_for(self, size):
        """Arrays for a piece, the same for all pieces that fit, and the order 0, 1, 2, ..."""
        device = self.device
        if self._room is None or len(self._room[1]) < size:
            X = device.empty((size, self.X.shape[1]), self.X.dtype)
            y = device.empty((size,), device.dtype_of(self.y))
            room = DeviceData(X, y, self.mean, self.scale)
            self._room = room, device.upload(np.arange(size), device.index_dtype)
        return self._room


class StreamedStepper(RecordedStepper):
    """Trains and evaluates on one piece of StreamedData after another."""

    def __init__(self, network, data):
        super().__init__(network, data)
        self._streamed = data
        self.how += ", data in pieces"

    def train(self, order, batch_size, rates, tally):
        for self.data, its_order in self._streamed.pieces(self.device.download(order), batch_size):
            super().train(its_order, batch_size, rates, tally)

    def forward(self, order, start, space):
        k = len(space.y)
        ((self.data, its_order),) = self._streamed.pieces(self.device.download(order[start : start + k]), k)
        super().forward(its_order, 0, space)
