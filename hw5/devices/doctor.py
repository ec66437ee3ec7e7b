"""What each device requires, and whether it is installed."""

import platform
from collections.abc import Callable
from dataclasses import dataclass

from hw5.compiler import version_lines
from hw5.devices.cuda import requirements as cuda
from hw5.errors import InputError


@dataclass(frozen=True)
class Finding:
    """One requirement of a device: what is installed, or what is wrong and how to repair it."""

    device: str
    requirement: str
    ok: bool
    text: str


def _python():
    return f"{platform.python_version()} on {platform.system()} {platform.machine()}"


def _numpy():
    import numpy

    return numpy.__version__


def _compiler():
    from hw5.compiler import find_compiler

    return version_lines(find_compiler().path)[0]


def _step():
    """Optional: without it, training is slower."""
    from hw5.devices.native import open_cpu

    return open_cpu().how


# The requirements of each device, in the order in which they depend on each other
REQUIREMENTS: dict[str, list[tuple[str, Callable[[], str]]]] = {
    "cpu": [("Python", _python), ("NumPy", _numpy), ("training step", _step)],
    "numpy": [("Python", _python), ("NumPy", _numpy)],
    "emulator": [("C++ compiler", _compiler)],
    "cuda": [
        ("driver and GPU", cuda.driver),
        ("nvcc", cuda.nvcc),
        ("PyCUDA", cuda.pycuda),
        ("cuBLAS", cuda.cublas),
        ("scikit-cuda", cuda.skcuda),
        ("CUDA graphs", cuda.graphs),
    ],
}


def examine(device):
    """Yield a Finding for each requirement of a device."""
    for requirement, check in REQUIREMENTS[device]:
        try:
            yield Finding(device, requirement, True, check())
        except InputError as error:
            yield Finding(device, requirement, False, str(error))


def first_failure(device):
    """The Finding of the first requirement that is not met, or None; later ones are not checked."""
    return next((finding for finding in examine(device) if not finding.ok), None)
