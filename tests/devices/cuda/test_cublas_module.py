"""The import of skcuda.cublas with fake libraries, in the layouts of CUDA's toolkits and NVIDIA's wheels.

Each test runs in its own process, because the loader reads LD_LIBRARY_PATH when a process starts. It uses a scikit-cuda
reduced to the obstacles of its import, and the real one if it is installed.
"""

import importlib.metadata
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from hw5.compiler import find_compiler
from hw5.devices.cuda import cublas
from hw5.errors import InputError
from tests.environment import python_path

HERE = Path(__file__).parent
ROOT = HERE.parents[2]

# The exports of each library, besides those that the real scikit-cuda uses when it is imported
SOURCES = {
    "cuda": "",
    "cudart": 'const char *cudaGetErrorString(int) { return "an error"; }',
    "cublas": """
        int created, mode, size;
        int status(void *handle) { return handle == &created ? 0 : 1; }
        int cublasGetProperty(int part, int *value) { *value = part ? MINOR : MAJOR; return 0; }
        int cublasCreate_v2(void **handle) { ++created; *handle = &created; return 0; }
        int cublasSetMathMode(void *handle, int m) { mode = m; return status(handle); }
        #ifndef OLD
        int cublasSetWorkspace_v2(void *handle, void *, unsigned long n) { size = n; return status(handle); }
        #endif
        """,
}
SCRIPT = """
import ctypes, json, sys
from hw5.devices.cuda import cublas
cublas._BY_LOADER = sys.argv[1:]  # instead of this machine's libraries
try:
    blas = cublas.load()
    assert cublas.load() is blas and sys.modules["skcuda.cublas"] is blas
    created = ctypes.c_int.in_dll(blas._libcublas, "created").value
    assert "skcuda.misc" not in sys.modules
    assert ctypes.cdll.LoadLibrary("libc.so.6")._name == "libc.so.6"
    handle = blas.cublasCreate()
    cublas.set_math_mode(blas, handle, 3)
    cublas.set_workspace(blas, handle, 4096, 32 << 20)
    set = [ctypes.c_int.in_dll(blas._libcublas, name).value for name in ("mode", "size")]
    print(json.dumps([blas._libcublas._name, blas._cublas_version, created, set]))
except cublas.InputError as error:
    print(json.dumps(str(error)))
"""
# The files of a layout, the version of its cuBLAS, and the environment variable with one of its folders
LAYOUTS = {
    "a toolkit named by CUDA_HOME": (["lib64/libcublas.so", "lib64/libcudart.so"], (12, 4), "CUDA_HOME", ""),
    "a toolkit known to the loader": (
        ["lib/libcublas.so.12", "lib/libcudart.so.12"], (12, 9), "LD_LIBRARY_PATH", "lib",
    ),
    "wheels of CUDA 13": (
        ["nvidia/cu13/lib/libcublas.so.13", "nvidia/cu13/lib/libcudart.so.13"], (13, 10), "PYTHONPATH", "",
    ),
    "wheels of CUDA 12": (
        ["nvidia/cublas/lib/libcublas.so.12", "nvidia/cuda_runtime/lib/libcudart.so.12"],
        (12, 0), "PYTHONPATH", "",
    ),
    "wheels of CUDA 11": (
        ["nvidia/cublas/lib/libcublas.so.11", "nvidia/cuda_runtime/lib/libcudart.so.11.0"],
        (11, 11), "PYTHONPATH", "",
    ),
}  # fmt: skip


def installed():
    """The folder of the real scikit-cuda, or None."""
    try:
        return Path(importlib.metadata.distribution("scikit-cuda").locate_file("skcuda"))
    except importlib.metadata.PackageNotFoundError:
        return None


@pytest.fixture(params=["reduced", "real"])
def package(request, tmp_path):
    """The entries of PYTHONPATH for scikit-cuda."""
    if request.param == "reduced":
        return [HERE / "old_skcuda"]
    if installed() is None:
        pytest.skip("scikit-cuda is not installed")
    return []


@pytest.fixture
def machine(package, tmp_path):
    """Run SCRIPT with the libraries that were built, and with modules that fail when imported."""
    poison = tmp_path / "poison"
    poison.mkdir()
    for module in ("pkg_resources", "elftools"):
        (poison / f"{module}.py").write_text("raise RuntimeError('this was imported')")
    build(tmp_path / "driver", "libcuda.so.1")

    def run(*by_loader, **variables):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CUDA_")}
        environment["LD_LIBRARY_PATH"] = join(tmp_path / "driver", variables.pop("LD_LIBRARY_PATH", None))
        environment["PYTHONPATH"] = python_path(poison, *package, variables.pop("PYTHONPATH", None))
        command = [sys.executable, "-W", "error", "-c", SCRIPT, *by_loader]
        result = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment | variables)
        assert result.returncode == 0 and result.stderr == "", result.stderr
        return json.loads(result.stdout)

    return run


