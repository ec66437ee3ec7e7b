"""Device memory as Python holds it."""

import weakref


class Memory:
    """Device memory of nbytes; int(memory) is its address. Freed when the object goes."""

    def __init__(self, runtime, nbytes, name):
        self.nbytes, self.name = nbytes, name
        self._address = runtime.allocate(nbytes, name.encode())
        if self._address is None:
            raise MemoryError(f"no {nbytes} bytes for the device array '{name}'")
        # not at exit, when others may still use what would be freed
        weakref.finalize(self, runtime.release, self._address).atexit = False

    def __index__(self):
        return self._address

    __int__ = __index__
