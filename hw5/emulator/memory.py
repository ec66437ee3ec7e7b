"""Device memory as a Python object."""

import weakref


class Memory:
    """nbytes of device memory at the address int(memory), freed with the object."""

    def __init__(self, runtime, nbytes, name):
        self.nbytes, self.name = nbytes, name
        self._address = runtime.allocate(nbytes, name.encode())
        if self._address is None:
            raise MemoryError(f"cannot allocate {nbytes} bytes for the device array '{name}'")
        # not at exit, when other objects may still use the memory
        weakref.finalize(self, runtime.release, self._address).atexit = False

    def __index__(self):
        return self._address

    __int__ = __index__
