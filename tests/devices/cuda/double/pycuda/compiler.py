"""A simulated pycuda.compiler: machine code is the architecture and the paths of the sources, one per line."""

import re
from pathlib import Path

import simulated_gpu

from pycuda.driver import CompileError

DEFAULT_NVCC_FLAGS = []
_INCLUDE = re.compile(r'#include "([^"]+)"\n')


def compile(
    source, nvcc="nvcc", options=None, keep=False, no_extern_c=False, arch=None, code=None, cache_dir=None,
    include_dirs=None, target="cubin",
):  # fmt: skip
    if cache_dir is not False:
        raise simulated_gpu.Misuse("PyCUDA's own cache would run nvcc at every start")
    if not no_extern_c:
        raise simulated_gpu.Misuse('templates in extern "C"')
    simulated_gpu.gpu.compilations.append(source)
    files = _INCLUDE.findall(source)
    for file in files:
        if "#error" in Path(file).read_text():
            raise CompileError("nvcc compilation failed", [nvcc], stdout="", stderr=f"{file}(1): error: #error")
    return "\n".join([arch, *files]).encode()
