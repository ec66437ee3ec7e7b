"""Build the packages that hw5 needs for a GPU, for a machine without a network: make wheels

    python benchmarks/wheels.py [FOLDER] [PACKAGE ...]

writes wheels of PyCUDA, scikit-cuda and the packages that they need to FOLDER (wheels), and of any other PACKAGE, for
the version of Python that runs it. It needs the network, a C++ compiler and cuda.h of a CUDA toolkit, but no GPU, no
driver and no cuRAND. A wheel of PyCUDA that is there already is not built again. Not included are NumPy and
cuda-bindings, which are large and come with PyTorch or JAX for GPUs: name them as a PACKAGE if they are needed.
"""

import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from hw5.compiler import find_compiler
from hw5.devices.cuda.requirements import cuda_headers
from hw5.errors import InputError

FOLDER = Path(__file__).parents[1] / "wheels"
PYCUDA = "pycuda>=2025.1.2"
# Of pure Python or with wheels for Linux; mako and typing-extensions are needed by PyCUDA and pytools
OTHERS = ("scikit-cuda==0.5.3", "pytools", "siphash24", "platformdirs", "mako", "markupsafe", "typing-extensions")

# PyCUDA's settings. hw5 does not use cuRAND, whose headers are often missing. The driver that is linked is a library of
# empty functions: the real one is found when PyCUDA is loaded.
SETTINGS = """
CUDA_ROOT = {toolkit!r}
CUDA_INC_DIR = [{include!r}]
CUDA_ENABLE_CURAND = False
CUDADRV_LIB_DIR = [{stub!r}]
"""


def pip(*arguments):
    """Run pip. If it fails, print its output, and raise InputError with the line that says why."""
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if result.returncode:
        print(result.stdout, flush=True)
        lines = result.stdout.strip().splitlines() or ["pip failed"]
        raise InputError(
            next((line.strip() for line in lines if re.search("fatal error|cannot find", line)), lines[-1])
        )


def build_driver(folder, headers):
    """Build a libcuda.so with an empty function for each name in the driver's headers."""
    text = "".join((headers / name).read_text() for name in ("cuda.h", "cudaProfiler.h"))
    names = sorted(set(re.findall(r"\bcu[A-Z]\w*", text)))
    (folder / "driver.cpp").write_text("".join(f'extern "C" void {name}() {{}}\n' for name in names))
    flags = ["-shared", "-fPIC", "-Wl,-soname,libcuda.so.1", "driver.cpp", "-o", "libcuda.so"]
    find_compiler().run(flags, folder, "a libcuda.so for linking")


def build_pycuda(folder, scratch, headers):
    """Build PyCUDA's wheel from its source distribution, with the toolkit of these headers."""
    pip("download", "--no-deps", "--no-binary", "pycuda", "--dest", str(scratch), PYCUDA)
    with tarfile.open(next(scratch.glob("pycuda-*.tar.gz"))) as archive:
        archive.extractall(scratch)
    source = next(path for path in scratch.glob("pycuda-*") if path.is_dir())
    build_driver(scratch, headers)
    settings = SETTINGS.format(toolkit=str(headers.parent), include=str(headers), stub=str(scratch))
    (source / "siteconf.py").write_text(settings)
    pip("wheel", "--no-deps", "--wheel-dir", str(folder), str(source))


def main(arguments):
    folder, packages = Path(arguments[0]) if arguments else FOLDER, arguments[1:]
    folder.mkdir(parents=True, exist_ok=True)
    tag = f"cp{sys.version_info.major}{sys.version_info.minor}"
    if not list(folder.glob(f"pycuda-*-{tag}-*.whl")):
        with tempfile.TemporaryDirectory() as scratch:
            print("building PyCUDA, which takes a minute or two", flush=True)
            build_pycuda(folder, Path(scratch), cuda_headers())
    pip("download", "--no-deps", "--dest", str(folder), *OTHERS, *packages)
    print(*sorted(path.name for path in folder.glob("*.whl")), sep="\n")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except InputError as error:
        sys.exit(f"the packages cannot be built: {error}")
