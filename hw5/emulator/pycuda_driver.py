"""pycuda._driver over the emulator: PyCUDA's own Python files, where they are installed, run on it unchanged.

So pycuda.gpuarray, pycuda.cumath, pycuda.reduction and the like are PyCUDA's. What only a GPU has, such as linking,
raises LogicError.
"""

import sys
import types

from hw5.emulator import pycuda_basics as basics
from hw5.emulator.pycuda_basics import (  # noqa: F401  what PyCUDA's files import from here
    Error,
    LaunchError,
    LogicError,
    get_version,
    init,
    mem_get_info,
    memcpy_dtod,
    memcpy_dtod_async,
    memcpy_htod,
    memcpy_htod_async,
    memset_d8,
    memset_d8_async,
    memset_d16,
    memset_d16_async,
    memset_d32,
    memset_d32_async,
)
from hw5.emulator.pycuda_enums import (  # noqa: F401
    LIMITS,
    compute_mode,
    ctx_flags,
    device_attribute,
    direction_vector_set,
    event_flags,
    func_cache,
    function_attribute,
    host_alloc_flags,
    limit,
    mem_attach_flags,
    mem_host_register_flags,
    stream_flags,
)
from hw5.emulator.pycuda_kernels import (  # noqa: F401
    Function,
    Module,
    calcsize,
    compiled,
    module_from_buffer,
    module_from_file,
    pack,
)
from hw5.emulator.pycuda_memory import (  # noqa: F401
    DeviceAllocation,
    DeviceMemoryPool,
    ManagedAllocation,
    Memcpy2D,
    Memcpy3D,
    PageLockedAllocator,
    PageLockedMemoryPool,
    PointerHolderBase,
    PooledDeviceAllocation,
    aligned_empty,
    bitlog2,
    managed_empty,
    mem_alloc,
    mem_alloc_pitch,
    memcpy_dtoh,
    memcpy_dtoh_async,
    memcpy_peer,
    memset_d2d8,
    memset_d2d16,
    memset_d2d32,
    pagelocked_empty,
    register_host_memory,
)
from hw5.emulator.pycuda_textures import (  # noqa: F401
    TR_DEFAULT,
    TRSA_OVERRIDE_FORMAT,
    TRSF_NORMALIZED_COORDINATES,
    TRSF_READ_AS_INTEGER,
    Array,
    ArrayDescriptor,
    TextureReference,
    address_mode,
    array_format,
    filter_mode,
)


class MemoryError(Error):
    pass


class RuntimeError(Error):
    pass


def get_driver_version():
    return 12000


def get_curand_version():
    """The last one without Poisson's distribution, which the emulator does not have."""
    return 4, 1, 0


def _no_sobol(*_):
    raise LogicError("the emulator has no Sobol' sequences")


_get_direction_vectors = _get_scramble_constants32 = _get_scramble_constants64 = _no_sobol


class Device(basics.Device):
    def get_attribute(self, attribute):
        return LIMITS[device_attribute(attribute).name]

    def make_context(self, flags=0):
        context = Context()
        context.push()
        return context

    def retain_primary_context(self):
        return Context()

    def pci_bus_id(self):
        return "0000:00:00.0"

    def __hash__(self):
        return 0

    def __eq__(self, other):
        return isinstance(other, Device)


class Context:
    """A place on the stack of contexts; all have the same memory."""

    _stack = []

    @staticmethod
    def get_device():
        return Device()

    @classmethod
    def get_current(cls):
        return cls._stack[-1] if cls._stack else None

    @staticmethod
    def synchronize():
        pass

    def push(self):
        self._stack.append(self)

    @classmethod
    def pop(cls):
        if not cls._stack:
            raise LogicError("there is no context to pop")
        cls._stack.pop()

    def detach(self):
        if self in self._stack:
            self._stack.remove(self)

    def get_api_version(self):
        return 12000

    @staticmethod
    def get_limit(which):
        return 1024

    @staticmethod
    def set_limit(which, value):
        pass

    @staticmethod
    def set_cache_config(config):
        pass


class Stream(basics.Stream):
    pass


class Event(basics.Event):
    pass


class _OnlyOnGpus:
    def __init__(self, *_, **__):
        raise LogicError(f"the emulator has no {type(self).__name__}")


class SurfaceReference(_OnlyOnGpus):
    pass


class Linker(_OnlyOnGpus):
    pass


ArrayDescriptor3D = ArrayDescriptor


def install():
    """Make PyCUDA's files use this module as their driver; raises ImportError if what they need is not installed."""
    this = sys.modules[__name__]
    structures = types.ModuleType("pycuda._pvt_struct")
    structures.pack, structures.calcsize = pack, calcsize
    sys.modules |= {"pycuda._driver": this, "pycuda._pvt_struct": structures}
    try:
        import pycuda.compiler
        import pycuda.driver
        import pycuda.tools  # noqa: F401
    except ImportError:
        for name in [name for name in sys.modules if name.partition(".")[0] == "pycuda"]:
            del sys.modules[name]
        raise
    pycuda.compiler.compile = compiled