def join(*paths):
    return os.pathsep.join(str(path) for path in paths if path)


def build(folder, file, version=(0, 0), *flags):
    """Build a fake library; the file name determines which one."""
    folder.mkdir(parents=True, exist_ok=True)
    name = re.match(r"lib([a-z]+)", file).group(1)
    others = "".join(f"int {symbol}() {{ return 0; }}\n" for symbol in symbols_used(name))
    source = folder / f"{name}.cpp"
    source.write_text(f'extern "C" {{\n{SOURCES[name]}\n{others}}}\n')
    numbers = [f"-DMAJOR={version[0]}", f"-DMINOR={version[1]}"]
    find_compiler().run(["-shared", "-fPIC", "-w", *numbers, *flags, source.name, "-o", file], folder, str(source))


def symbols_used(name):
    """The symbols of a library that the real scikit-cuda uses when it is imported, without those in SOURCES."""
    if installed() is None:
        return []
    text = "".join((installed() / f"{module}.py").read_text() for module in ("cublas", "cudart", "cudadrv"))
    return sorted(symbol for symbol in set(re.findall(rf"_lib{name}\.(\w+)", text)) if symbol not in SOURCES[name])


@pytest.mark.parametrize("layout", LAYOUTS)
def test_libraries_are_found(machine, tmp_path, layout):
    files, version, variable, folder = LAYOUTS[layout]
    for file in map(Path, files):
        build(tmp_path / "cuda" / file.parent, file.name, version)
    # the first is of no toolkit, as the loader may know this machine's own
    by_loader = ["lib{}.so.99", "lib{}.so.12"] if variable == "LD_LIBRARY_PATH" else []
    opened, number, contexts, settings = machine(*by_loader, **{variable: str(tmp_path / "cuda" / folder)})
    assert opened == "libcublas.so.12" if by_loader else opened.startswith(str(tmp_path / "cuda"))
    assert number == version[0] * 1000 + int(str(version[1]).ljust(2, "0"))
    assert contexts == 0
    assert settings == [3, 32 << 20]


def test_the_toolkit_in_cuda_home_comes_first(machine, tmp_path):
    for folder, version in (("named/lib64", (11, 8)), ("nvidia/cu13/lib", (13, 0)), ("loader", (12, 0))):
        for name in ("cublas", "cudart"):
            build(tmp_path / folder, f"lib{name}.so.{version[0]}", version)
    here = {"PYTHONPATH": tmp_path, "LD_LIBRARY_PATH": tmp_path / "loader"}
    assert machine("lib{}.so.12", CUDA_HOME=str(tmp_path / "named"), **here)[1] == 11080
    assert machine("lib{}.so.12", **here)[1] == 12000
    assert machine(**here)[1] == 13000


def test_a_missing_library_is_named(monkeypatch):
    monkeypatch.setattr(cublas, "_candidates", lambda name: [f"lib{name}.so.none"])
    with pytest.raises(InputError, match="no libcudart.so was found: set CUDA_HOME to a CUDA toolkit, or install"):
        cublas.open_library("cudart")


def test_a_library_that_does_not_load_is_reported(monkeypatch, tmp_path):
    file = tmp_path / "libcublas.so.12"
    file.write_text("not a library")
    monkeypatch.setattr(cublas, "_candidates", lambda name: ["libcublas.so.none", file])
    with pytest.raises(InputError, match=rf"libcublas.so does not load \({file}: .*\): set CUDA_HOME"):
        cublas.open_library("cublas")


def test_a_cublas_without_workspaces(machine, tmp_path):
    build(tmp_path / "lib", "libcudart.so.11.0")
    build(tmp_path / "lib", "libcublas.so.11", (11, 0), "-DOLD")
    assert machine(CUDA_HOME=str(tmp_path)) == "this cuBLAS has no cublasSetWorkspace: install CUDA 12 or newer"


def test_without_scikit_cuda(tmp_path):
    if installed():
        pytest.skip("scikit-cuda is installed")
    result = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, cwd=ROOT)
    assert "needs PyCUDA and scikit-cuda, which are not both installed" in json.loads(result.stdout)
