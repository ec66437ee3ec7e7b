"""The real PyCUDA, scikit-cuda and cuda-bindings on a driver without a GPU, whose kernels run in the emulator.

This tests what the simulated packages cannot: PyCUDA's own C++ code and the real bindings. It needs no GPU, but the
packages: `make pycuda` builds them.
"""

import json
import os
import subprocess
import sys

import pytest

from hw5.compiler import find_compiler
from hw5.errors import InputError
from tests import mpi
from tests.devices.cuda.driver import machine
from tests.pages import ROOT

MISSING = [name for name in ("pycuda", "skcuda", "cuda.bindings") if not machine.is_installed(name)]
try:
    find_compiler()
except InputError:
    MISSING.append("a C++ compiler")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(MISSING), reason=f"{', '.join(MISSING)} is not installed (make pycuda)"),
]
NOTHING_LEFT = "fake GPU: 0 objects and 0 uses of contexts are left"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Run Python on a machine with fake GPUs: run(*arguments, code=0, launcher=(), **environment).

    It returns stdout and stderr.
    """
    environment = os.environ | machine.build(tmp_path_factory.mktemp("machine")) | {"FAKE_GPU_REPORT": "1"}

    def run(*arguments, code=0, launcher=(), **settings):
        command = [*launcher, sys.executable, *map(str, arguments)]
        result = subprocess.run(
            command, capture_output=True, text=True, cwd=ROOT, env=environment | settings, timeout=1200
        )
        assert result.returncode == code, result.stdout + result.stderr
        return result

    return run


def test_first_run_succeeds_and_leaves_nothing(run):
    """With short epochs: the speed of the emulator does not matter."""
    result = run("-m", "tests.devices.cuda.first_run", 20)
    assert result.stdout.splitlines()[-1] == "0 failed", result.stdout
    assert result.stderr.strip() == NOTHING_LEFT


def test_train_and_eval_on_the_second_gpu(run, tmp_path):
    model = tmp_path / "model.npz"
    train = ("-m", "hw5.cli", "train", "--hidden", "32", "--epochs", "3", "--out", model)
    trained = run(*train, "--device", "cuda:1", FAKE_GPU_COUNT="2")
    assert ", on cuda:1 (" in trained.stdout and trained.stderr.strip() == NOTHING_LEFT
    evaluate = ("-m", "hw5.cli", "eval", model, "--json", "--device")
    on_cuda, on_cpu = (json.loads(run(*evaluate, device).stdout) for device in ("cuda", "cpu"))
    assert on_cuda["confusion_matrix"] == on_cpu["confusion_matrix"] and on_cuda["accuracy"] > 0.8
    assert abs(on_cuda["loss"] - on_cpu["loss"]) < 1e-5
    missing = run(*evaluate, "cuda:2", code=2, FAKE_GPU_COUNT="2").stderr
    assert "there is no cuda:2: CUDA lists 2 GPUs, cuda:0 to cuda:1; choose one that exists" in missing


def test_ranks_on_two_gpus_train_the_bits_of_one(run, tmp_path):
    """The GPU of a rank is that of its number, around and around: rank 2 has the first again."""
    models = []
    for ranks in (1, 3):
        models.append(tmp_path / f"{ranks}.npz")
        launcher = mpi.launcher(), "-n", str(ranks)
        train = ("-m", "hw5.cli", "train", "--device", "cuda", "--hidden", "16", "--epochs", "2", "--batch-size", "128")
        trained = run(*train, "--out", models[-1], launcher=launcher, FAKE_GPU_COUNT="2")
        assert f", on cuda (step by step, 8 slices, {ranks} rank" in trained.stdout
    assert models[0].read_bytes() == models[1].read_bytes()


TWO_GPUS = """
import numpy as np
from hw5.devices import open_device

