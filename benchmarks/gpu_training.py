"""Benchmark training on a GPU: hw5, PyTorch and JAX, in one process.

    python benchmarks/gpu_training.py [--device cuda|cpu] [--repeats 7] [--models linear,128,1024]
                                      [--batch-sizes 32,128,512,4096] [--precision fp32|tf32]

Each contender trains softmax classifiers with 784 inputs and 10 classes by plain SGD, from the same initial weights,
on the same 60,000 examples in device memory (hw5: bytes; others: standardised float32), in whole minibatches with a new
permutation each epoch. All multiply matrices in the same precision, and warm up for two epochs, then take turns. A
contender that is not installed or fails is a row that says why. The results are printed, and appended to
benchmarks/results/gpu_training.jsonl with versions, GPU and commit. They include the losses of the last epoch, which
must agree. --device cpu only tests this program; its times say nothing about a GPU.
"""

import argparse
import functools
import gc
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
from contextlib import suppress
from datetime import date
from pathlib import Path
from time import perf_counter

os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # by default JAX reserves most of the GPU's memory

import numpy as np

from hw5.devices import open_device
from hw5.devices.base import Rates, Tally
from hw5.nn.network import Network, initial_parameters

RESULTS = Path(__file__).parent / "results" / "gpu_training.jsonl"
ETA, EXAMPLES, INPUTS, CLASSES = 0.03, 60000, 784, 10


def learnable_examples():
    """Random bytes with partly learnable classes, so that the losses show whether a contender learns."""
    rng = np.random.default_rng(0)
    X = rng.integers(0, 256, (EXAMPLES, INPUTS), dtype=np.uint8)
    scores = (X[:, :100].astype(np.float32) - 127.5) @ rng.normal(size=(100, CLASSES))
    return X, scores.argmax(axis=1)


MEAN, SCALE = 127.5, 1 / 73.9


def hw5(device, precision, parameters, k, X, y):
    device = open_device(device, precision)
    constant = np.full(INPUTS, 1, np.float32)
    data = device.upload_data(X, y, constant * np.float32(MEAN), constant * np.float32(SCALE))
    network, tally = Network(device, parameters), Tally(device, k)
    order, rng = device.empty((len(y),), device.index_dtype), np.random.default_rng(0)

    def epoch():
        device.assign(order, rng.permutation(len(y)))
        tally.reset()
        device.stepper(network, data).train(order, k, Rates(ETA), tally)
        return tally.read()[0] / len(y)

    return epoch


def _torch_parts(device, precision, parameters, X, y):
    import torch

    torch.set_float32_matmul_precision({"fp32": "highest", "tf32": "high"}[precision])
    layers = []
    for W, b in parameters:
        linear = torch.nn.Linear(*reversed(W.shape))
        linear.load_state_dict({"weight": torch.from_numpy(W), "bias": torch.from_numpy(b)})
        layers += [linear, torch.nn.ReLU()]
    model = torch.nn.Sequential(*layers[:-1]).to(device)
    optimiser = torch.optim.SGD(model.parameters(), lr=ETA, fused=True)
    X = (torch.from_numpy(X).to(device).float() - MEAN) * SCALE
    return torch, model, optimiser, X, torch.from_numpy(y).to(device)


def torch_eager(device, precision, parameters, k, X, y, compile_step=lambda step: step):
    torch, model, optimiser, X, y = _torch_parts(device, precision, parameters, X, y)
    loss_of = torch.nn.functional.cross_entropy
    total = torch.zeros((), device=device)

    def step(rows):
        optimiser.zero_grad(set_to_none=True)
        loss = loss_of(model(X[rows]), y[rows])
        loss.backward()
        optimiser.step()
        return loss.detach()

    step = compile_step(step)

    def epoch():
        total.zero_()
        for rows in torch.randperm(len(y), device=device).split(k):
            total.add_(step(rows))
        return float(total) * k / len(y)

    return epoch


def torch_compile(device, *arguments):
    import torch

    torch._dynamo.reset()  # else PyTorch goes back to eager steps after its eighth compilation
    return torch_eager(device, *arguments, compile_step=lambda step: torch.compile(step, dynamic=False))


def torch_graph(device, precision, parameters, k, X, y):
    """The step captured as a CUDA graph; the row numbers are copied to a fixed buffer before each replay."""
    if device != "cuda":
        raise ImportError("CUDA graphs need a GPU")
    torch, model, optimiser, X, y = _torch_parts(device, precision, parameters, X, y)
    loss_of = torch.nn.functional.cross_entropy
    total, rows = torch.zeros((), device=device), torch.arange(k, device=device)

    def step():
        optimiser.zero_grad(set_to_none=True)
        loss = loss_of(model(X[rows]), y[rows])
        loss.backward()
        optimiser.step()
        total.add_(loss.detach())

    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):  # warm up on a side stream, as PyTorch's CUDA graph notes require
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()

    def epoch():
        total.zero_()
        for chosen in torch.randperm(len(y), device=device).split(k):
            rows.copy_(chosen)
            graph.replay()
        return float(total) * k / len(y)

    return epoch


