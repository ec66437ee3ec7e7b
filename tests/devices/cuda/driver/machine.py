"""A machine with fake GPUs, on which the real PyCUDA, scikit-cuda and cuda-bindings run.

    python -m tests.devices.cuda.driver.machine FOLDER

builds NVIDIA's driver, cuBLAS and nvcc without a GPU in FOLDER, and prints the environment to use them:
`env $(python -m tests.devices.cuda.driver.machine FOLDER) hw5 doctor`.
"""

import importlib.metadata
import importlib.util
import os
import re
import sys
from pathlib import Path

from hw5.compiler import find_compiler

HERE = Path(__file__).parent
ROOT = HERE.parents[3]
EMULATOR = ROOT / "hw5" / "emulator"
LIBRARIES = {"cuda": "libcuda.so.1", "cublas": "libcublas.so.13", "cudart": "libcudart.so.13"}
PROGRAMS = {
    "nvcc": f'PYTHONPATH="{ROOT}" exec "{sys.executable}" "{HERE}/nvcc.py" "$@"',
    "nvidia-smi": 'echo "fake GPU, 13.0"',
    # compute-sanitizer [--option[=value] [value]] ... PROGRAM ARGUMENTS: only the program runs
    "compute-sanitizer": 'while [ "${1#--}" != "$1" ]; do case "$1" in *=*) shift;; *) shift 2;; esac; done; exec "$@"',
}


def is_installed(module):
    """Whether a module can be imported, without importing it: PyCUDA needs a driver."""
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # its package is not
        return False


def build(folder):
    """Build the machine in a folder laid out like a CUDA toolkit; return the environment variables to use it."""
    for its in ("bin", "lib64"):
        (folder / its).mkdir(parents=True, exist_ok=True)
    for name, file in LIBRARIES.items():
        _build_library(folder, name, file)
    for name, script in PROGRAMS.items():
        program = folder / "bin" / name
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
    return {
        "CUDA_HOME": str(folder),
        "LD_LIBRARY_PATH": _before(folder / "lib64", "LD_LIBRARY_PATH"),
        "PATH": _before(folder / "bin", "PATH"),
    }


def _before(folder, variable):
    return os.pathsep.join(filter(None, [str(folder), os.environ.get(variable)]))


def _build_library(folder, name, file):
    """Compile a source of this folder, with stubs for the functions that it does not define but that are looked up."""
    source, libraries = HERE / f"lib{name}.cpp", folder / "lib64"
    defined = re.findall(r"^API \w+ (\w+)\(", source.read_text(), re.MULTILINE)
    unused = (_used_by_scikit_cuda(name) | (_linked_by_pycuda() if name == "cuda" else set())) - set(defined)
    stubs = libraries / name
    stubs.mkdir(exist_ok=True)
    (stubs / "unused.h").write_text("".join(f"UNUSED({symbol})\n" for symbol in sorted(unused)))
    flags = ["-std=c++17", "-O3", "-fPIC", "-shared", "-fvisibility=hidden", f"-Wl,-soname,{file}"]
    linked = ["-Wl,--no-as-needed", LIBRARIES["cuda"]] if name == "cublas" else []
    command = [*flags, f"-I{EMULATOR}", f"-I{stubs}", str(source), *linked, "-o", file]
    find_compiler().run(command, libraries, str(source))


def _linked_by_pycuda():
    """The functions of the driver that PyCUDA's extension module links, by its table of strings."""
    binary = Path(importlib.util.find_spec("pycuda").origin).parent.glob("_driver*.so")
    return {name.decode() for name in re.findall(rb"\0(cu[A-Z]\w+)(?=\0)", next(binary).read_bytes())}


def _used_by_scikit_cuda(library):
    """The functions of a library that scikit-cuda looks up."""
    folder = Path(importlib.metadata.distribution("scikit-cuda").locate_file("skcuda"))
    text = "".join((folder / f"{module}.py").read_text() for module in ("cublas", "cudart", "cudadrv"))
    return set(re.findall(rf"_lib{library}\.(\w+)", text))


if __name__ == "__main__":
    print(*(f"{name}={value}" for name, value in build(Path(sys.argv[1]).resolve()).items()), sep="\n")
