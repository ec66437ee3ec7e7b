"""nvcc, if installed, compiles all kernels as one module for each GPU from Turing to Blackwell."""

import re
import shutil
import subprocess
from importlib.resources import files

import pytest

ARCHITECTURES = ("75", "80", "86", "89", "90", "100", "120")
KERNELS = files("hw5.kernels")
NVCC = shutil.which("nvcc")


def known_architectures():
    listing = subprocess.run([NVCC, "--list-gpu-arch"], capture_output=True, text=True, check=True).stdout
    return [a for a in ARCHITECTURES if f"compute_{a}" in listing.split()]


@pytest.mark.slow
@pytest.mark.skipif(NVCC is None, reason="nvcc is not installed")
def test_nvcc_compiles_without_warnings_and_without_local_memory(tmp_path):
    sources = sorted(path for path in KERNELS.iterdir() if path.name.endswith(".cu"))
    module = tmp_path / "module.cu"
    module.write_text("".join(f'#include "{path.name}"\n' for path in sources))
    architectures = known_architectures()
    targets = [f"--generate-code=arch=compute_{a},code=sm_{a}" for a in architectures]
    options = ["--fatbin", "--threads=0", "-I", str(KERNELS), "-Werror", "all-warnings", "-Xptxas", "-v"]
    command = [NVCC, *options, *targets, "-o", str(tmp_path / "module.fatbin"), str(module)]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr

    usage = re.findall(r"Function properties for (\w+)\s+(.*)", result.stderr)
    kernels = {name for name, _ in usage}
    assert len(usage) == len(kernels) * len(architectures) and "softmax_cross_entropy" in kernels
    for name, memory in usage:
        assert re.findall(r"\d+", memory) == ["0", "0", "0"], f"{name}: {memory}"  # stack frame, spill stores and loads
