"""What nvcc makes of kernels: compile them to PTX, and translate it back for the emulator.

A second opinion: g++ and nvcc read the same source, so a kernel that is right in both was understood as nvcc does.
"""

import subprocess
import tempfile
from pathlib import Path

from hw5.compiler import CompileError
from hw5.dialect.ptx_kernels import translated
from hw5.emulator.occupancy import nvcc_path
from hw5.errors import InputError

ARCHITECTURE = "compute_75"


def find_nvcc():
    """The path of nvcc; InputError if it is not installed."""
    found = nvcc_path()
    if not found:
        raise InputError("nvcc is not on PATH: install CUDA's toolkit (it needs no GPU), or leave out --compiler nvcc")
    return found


def nvcc_sources(sources, kernels, folder):
    """Write what nvcc made of .cu files into a folder; return the paths of those with kernels.

    The files have the same names as theirs.

    kernels: {name: Kernel}, compiled from the same files by the emulator. Those whose blocks wait for each other are
    left out. Raises CompileError and Unknown.
    """
    nvcc = find_nvcc()
    files = [_translate(nvcc, Path(source), kernels, Path(folder)) for source in sources]
    return [file for file in files if file.read_text()]


def _translate(nvcc, source, kernels, folder):
    signatures = {k.name: k.signature for k in kernels.values() if k.source.name == source.name}
    with tempfile.TemporaryDirectory() as scratch:
        ptx = Path(scratch) / "kernels.ptx"
        command = [nvcc, "-std=c++17", "-ptx", f"-arch={ARCHITECTURE}", str(source), "-o", str(ptx)]
        result = subprocess.run(command, capture_output=True, text=True, errors="replace")
        if result.returncode:
            raise CompileError(f"{source} does not compile with nvcc:\n{result.stderr.strip()}")
        text = translated(ptx.read_text(), signatures)
    file = folder / source.name
    file.write_text(text)
    return file
