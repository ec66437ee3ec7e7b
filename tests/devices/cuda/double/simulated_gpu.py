"""The GPU of the simulated pycuda, skcuda.cublas and cuda.bindings.

Kernels run in hw5's emulator. Work in a stream only runs when it is waited for, so a host array that is changed too
early, or a missing synchronisation, gives a wrong result here too. Errors that CUDA reports are raised as PyCUDA's;
Misuse is what CUDA would not report.
"""

import ctypes
import threading
from dataclasses import dataclass, field

import numpy as np

from hw5.emulator import KernelFault
from hw5.emulator.build import CHECK, FAST
from hw5.emulator.runtime import runtime_of


class Misuse(AssertionError):
    """The tested program does something that is undefined, or silently wrong, on a GPU."""


class Refusal(Exception):
    """An error that CUDA reports; kind is the name of PyCUDA's exception."""

    def __init__(self, kind, message):
        super().__init__(message)
        self.kind = kind


@dataclass
class Capture:
    """An active recording of a stream, and of those that joined it by waiting for an event of it."""

    stream: object
    nodes: list = field(default_factory=list)  # (work, the nodes that it depends on)
    ends: dict = field(default_factory=dict)  # the nodes that the next work of each stream depends on
    invalid: bool = False

    def add(self, stream, work):
        self.nodes.append((work, self.ends[stream]))
        self.ends[stream] = {len(self.nodes) - 1}

    def is_joined(self):
        """Whether the captured stream waits for all work, or for work that depends on it."""
        needed = set.union(set(), *(after for _, after in self.nodes))
        return set(range(len(self.nodes))) <= needed | self.ends[self.stream]

    def order(self):
        """All work in the order furthest from the recorded one that the dependencies allow."""
        done, order = set(), []
        while len(order) < len(self.nodes):
            node = max(i for i, (_, after) in enumerate(self.nodes) if i not in done and after <= done)
            done.add(node)
            order.append(self.nodes[node][0])
        return order


@dataclass
class Handle:
    """A cuBLAS context."""

    stream: object = None
    math_mode: int = 0
    workspace: tuple = (0, 0)


