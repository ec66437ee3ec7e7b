"""Run all checks that need a GPU: make gpu-check

Each step is a separate program. benchmarks/results/gpu_check.json records its outcome, duration and the end of its
output, with GPU, versions and commit.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from time import perf_counter

from gpu_training import gpu, provenance

from hw5.devices.doctor import first_failure

ROOT = Path(__file__).parents[1]
RESULT = Path(__file__).parent / "results" / "gpu_check.json"
PYTHON = sys.executable
PYTEST = [PYTHON, "-m", "pytest", "-q"]
KERNEL_TESTS = [*PYTEST, "tests/devices/test_operations.py", "-k", "cuda"]

STEPS = {
    "first run": [PYTHON, "-m", "tests.devices.cuda.first_run"],
    "tests": PYTEST,
    "memcheck": ["compute-sanitizer", "--tool=memcheck", "--error-exitcode=9", *KERNEL_TESTS],
    "racecheck": ["compute-sanitizer", "--tool=racecheck", "--error-exitcode=9", *KERNEL_TESTS],
    "kernels": [PYTHON, "-m", "hw5.cli", "bench", "kernels", "--device", "cuda"],
    "training": [PYTHON, str(Path(__file__).parent / "gpu_training.py")],
}


def run(command):
    """Run a step and return its result. It is skipped if its program is not installed."""
    if shutil.which(command[0]) is None:
        return {"outcome": f"skipped: {command[0]} is not installed"}
    began = perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    lines = []
    for line in process.stdout:
        print(line, end="", flush=True)
        lines.append(line)
    succeeded = process.wait() == 0
    outcome = "succeeded" if succeeded else f"failed with code {process.returncode}"
    return {"outcome": outcome, "seconds": round(perf_counter() - began, 1), "output": "".join(lines[-200:])}


def main():
    broken = first_failure("cuda")
    if broken:
        sys.exit(f"cannot check the GPU: {broken.link}: {broken.text}")
    steps = {}
    for name, command in STEPS.items():
        print(f"== {name}: {' '.join(command)}", flush=True)
        steps[name] = run(command)
        RESULT.parent.mkdir(exist_ok=True)
        RESULT.write_text(json.dumps(provenance() | {"gpu": gpu(), "steps": steps}, indent=1) + "\n")
    for name, step in steps.items():
        print(f"{name:10} {step['outcome']}")
    sys.exit(any(step["outcome"].startswith("failed") for step in steps.values()))


if __name__ == "__main__":
    main()
