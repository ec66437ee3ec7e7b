"""Benchmark training on a GPU: hw5, PyTorch and JAX, in one process.

    python benchmarks/gpu_training.py [--device cuda|cpu] [--repeats 7] [--models linear,128,1024]
                                      [--batch-sizes 32,128,512,4096] [--precision fp32|tf32] [--contenders hw5,...]

Each contender trains softmax classifiers with 784 inputs and 10 classes by plain SGD, from the same initial weights,
on the same 60,000 examples in device memory (hw5: bytes; others: standardised float32), in whole minibatches with a new
permutation each epoch. All multiply matrices in the same precision, and warm up for two epochs, then take turns. A
contender that is not installed or fails is a row that says why. The results are printed, and appended to
benchmarks/results/gpu_training.jsonl with versions, GPU and commit. They include the losses of the last epoch, which
must agree. --report writes the last result of each network and minibatch to benchmarks/results/gpu_training.md.
--device cpu only tests this program; its times say nothing about a GPU.
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
from hw5.nn.hidden import dense_layers
from hw5.nn.network import Network, initial_parameters

RESULTS = Path(__file__).parent / "results" / "gpu_training.jsonl"
ETA, EXAMPLES, INPUTS, CLASSES = 0.03, 60000, 784, 10


@functools.cache
def learnable_examples():
    """Random bytes with partly learnable classes, so that the losses show whether a contender learns."""
    rng = np.random.default_rng(0)
    X = rng.integers(0, 256, (EXAMPLES, INPUTS), dtype=np.uint8)
    scores = (X[:, :100].astype(np.float32) - 127.5) @ rng.normal(size=(100, CLASSES))
    return X, scores.argmax(axis=1)


MEAN, SCALE = 127.5, 1 / 73.9


def hw5(device, precision, parameters, k, X, y, persistent=False, fuses=True):
    device = open_device(device, precision, persistent=persistent)
    if not fuses:
        device.fuses = False
    constant = np.full(INPUTS, 1, np.float32)
    data = device.upload_data(X, y, constant * np.float32(MEAN), constant * np.float32(SCALE))
    network, tally = Network(device, parameters), Tally(device, k)
    stepper, order, rng = (
        device.stepper(network, data),
        device.empty((len(y),), device.index_dtype),
        np.random.default_rng(0),
    )
    rows = rng.permutation(len(y))

    def epoch():
        nonlocal rows
        device.assign(order, rows)
        tally.reset()
        stepper.train(order, k, Rates(ETA), tally)
        rows = rng.permutation(len(y))  # while the GPU is busy, as in hw5's training loop
        return tally.read()[0] / len(y)

    return epoch


def _torch_step(device, precision, parameters, X, y, compiled=lambda function: function):
    """step(rows) trains on the examples of these rows, and returns their mean loss."""
    import torch

    torch.set_float32_matmul_precision({"fp32": "highest", "tf32": "high"}[precision])
    layers = []
    for W, b in parameters:
        linear = torch.nn.Linear(*reversed(W.shape))
        linear.load_state_dict({"weight": torch.from_numpy(W), "bias": torch.from_numpy(b)})
        layers += [linear, torch.nn.ReLU()]
    model = torch.nn.Sequential(*layers[:-1]).to(device)
    optimiser = torch.optim.SGD(model.parameters(), lr=ETA, fused=True)
    X, y = (torch.from_numpy(X).to(device).float() - MEAN) * SCALE, torch.from_numpy(y).to(device)
    loss_of = compiled(lambda rows: torch.nn.functional.cross_entropy(model(X[rows]), y[rows]))

    def step(rows):
        optimiser.zero_grad(set_to_none=True)
        loss = loss_of(rows)
        loss.backward()
        optimiser.step()
        return loss.detach()

    return step


def _torch_epoch(device, k, n, train):
    """An epoch of n examples in minibatches of k; train(rows, total) adds a minibatch's mean loss to total."""
    import torch

    total = torch.zeros((), device=device)

    def epoch():
        total.zero_()
        for rows in torch.randperm(n, device=device).split(k):
            train(rows, total)
        return float(total) * k / n

    return epoch


def torch_eager(device, precision, parameters, k, X, y, **how):
    step = _torch_step(device, precision, parameters, X, y, **how)
    return _torch_epoch(device, k, len(y), lambda rows, total: total.add_(step(rows)))


def torch_compile(*arguments):
    """The forward pass and its gradient compiled; the update is PyTorch's own fused kernel."""
    import torch

    torch._dynamo.reset()  # else PyTorch goes back to eager steps after its eighth compilation
    return torch_eager(*arguments, compiled=lambda function: torch.compile(function, dynamic=False))


