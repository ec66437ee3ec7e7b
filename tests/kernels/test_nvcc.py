"""nvcc, if installed, compiles all kernels as one module for each GPU from Turing to Blackwell."""

import re
import shutil
import subprocess
from importlib.resources import files

import pytest

from hw5.compiler import Compiler, cached, digest

ARCHITECTURES = ("75", "80", "86", "89", "90", "100", "120")
KERNELS = files("hw5.kernels")
NVCC = shutil.which("nvcc")


def known_architectures():
    listing = subprocess.run([NVCC, "--list-gpu-arch"], capture_output=True, text=True, check=True).stdout
    return [a for a in ARCHITECTURES if f"compute_{a}" in listing.split()]


def report_of_ptxas():
    """What ptxas says of every kernel. As long as neither the kernels nor nvcc change, they are compiled once."""
    files = sorted(KERNELS.iterdir())
    targets = [f"--generate-code=arch=compute_{a},code=sm_{a}" for a in known_architectures()]
    options = ["--fatbin", "--threads=0", "-Werror", "all-warnings", "-Xptxas", "-v", *targets]

    def compile_all(report):
        module = report.with_name("module.cu")
        module.write_text("".join(f'#include "{path.name}"\n' for path in files if path.suffix == ".cu"))
        command = [NVCC, *options, "-I", str(KERNELS), "-o", str(report.with_name("module.fatbin")), str(module)]
        result = subprocess.run(command, capture_output=True, text=True)
        assert result.returncode == 0, result.stderr
        report.write_text(result.stderr)

    key = digest(Compiler(NVCC), [path for path in files if path.suffix in (".cu", ".cuh")], options)
    return cached("ptxas", key, compile_all, suffix=".txt").read_text()


@pytest.mark.slow
@pytest.mark.skipif(NVCC is None, reason="nvcc is not installed")
def test_nvcc_compiles_without_warnings_and_without_local_memory():
    usage = re.findall(r"Function properties for (\w+)\s+(.*)", report_of_ptxas())
    kernels = {name for name, _ in usage}
    assert len(usage) == len(kernels) * len(known_architectures()) and "softmax_cross_entropy" in kernels
    for name, memory in usage:
        assert re.findall(r"\d+", memory) == ["0", "0", "0"], f"{name}: {memory}"  # stack frame, spill stores and loads