def jax_scan(device, precision, parameters, k, X, y):
    """An epoch as one compiled scan over the minibatches."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_default_matmul_precision", {"fp32": "highest", "tf32": "tensorfloat32"}[precision])
    arrays = [(W.T, b) for W, b in parameters], jax.random.key(0), np.float32((X - MEAN) * SCALE), np.int32(y)
    weights, key, X, y = jax.device_put(arrays, jax.devices("gpu" if device == "cuda" else "cpu")[0])

    def loss_of(weights, x, y):
        for W, b in weights[:-1]:
            x = jax.nn.relu(x @ W + b)
        W, b = weights[-1]
        return -jnp.take_along_axis(jax.nn.log_softmax(x @ W + b), y[:, None], axis=1).mean()

    @functools.partial(jax.jit, donate_argnums=0)
    def train(weights, key, X, y):
        def step(weights, rows):
            loss, gradients = jax.value_and_grad(loss_of)(weights, X[rows], y[rows])
            return jax.tree.map(lambda w, g: w - ETA * g, weights, gradients), loss

        rows = jax.random.permutation(key, len(y)).reshape(-1, k)
        weights, losses = jax.lax.scan(step, weights, rows)
        return weights, losses.mean()

    state = [weights, key]

    def epoch():
        state[1], this = jax.random.split(state[1])
        state[0], loss = train(state[0], this, X, y)
        return float(loss)

    return epoch


CONTENDERS = {
    "hw5": hw5,
    "PyTorch eager": torch_eager,
    "torch.compile": torch_compile,
    "PyTorch graph": torch_graph,
    "JAX jit+scan": jax_scan,
}


def measure(device, precision, sizes, k, repeats):
    """{contender: {"seconds" and "losses" of each epoch, or "failure"}}. Reading the loss ends an epoch."""
    gc.collect()  # so that the last cell's devices are closed
    X, y = learnable_examples()
    whole = len(y) // k * k
    results, epochs, parameters = {}, {}, initial_parameters(sizes, "relu", seed=0)
    for name, contender in CONTENDERS.items():
        results[name] = {"seconds": [], "losses": []}
        try:
            epochs[name] = contender(device, precision, parameters, k, X[:whole], y[:whole])
            epochs[name](), epochs[name]()
        except Exception as error:  # whatever a contender raises, the others go on
            epochs.pop(name, None)
            results[name] = {"failure": f"{type(error).__name__}: {error}".splitlines()[0]}
    for _ in range(repeats):
        for name, epoch in epochs.items():
            began = perf_counter()
            loss = epoch()
            results[name]["seconds"].append(perf_counter() - began)
            results[name]["losses"].append(loss)
    return results


def gpu():
    with suppress(OSError):
        query = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
        return subprocess.run(query, capture_output=True, text=True).stdout.strip()
    return "none"


def provenance():
    """Date, commit and versions, recorded with each result."""
    commit = os.environ.get("HW5_COMMIT", "unknown")  # a copy of the tree may have no .git, and a machine no git
    with suppress(OSError):
        git = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
        commit = subprocess.run(git, capture_output=True, text=True).stdout.strip() or commit
    versions = {"python": platform.python_version()}
    for package in ("numpy", "torch", "jax", "pycuda", "cuda-bindings", "scikit-cuda"):
        with suppress(importlib.metadata.PackageNotFoundError):
            versions[package] = importlib.metadata.version(package)
    return {"date": date.today().isoformat(), "commit": commit, "versions": versions}


def row(result):
    """A contender's times and last loss, or why there are none."""
    if "failure" in result:
        return f"failed: {result['failure']}"
    low, middle, high = (1e3 * f(result["seconds"]) for f in (min, statistics.median, max))
    return f"{middle:9.2f} ({low:.2f} - {high:.2f})  {result['losses'][-1]:.4f}"


def numbers(text):
    return [int(number) for number in text.split(",")]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--models", type=lambda text: text.split(","), default=["linear", "128", "1024"])
    parser.add_argument("--batch-sizes", type=numbers, default=[32, 128, 512, 4096])
    parser.add_argument("--precision", choices=("fp32", "tf32"), default="fp32")
    options = parser.parse_args()
    header = provenance() | {"gpu": gpu(), "device": options.device, "precision": options.precision}
    RESULTS.parent.mkdir(exist_ok=True)
    for model in options.models:
        sizes = (INPUTS, CLASSES) if model == "linear" else (INPUTS, int(model), CLASSES)
        for k in options.batch_sizes:
            results = measure(options.device, options.precision, sizes, k, options.repeats)
            print(f"{'-'.join(map(str, sizes))}, minibatch {k}: milliseconds per epoch, median (min - max), loss")
            for name, result in results.items():
                print(f"    {name:14} {row(result)}", flush=True)
            with RESULTS.open("a") as file:
                file.write(json.dumps(header | {"sizes": sizes, "batch_size": k, "results": results}) + "\n")


if __name__ == "__main__":
    main()
