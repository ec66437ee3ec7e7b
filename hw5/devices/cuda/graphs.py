"""CUDA graphs by cuda-bindings: work that is recorded once and launched as a whole."""

import threading
import weakref

from hw5.devices.cuda.bindings import checked
from hw5.devices.cuda.contexts import is_this


class Recording:
    """Recorded work, run by a call. It keeps the memory that the work uses."""

    def __init__(self, runtime, executable, memory):
        self._runtime, self._executable, self._memory = runtime, executable, memory
        weakref.finalize(self, _destroy, runtime._graphs, int(executable), threading.current_thread()).atexit = False

    def __call__(self):
        """Run the work without waiting for it. Raises RunError."""
        self._runtime._replay(self._executable)


def capture(bindings, stream, work):
    """The graph of what work() launches on a stream. Capture always ends, also after an exception."""
    # Relaxed, because the other modes forbid what CUDA does by itself, such as loading a kernel at its first launch.
    # _operation refuses what must not be recorded.
    mode = bindings.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_RELAXED
    try:
        checked(bindings, bindings.cuStreamBeginCapture(stream, mode))
        work()
    except BaseException:
        status, unfinished = bindings.cuStreamEndCapture(stream)
        if status == bindings.CUresult.CUDA_SUCCESS:
            bindings.cuGraphDestroy(unfinished)
        raise
    return checked(bindings, bindings.cuStreamEndCapture(stream))


def _destroy(registry, key, owner):
    if key in registry and is_this(owner):  # else it is left to destroy_all
        bindings, executable = registry.pop(key)
        bindings.cuGraphExecDestroy(executable)  # a launch that is still running completes


def destroy_all(registry):
    for key in list(registry):
        _destroy(registry, key, threading.current_thread())