def torch_graph(device, precision, parameters, k, X, y):
    """The step captured as a CUDA graph; the row numbers are copied to a fixed buffer before each replay."""
    if device != "cuda":
        raise ImportError("CUDA graphs need a GPU")
    import torch

    step = _torch_step(device, precision, parameters, X, y)
    rows = torch.arange(k, device=device)
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):  # warm up on a side stream, as PyTorch's CUDA graph notes require
        for _ in range(3):
            step(rows)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        loss = step(rows)

    def train(chosen, total, keep=step):  # the graph uses the step's tensors, which must live as long
        rows.copy_(chosen)
        graph.replay()
        total.add_(loss)

    return _torch_epoch(device, k, len(y), train)


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
    "hw5 unfused": functools.partial(hw5, fuses=False),
    "hw5 persistent": functools.partial(hw5, persistent=True),
    "torch-eager": torch_eager,
    "torch-compile": torch_compile,
    "torch-graph": torch_graph,
    "jax-scan": jax_scan,
}


def measure(contenders, device, precision, sizes, k, repeats):
    """{contender: {"seconds" and "losses" of each epoch, or "failure"}}. Reading the loss ends an epoch."""
    gc.collect()  # so that the last cell's devices are closed
    X, y = learnable_examples()
    whole = len(y) // k * k
    results, epochs, parameters = {}, {}, initial_parameters(dense_layers(sizes, "relu"), 0)
    for name in contenders:
        results[name] = {"seconds": [], "losses": []}
        try:
            epochs[name] = CONTENDERS[name](device, precision, parameters, k, X[:whole], y[:whole])
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
    commit = os.environ.get("HW5_COMMIT")  # for a copy of the tree, or a machine without git
    if not commit:
        with suppress(OSError):
            git = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
            commit = subprocess.run(git, capture_output=True, text=True).stdout.strip()
    versions = {"python": platform.python_version()}
    for package in ("numpy", "torch", "jax", "pycuda", "cuda-bindings", "scikit-cuda"):
        with suppress(importlib.metadata.PackageNotFoundError):
            versions[package] = importlib.metadata.version(package)
    return {"date": date.today().isoformat(), "commit": commit or "unknown", "versions": versions}


def row(result):
    """A contender's times and last loss, or why there are none."""
    if "failure" in result:
        return f"failed: {result['failure']}"
    low, middle, high = (1e3 * f(result["seconds"]) for f in (min, statistics.median, max))
    return f"{middle:9.2f} ({low:.2f} - {high:.2f})  {result['losses'][-1]:.4f}"


def report():
    """Write a table of the last results of each GPU, precision, network and minibatch."""
    cells = {}
    for line in RESULTS.read_text().splitlines():
        cell = json.loads(line)
        cells.setdefault((cell["gpu"], cell["precision"]), {})[tuple(cell["sizes"]), cell["batch_size"]] = cell
    text = ["# Training on a GPU", "", "Microseconds per step: the median epoch (the fastest to the slowest)."]
    for (gpu, precision), table in sorted(cells.items()):
        commits = ", ".join(sorted({cell["commit"] for cell in table.values()}))
        text += ["", f"## {gpu}, {precision}, commit {commits}", ""]
        names = [name for name in CONTENDERS if any(name in cell["results"] for cell in table.values())]
        text += [f"| network | minibatch | {' | '.join(names)} |", "| --- " * (2 + len(names)) + "|"]
        for (sizes, k), cell in sorted(table.items()):
            times = [microseconds(cell["results"].get(name), k) for name in names]
            text.append(f"| {'-'.join(map(str, sizes))} | {k} | {' | '.join(times)} |")
    RESULTS.with_suffix(".md").write_text("\n".join(text) + "\n")


def microseconds(result, k):
    """A contender's time per step, or nothing if it was not measured."""
    if not result or not result.get("seconds"):
        return ""
    low, middle, high = (1e6 * f(result["seconds"]) / (EXAMPLES // k) for f in (min, statistics.median, max))
    return f"{middle:.1f} ({low:.1f} to {high:.1f})"


def numbers(text):
    return [int(number) for number in text.split(",")]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--models", type=lambda text: text.split(","), default=["linear", "128", "1024"])
    parser.add_argument("--batch-sizes", type=numbers, default=[32, 128, 512, 4096])
    parser.add_argument("--precision", choices=("fp32", "tf32"), default="fp32")
    parser.add_argument("--contenders", type=lambda text: text.split(","), default=list(CONTENDERS))
    parser.add_argument("--report", action="store_true")
    options = parser.parse_args()
    if options.report:
        return report()
    header = provenance() | {"gpu": gpu(), "device": options.device, "precision": options.precision}
    RESULTS.parent.mkdir(exist_ok=True)
    for model in options.models:
        sizes = (INPUTS, CLASSES) if model == "linear" else (INPUTS, int(model), CLASSES)
        for k in options.batch_sizes:
            results = measure(options.contenders, options.device, options.precision, sizes, k, options.repeats)
            print(f"{'-'.join(map(str, sizes))}, minibatch {k}: milliseconds per epoch, median (min - max), loss")
            for name, result in results.items():
                print(f"    {name:15} {row(result)}", flush=True)
            with RESULTS.open("a") as file:
                file.write(json.dumps(header | {"sizes": sizes, "batch_size": k, "results": results}) + "\n")


if __name__ == "__main__":
    main()