class Gpu:
    """A GPU and its driver. check: kernels run in the emulator's check mode. count: of GPUs, which share this state."""

    def __init__(self, check=False, total=1 << 30, count=1):
        self.check, self.total = check, total
        self.capability, self.count = (8, 6), count
        self.attributes = {
            "MULTIPROCESSOR_COUNT": 28,
            "COOPERATIVE_LAUNCH": 1,
            "MAX_SHARED_MEMORY_PER_BLOCK_OPTIN": 99 << 10,
        }
        self._stacks, self.retained = threading.local(), 0
        self.allocations, self.pinned = {}, {}  # address: bytes
        self.streams, self.handles, self.graphs = {}, {}, {}
        self.owners = {}  # the context of each stream
        self.capture = self.fault = None
        self.compilations = []  # sources
        self.launches = []  # (kernel, grid, block, shared), in the order of execution
        self.order = []  # kinds of released objects, in order
        self._emulator = runtime_of(CHECK if check else FAST)
        self._next = 0x1000

    # -- state

    @property
    def contexts(self):
        """This thread's stack of contexts. As in PyCUDA, it loses those that were released, by whichever thread."""
        self._stacks.contexts = [context for context in getattr(self._stacks, "contexts", ()) if context.is_valid]
        return self._stacks.contexts

    def require_context(self, what):
        if not self.contexts:
            raise Refusal("LogicError", f"{what} failed: invalid device context")
        if self.fault:
            raise Refusal("LaunchError", f"{what} failed: unspecified launch failure - {self.fault}")

    def forbid_capture(self, what):
        """Refuse what CUDA does not allow while a stream is captured; it invalidates the recording."""
        if self.capture:
            self.capture.invalid = True
            raise Refusal("LogicError", f"{what} failed: operation not permitted when stream is capturing")

    def new_handle(self):
        self._next += 0x10
        return self._next

    # -- memory

    @property
    def used(self):
        return sum(self.allocations.values())

    def allocate(self, nbytes):
        self.require_context("cuMemAlloc")
        self.forbid_capture("cuMemAlloc")
        if nbytes < 1:
            raise Refusal("LogicError", "cuMemAlloc failed: invalid argument")
        if self.used + nbytes > self.total:
            raise Refusal("MemoryError", "cuMemAlloc failed: out of memory")
        address = self._emulator.allocate(nbytes, b"an allocation")  # full of NaN
        self.allocations[address] = nbytes
        return address

    def free(self, address):
        self.require_context("cuMemFree")
        self.forbid_capture("cuMemFree")
        self.wait_for_all()
        self.order.append("memory")
        del self.allocations[address]
        self._emulator.release(address)

    def require_memory(self, address, nbytes, what):
        """Raise Misuse unless the bytes are in one allocation."""
        if type(address) is not int:
            raise Misuse(f"{what}: {address!r} is not an address")
        if any(start <= address and address + nbytes <= start + size for start, size in self.allocations.items()):
            return
        raise Misuse(f"{what}: the {nbytes} bytes at {address:#x} are not in allocated memory")

    def require_pinned(self, array, what):
        start = array.ctypes.data
        if not array.flags.c_contiguous:
            raise Misuse(f"{what}: the host array is not contiguous")
        if not any(a <= start and start + array.nbytes <= a + size for a, size in self.pinned.items()):
            raise Misuse(f"{what}: an asynchronous copy with host memory that is not pinned")

    def copy(self, to, source, nbytes, device_address, host, stream, what):
        self.require_context(what)
        if self.capture:
            raise Misuse(f"{what}: a copy with host memory was recorded, and would be repeated by every replay")
        self.require_pinned(host, what)
        self.require_memory(device_address, nbytes, what)
        self.enqueue(stream, lambda _keep=host: ctypes.memmove(to, source, nbytes), what)

    # -- streams

    def enqueue(self, stream, work, what):
        """Append work to a stream, or to its active recording."""
        self.require_context(what)
        if stream not in self.streams:
            raise Misuse(f"{what}: {stream!r} is not a stream")
        if self.owners[stream] is not self.contexts[-1]:
            raise Misuse(f"{what}: on a stream of another context")
        if self.capture is None:
            self.streams[stream].append(work)
        elif stream in self.capture.ends:
            self.capture.add(stream, work)
        else:
            raise Misuse(f"{what}: on another stream than the captured one")

    def point_of(self, stream):
        """What cuEventRecord puts into an event: the capture, and the nodes that a stream has come to."""
        if self.capture is None or stream not in self.capture.ends:
            raise Misuse("cuEventRecord on a stream that is not captured is not simulated")
        return self.capture, self.capture.ends[stream]

    def wait_for_event(self, stream, event):
        if event.point is None or event.point[0] is not self.capture:
            raise Misuse("cuStreamWaitEvent for an event of no capture, or of another one")
        capture, nodes = event.point
        capture.ends[stream] = capture.ends.get(stream, set()) | nodes

    def wait_for(self, stream, what="cuStreamSynchronize"):
        self.require_context(what)
        self.forbid_capture(what)
        queue = self.streams[stream]
        try:
            while queue:
                queue.pop(0)()
        except KernelFault as fault:
            queue.clear()
            self.fault = fault
            self.require_context(what)

    def wait_for_all(self):
        for stream in self.streams:
            self.wait_for(stream)

    # -- graphs

    def begin_capture(self, stream):
        self.require_context("cuStreamBeginCapture")
        if self.capture:
            raise Refusal("LogicError", "cuStreamBeginCapture failed: operation not permitted")
        if stream not in self.streams:
            raise Misuse(f"a capture of {stream!r}, which is the default stream or not a stream")
        self.capture = Capture(stream, ends={stream: set()})

    def end_capture(self, stream):
        """The recorded work, or None for an invalid recording, as one with work that was not joined."""
        if self.capture is None or self.capture.stream != stream:
            return None
        capture, self.capture = self.capture, None
        return capture.order() if capture.is_joined() and not capture.invalid else None


gpu = Gpu()


def install(**settings):
    """Replace the GPU by a new one."""
    global gpu
    gpu = Gpu(**settings)
    return gpu


def pinned_bytes(shape, dtype):
    """An array in pinned memory, filled with a pattern that shows up if it is read before it is written."""
    array = np.empty(shape, dtype)
    array.reshape(-1).view(np.uint8).fill(0xA5)
    gpu.pinned[array.ctypes.data] = array.nbytes
    return array