devices = [open_device("cuda:1"), open_device("cuda:0"), open_device("cuda:1")]
arrays = [device.upload(np.full(3, i, np.float32)) for i, device in enumerate(devices)]
for device, array in zip(devices, arrays):
    device.gemm(array.reshape((3, 1)), array.reshape((1, 3)), array[:1].reshape((1, 1)), alpha=2.0)
print(*(float(device.download(array)[0]) for device, array in zip(devices, arrays)))
del devices[0], array, arrays[0], device
"""


def test_two_gpus_in_one_process(run):
    result = run("-c", TWO_GPUS, FAKE_GPU_COUNT="2")
    assert result.stdout == "0.0 6.0 24.0\n" and result.stderr.strip() == NOTHING_LEFT


MISUSES = {
    "a copy beyond an allocation": "driver.memcpy_dtod_async(int(memory), int(memory), 65, stream)",
    "pageable memory": "driver.memcpy_htod_async(int(memory), np.ones(3, 'f'), stream)",
    "freed memory": "address = int(memory); memory.free(); launch(address)",
    "too few arguments": "function.prepare('PPPffffi').prepared_async_call(*at, *3 * [int(memory)], 0, 0, 0, 0, 0)",
    "something is left": "context.detach()",
}
MISUSE = """
import numpy as np, pycuda.driver as driver
from hw5.devices.cuda.nvcc import compiled
from hw5.devices.kernels import kernel_sources

driver.init()
context = driver.Device(0).retain_primary_context()
context.push()
code = compiled(kernel_sources(), driver.Device(0), driver).read_bytes()
function = driver.module_from_buffer(code).get_function("sgd_update")
memory, stream = driver.mem_alloc(64), driver.Stream(1)
at = (1,), (32, 1, 1), stream

def launch(address):
    function.prepare("PPPffffil").prepared_async_call(*at, *3 * [address], 0.5, 0, 0, 0, 0, 16)

driver.memcpy_htod_async(int(memory), driver.pagelocked_empty(16, "f"), stream)
launch(int(memory))
stream.synchronize()
print("right so far", flush=True)
"""


@pytest.mark.parametrize("what", MISUSES)
def test_the_driver_detects_misuse(run, what):
    aborted = -6
    result = run("-c", MISUSE + MISUSES[what], code=aborted)
    assert result.stdout == "right so far\n" and "fake GPU: misuse: " in result.stderr


def test_the_stages_of_gpu_check(run, tmp_path):
    check = (
        "benchmarks/gpu_check.py",
        "--results",
        tmp_path,
        "doctor",
        "train",
        "train-tf32",
        "train-images",
        "memcheck",
    )
    run(*check)
    steps = [json.loads(line) for line in (tmp_path / "gpu_check.jsonl").read_text().splitlines()]
    assert [step["outcome"] for step in steps] == ["succeeded"] * 5 and steps[0]["gpu"] == "fake GPU, 13.0"
    assert "cuda: available" in (tmp_path / "gpu_check" / "doctor.txt").read_text()
    assert " passed, " in (tmp_path / "gpu_check" / "memcheck.txt").read_text()


def test_doctor_and_auto_without_a_gpu_or_with_an_old_driver(run):
    """An unusable GPU is named, and --device auto uses the CPU."""
    old = run("-m", "hw5.cli", "doctor", FAKE_GPU_CUDA="12040").stdout
    assert "cuda: not available: nvcc: nvcc is for CUDA 13.0, but the driver only supports CUDA up to 12.4" in old
    hidden = {"CUDA_VISIBLE_DEVICES": ""}
    none = run("-m", "hw5.cli", "doctor", **hidden).stdout
    assert "cuda: not available: driver and GPU: the driver shows no GPU: CUDA_VISIBLE_DEVICES is ''; unset it" in none
    assert ", on cpu (" in run("-m", "hw5.cli", "train", "--epochs", "1", **hidden).stdout
    two = run("-m", "hw5.cli", "doctor", FAKE_GPU_COUNT="2").stdout
    assert "cuda:0 fake GPU 0, cuda:1 fake GPU 1, for CUDA up to 13.0" in two
