"""The memory of pycuda._driver: allocations, pools, pages of the host, and copies."""

import ctypes

import numpy as np

from hw5.emulator import pycuda_basics as basics
from hw5.emulator.pycuda_basics import (
    LogicError,
    memcpy_dtod,
    memset_d8,
    memset_d16,
    memset_d32,
)
from hw5.emulator.pycuda_enums import host_alloc_flags


def bitlog2(number):
    return int(number).bit_length() - 1 if number else 0


class PointerHolderBase:
    """The base of classes that have a pointer of another library."""

    def get_pointer(self):
        raise NotImplementedError

    def __int__(self):
        return self.get_pointer()

    __index__ = __int__

    def as_buffer(self, size, offset=0):
        return (ctypes.c_char * size).from_address(int(self) + offset)


class DeviceAllocation(basics.DeviceAllocation):
    def as_buffer(self, size, offset=0):
        return (ctypes.c_char * size).from_address(int(self) + offset)


class ManagedAllocation(DeviceAllocation):
    """Memory of the device that is an array of the host too."""

    def __init__(self, shape, dtype, order="C"):
        like = np.empty(shape, dtype, order)
        super().__init__(like.nbytes)
        self.__array_interface__ = like.__array_interface__ | {"strides": like.strides, "data": (int(self), False)}

    get_device_pointer = basics.DeviceAllocation.__int__

    def attach(self, flags, stream=None):
        pass


class PooledDeviceAllocation(DeviceAllocation):
    def __init__(self, nbytes, pool):
        super().__init__(nbytes)
        self._pool, self.size = pool, nbytes
        pool.active_blocks += 1
        pool.active_bytes += nbytes

    def free(self):
        if self._memory is None:
            raise LogicError("this device memory was freed")
        super().free()
        self._pool.active_blocks -= 1
        self._pool.active_bytes -= self.size

    def __del__(self):
        if getattr(self, "_memory", None) is not None:
            self.free()


class DeviceMemoryPool:
    """It holds no freed memory. Sizes are in bins of two leading bits, as PyCUDA's are."""

    held_blocks = 0

    def __init__(self):
        self.active_blocks = self.active_bytes = 0

    @property
    def managed_bytes(self):
        return self.active_bytes

    def allocate(self, nbytes):
        return PooledDeviceAllocation(int(nbytes), self)

    __call__ = allocate

    @staticmethod
    def bin_number(size):
        exponent = bitlog2(size)
        leading = size << (2 - exponent) if exponent < 2 else size >> (exponent - 2)
        return exponent << 2 | (leading & 3)

    @staticmethod
    def alloc_size(bin_number):
        exponent, leading = bin_number >> 2, 4 | (bin_number & 3)
        if exponent < 2:
            return leading >> (2 - exponent)
        return leading << (exponent - 2) | ((1 << (exponent - 2)) - 1)

    def free_held(self):
        pass

    def stop_holding(self):
        pass


def mem_alloc(nbytes):
    return DeviceAllocation(nbytes)


def mem_alloc_pitch(width, height, access_size):
    pitch = -(-width // 512) * 512
    return DeviceAllocation(pitch * height), pitch


def memcpy_dtoh(target, source, stream=None):
    """Into an array or any other buffer that can be written to."""
    if not isinstance(target, np.ndarray):
        target = np.frombuffer(target, np.uint8)
    basics.memcpy_dtoh(target, source)


memcpy_dtoh_async = memcpy_dtoh


def memcpy_peer(target, source, size, dest_context=None, src_context=None):
    memcpy_dtod(target, source, size)


def _rows(fill):
    def memset(target, pitch, value, width, height):
        for row in range(height):
            fill(int(target) + row * pitch, value, width)

    return memset


memset_d2d8, memset_d2d16, memset_d2d32 = map(_rows, (memset_d8, memset_d16, memset_d32))


def managed_empty(shape, dtype, order="C", mem_flags=0):
    return np.asarray(ManagedAllocation(shape, dtype, order))


def pagelocked_empty(shape, dtype, order="C", mem_flags=0):
    is_mapped = mem_flags & host_alloc_flags.DEVICEMAP
    return managed_empty(shape, dtype, order) if is_mapped else np.empty(shape, dtype, order)


def aligned_empty(shape, dtype, order="C", alignment=4096):
    dtype = np.dtype(dtype)
    nbytes = int(np.prod(shape)) * dtype.itemsize
    memory = np.empty(nbytes + alignment, np.uint8)
    start = -memory.ctypes.data % alignment
    return memory[start : start + nbytes].view(dtype).reshape(shape, order=order)


def register_host_memory(array, flags=0):
    return array


class PageLockedAllocator:
    def __init__(self, flags=0):
        pass


class PageLockedMemoryPool(DeviceMemoryPool):
    def __init__(self, allocator=None):
        super().__init__()

    def allocate(self, shape, dtype, order="C"):
        return np.empty(shape, dtype, order)

    __call__ = allocate


class _Copy:
    """Rows of bytes from a place to another; Memcpy2D and Memcpy3D."""

    depth = 1
    width_in_bytes = height = src_pitch = dst_pitch = src_height = dst_height = 0
    src_x_in_bytes = src_y = src_z = dst_x_in_bytes = dst_y = dst_z = 0

    def __init__(self):
        self._source = self._target = None

    def set_src_host(self, array):
        self._kept, self._source = array, array.ctypes.data

    def set_dst_host(self, array):
        self._target = array.ctypes.data

    def set_src_device(self, memory):
        self._source = int(memory)

    def set_dst_device(self, memory):
        self._target = int(memory)

    def set_src_array(self, array):
        self._source, self.src_pitch, self.src_height = array.texels.ctypes.data, array.pitch, array.height

    def set_dst_array(self, array):
        self._target, self.dst_pitch, self.dst_height = array.texels.ctypes.data, array.pitch, array.height

    def __call__(self, *_, **__):
        for z in range(self.depth):
            for y in range(self.height):
                source = (self.src_z + z) * self.src_pitch * self.src_height + (self.src_y + y) * self.src_pitch
                target = (self.dst_z + z) * self.dst_pitch * self.dst_height + (self.dst_y + y) * self.dst_pitch
                ctypes.memmove(
                    self._target + target + self.dst_x_in_bytes,
                    self._source + source + self.src_x_in_bytes,
                    self.width_in_bytes,
                )


class Memcpy2D(_Copy):
    pass


class Memcpy3D(_Copy):
    pass
