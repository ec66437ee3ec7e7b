"""The hw5 program with a simulated GPU."""

import gc
import json
import re

import numpy as np

from hw5.devices.cuda.runtime import BRANCHES, WORKSPACE
from tests.cli.helpers import hw5, refused


def output_of(*arguments):
    output = hw5(*arguments).stdout
    gc.collect()  # delete the device, as at the end of the program
    return output


def test_train_eval_and_predict_on_cuda(gpu, tmp_path):
    model = tmp_path / "model.npz"
    trained = output_of("train", "--device", "cuda", "--hidden", 32, "--epochs", 8, "--momentum", 0.9, "--out", model)
    assert ", on cuda" in trained
    on_cuda, on_cpu = (json.loads(output_of("eval", model, "--device", device, "--json")) for device in ("cuda", "cpu"))
    assert on_cuda["accuracy"] == on_cpu["accuracy"] > 0.9
    assert on_cuda["confusion_matrix"] == on_cpu["confusion_matrix"]
    assert abs(on_cuda["loss"] - on_cpu["loss"]) < 1e-5


def test_the_second_gpu(simulated, tmp_path):
    simulated(count=2)
    model = tmp_path / "model.npz"
    assert ", on cuda:1 (" in output_of("train", "--device", "cuda:1", "--epochs", 2, "--out", model)
    resumed = output_of("train", "--resume", model, "--epochs", 3, "--device", "cuda:0")
    assert ", on cuda:0 (" in resumed
    assert "there is no cuda:2: CUDA lists 2 GPUs, cuda:0 to cuda:1" in refused("eval", model, "--device", "cuda:2")


def test_data_larger_than_the_gpu_are_streamed(simulated, tmp_path):
    """2 MB of examples on a GPU with 1.5 MB, besides cuBLAS's workspaces: the same results as with enough memory."""
    rng = np.random.default_rng(0)
    X = rng.integers(0, 256, (20000, 100), dtype=np.uint8)
    np.savez(tmp_path / "large.npz", X=X, y=X[:, 0] // 86)
    outputs = []
    for total in (1 << 30, BRANCHES * WORKSPACE + (1536 << 10)):
        gpu = simulated(total=total)
        train = ("train", "--device", "cuda", "--data", tmp_path / "large.npz", "--hidden", 8, "--epochs", 2)
        outputs.append([re.sub("[0-9,]+ examples/s", "", line) for line in output_of(*train).splitlines()])
        assert not gpu.allocations
    resident, streamed = outputs
    device = streamed[1].replace(", streamed data)", ")")
    assert device != streamed[1] and resident == [streamed[0], device, *streamed[2:]]


def test_tf32_and_the_benchmark(gpu, monkeypatch):
    from hw5.verify import bench

    assert ", on cuda" in output_of("train", "--device", "cuda", "--precision", "tf32", "--epochs", 1)
    for name, value in {"SECONDS": 1e-5, "COPY_BYTES": 1 << 12, "SHAPES": ((4, 3),), "IMAGES": (2,)}.items():
        monkeypatch.setattr(bench, name, value)
    assert "cuda: a copy reaches" in output_of("bench", "kernels", "--device", "cuda")
