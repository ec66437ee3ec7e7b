"""cuda-bindings, NVIDIA's own package for the driver, for what PyCUDA lacks: graphs and cooperative launches.

`bindings` is its module cuda.bindings.driver, which is imported on use.
"""

from hw5.errors import RunError


def why_no_bindings():
    """Why cuda-bindings cannot be used, or None if it can."""
    try:
        import cuda.bindings.driver  # noqa: F401
    except Exception as error:  # whatever a broken installation raises
        if isinstance(error, ModuleNotFoundError) and error.name in ("cuda", "cuda.bindings"):
            return "cuda-bindings is not installed"
        return f"cuda-bindings does not load ({error})"
    return None


def checked(bindings, answer):
    """What a function of cuda-bindings returned after its status. Raises RunError unless that is success."""
    status, *values = answer
    if status != bindings.CUresult.CUDA_SUCCESS:
        _, text = bindings.cuGetErrorString(status)
        raise RunError(f"a CUDA graph or cooperative launch failed: {text.decode() if text else status}")
    return values[0] if values else None
