"""The machine code of the kernels for a GPU, by nvcc, in hw5's cache."""

import os
import shutil

from hw5.cache import cached
from hw5.compiler import CompileError, Compiler, digest, with_includes
from hw5.devices.cuda import cublas
from hw5.errors import InputError


def compiled(sources, device, driver):
    """The path of the sources' machine code for a device.

    pycuda.compiler has a cache too, but runs nvcc to validate it: for its version, and to preprocess a source with
    includes. So that cache is disabled, and the code is cached under a digest of the sources, their headers, the
    options and the compiler. nvcc and the digest both find quoted includes in the folder of the including file.
    """
    from pycuda import compiler

    nvcc = find_nvcc()
    arch = "sm_{}{}".format(*device.compute_capability())
    options = [*compiler.DEFAULT_NVCC_FLAGS, "-std=c++17"]
    files = dict.fromkeys(file for source in sources for file in with_includes(source))

    def build(path):
        module = "".join(f'#include "{os.path.abspath(source)}"\n' for source in sources)
        try:
            code = compiler.compile(module, nvcc.path, options, arch=arch, no_extern_c=True, cache_dir=False)
        except driver.CompileError as error:
            output = f"{error.stdout or ''}{error.stderr or ''}".strip()
            raise CompileError(f"nvcc does not compile the kernels for {arch}:\n{output}") from error
        path.write_bytes(code)

    return cached(f"kernels-{arch}", digest(nvcc, files, (arch, *options)), build, ".cubin")


def find_nvcc():
    """Find CUDA's compiler on PATH or in a toolkit. Raises InputError if there is none."""
    folders = [os.path.join(toolkit, "bin") for toolkit in cublas.toolkits()]
    path = shutil.which("nvcc") or shutil.which("nvcc", path=os.pathsep.join(folders))
    if path is None:
        raise InputError(
            "--device cuda needs nvcc, CUDA's compiler: put it on PATH, or set CUDA_HOME to a CUDA toolkit"
        )
    return Compiler(path)
