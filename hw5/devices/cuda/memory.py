"""Memory for a runtime on a GPU: a pool on the GPU, and pinned memory of the host for copies."""

import collections
import os
import weakref

import numpy as np

from hw5.errors import RunError

GRANULE = 512  # bytes: sizes of allocations are rounded up to it, so that more allocations can be reused
EXACT = "HW5_EXACT_MEMORY"  # if this variable is set, they are not rounded, so that memcheck detects small overruns


class Memory:
    """Memory on the GPU at the address int(memory); it can be reused when this object is deleted."""

    def __init__(self, address, nbytes):
        self._address, self._end = address, address + nbytes

    def __int__(self):
        return self._address

    __index__ = __int__

    def __contains__(self, address):
        return self._address <= address < self._end


class Pool:
    """A memory pool: unused memory is kept, and reused for allocations of the same size.

    cuMemFree waits for all work on the device, and neither it nor cuMemAlloc may be called during a recording. So
    memory is not freed when Python's garbage collector happens to run. Reuse is safe because all work runs in order, in
    one stream.
    """

    def __init__(self, driver):
        self._driver, self._granule = driver, 1 if os.environ.get(EXACT) else GRANULE
        self._unused = collections.defaultdict(list)  # size: allocations
        self._allocations = {}  # address: allocation
        self._used = weakref.WeakSet()

    def take(self, nbytes):
        """Memory of at least nbytes."""
        size = -(-nbytes // self._granule) * self._granule
        unused = self._unused[size]
        allocation = unused.pop() if unused else self._allocate(size)
        memory = Memory(int(allocation), size)
        self._used.add(memory)
        weakref.finalize(memory, unused.append, allocation).atexit = False
        return memory

    def _allocate(self, size):
        try:
            allocation = self._driver.mem_alloc(size)
        except self._driver.MemoryError:
            self._free_unused()
            allocation = self._last_try(size)
        self._allocations[int(allocation)] = allocation
        return allocation

    def _last_try(self, size):
        """Allocate memory after all that is unused was given back. Raises RunError."""
        try:
            return self._driver.mem_alloc(size)
        except self._driver.MemoryError as error:
            free, total = (f"{nbytes / 2**20:.0f} MiB" for nbytes in self._driver.mem_get_info())
            needed = f"{size / 2**20:.1f} MiB are needed"
            raise RunError(f"the GPU is out of memory: {needed}, {free} of {total} are free") from error

    def _free_unused(self):
        for unused in self._unused.values():
            while unused:
                self._allocations.pop(int(unused.pop())).free()

    def holding(self, addresses):
        """The Memory objects that contain the addresses."""
        return [memory for memory in self._used if any(address in memory for address in addresses)]

    def close(self):
        """Free all memory, used or not."""
        while self._allocations:
            self._allocations.popitem()[1].free()


class Staging:
    """Pinned host memory for copies: a ring buffer, so that copies wait only when it wraps around."""

    NBYTES = 8 << 20

    def __init__(self, driver, stream):
        self._ring = driver.pagelocked_empty(self.NBYTES, np.uint8)
        self._stream, self._next = stream, 0

    def take(self, nbytes):
        """nbytes of pinned memory, at most the whole ring, that no copy uses any more."""
        if self._next + nbytes > self.NBYTES:
            self._stream.synchronize()
            self._next = 0
        start, self._next = self._next, self._next + nbytes
        return self._ring[start : self._next]


def pieces(host):
    """Yield (start, bytes) of a host array in halves of the ring, so that one is copied while the next is staged."""
    if not host.flags.c_contiguous:
        raise ValueError("a copy needs a C-contiguous array")
    flat, length = host.reshape(-1).view(np.uint8), Staging.NBYTES // 2
    for start in range(0, len(flat), length):
        yield start, flat[start : start + length]
