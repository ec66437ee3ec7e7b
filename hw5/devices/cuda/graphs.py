"""CUDA graphs by cuda-bindings: work that is recorded once and launched as a whole."""

import threading
import weakref

from hw5.devices.cuda.contexts import is_this
from hw5.errors import RunError


def why_no_bindings():
    """Why cuda-bindings, which records and replays CUDA graphs, cannot be used, or None if it can."""
    try:
        import cuda.bindings.driver  # noqa: F401
    except Exception as error:  # whatever a broken installation raises
        if isinstance(error, ModuleNotFoundError) and error.name in ("cuda", "cuda.bindings"):
            return "cuda-bindings is not installed"
        return f"cuda-bindings does not load ({error})"
    return None


class Recording:
    """Recorded work, run by a call. It keeps the memory that the work uses."""

    def __init__(self, runtime, executable, memory):
        self._runtime, self._executable, self._memory = runtime, executable, memory
        weakref.finalize(self, _destroy, runtime._graphs, int(executable), threading.current_thread()).atexit = False

    def __call__(self):
        """Run the work without waiting for it. Raises RunError."""
        self._runtime._replay(self._executable)


def capture(graphs, stream, work):
    """The graph of what work() launches on a stream. Capture always ends, also after an exception."""
    # Relaxed, because the other modes forbid what CUDA does by itself, such as loading a kernel at its first launch.
    # _operation refuses what must not be recorded.
    mode = graphs.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_RELAXED
    try:
        checked(graphs, graphs.cuStreamBeginCapture(stream, mode))
        work()
    except BaseException:
        status, unfinished = graphs.cuStreamEndCapture(stream)
        if status == graphs.CUresult.CUDA_SUCCESS:
            graphs.cuGraphDestroy(unfinished)
        raise
    return checked(graphs, graphs.cuStreamEndCapture(stream))


def checked(graphs, answer):
    """What a function of cuda-bindings returned after its status. Raises RunError unless that is success."""
    status, *values = answer
    if status != graphs.CUresult.CUDA_SUCCESS:
        _, text = graphs.cuGetErrorString(status)
        raise RunError(f"a CUDA graph or cooperative launch failed: {text.decode() if text else status}")
    return values[0] if values else None


def _destroy(registry, key, owner):
    if key in registry and is_this(owner):  # else it is left to destroy_all
        graphs, executable = registry.pop(key)
        graphs.cuGraphExecDestroy(executable)  # a launch that is still running completes


def destroy_all(registry):
    for key in list(registry):
        _destroy(registry, key, threading.current_thread())
