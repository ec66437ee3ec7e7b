"""Data that are larger than a device's memory: they stay on the host, and come over piece by piece."""

import numpy as np

from hw5.devices.base import ResidentData


class StreamedData:
    """Examples on the host, and room on the device for a piece of them.

    The host gathers the rows of a piece while the device still works on the piece before: copies and kernels wait for
    each other in the device's queue, not the host for them.
    """

    def __init__(self, device, X, y, mean, scale, nbytes):
        self.device, self.X, self.y = device, X, y
        self.mean, self.scale = device.upload(mean, device.dtype), device.upload(scale, device.dtype)
        self.capacity = max(1, nbytes // X[0].nbytes)
        self._room = None

    def pieces(self, rows, multiple):
        """Bring the rows, a host array, over in pieces of a multiple of so many: (ResidentData, its order) of each."""
        size = min(max(self.capacity // multiple, 1) * multiple, len(rows))
        room, order = self._room_for(size)
        for first in range(0, len(rows), size):
            part = rows[first : first + size]
            self.device.assign(room.X[: len(part)], self.X[part])
            self.device.assign(room.y[: len(part)], self.y[part])
            yield room, order[: len(part)]

    def _room_for(self, size):
        """Arrays for a piece, the same ones for every piece that fits, and the order 0, 1, 2, ..."""
        device = self.device
        if self._room is None or len(self._room[1]) < size:
            X = device.empty((size, self.X.shape[1]), self.X.dtype)
            y = device.empty((size,), device.dtype_of(self.y))
            room = ResidentData(X, y, self.mean, self.scale)
            self._room = room, device.upload(np.arange(size), device.index_dtype)
        return self._room
