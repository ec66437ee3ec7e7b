"""Seconds for an epoch of training on every device of this machine, interleaved.

    python benchmarks/epoch.py [--sizes 784,128,10] [--batch-size 128] [--examples 60000] [--repeats 7]
                               [--devices cpu,emulator]

The data have MNIST's shape and random content, which takes the same time. Each device trains one epoch to warm up;
then the devices take turns. The result is printed, and added to benchmarks/results/epoch.jsonl with the machine, the
versions and the commit. Set OPENBLAS_NUM_THREADS=1 to measure one core.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from datetime import date
from pathlib import Path
from time import perf_counter

import numpy as np

from hw5.devices import open_device
from hw5.devices.base import Rates, Tally
from hw5.nn.network import Network, initial_parameters

RESULTS = Path(__file__).parent / "results" / "epoch.jsonl"


def numbers(text):
    return [int(number) for number in text.split(",")]


def prepared(name, sizes, batch_size, examples):
    """A function that trains one epoch on a device and returns its seconds."""
    rng = np.random.default_rng(0)
    X = rng.integers(0, 256, (examples, sizes[0]), dtype=np.uint8)
    y = rng.integers(0, sizes[-1], examples)
    device, d = open_device(name), sizes[0]
    data = device.upload_data(X, y, np.full(d, 33.3, np.float32), np.full(d, 1 / 78.6, np.float32))
    network = Network(device, initial_parameters(sizes, "relu", seed=0))
    order, tally = device.upload(rng.permutation(examples), device.index_dtype), Tally(device, batch_size)

    def epoch():
        began = perf_counter()
        device.stepper(network, data).train(order, batch_size, Rates(0.01), tally)
        tally.read()  # waits for the device
        return perf_counter() - began

    return epoch


def environment():
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True).stdout.strip()
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "")
    return {
        "date": date.today().isoformat(),
        "commit": commit,
        "machine": f"{cpu or platform.machine()}, {len(os.sched_getaffinity(0))} cores",
        "blas_threads": os.environ.get("OPENBLAS_NUM_THREADS", "default"),
        "python": platform.python_version(),
        "numpy": np.__version__,
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--sizes", type=numbers, default=[784, 128, 10])
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--examples", type=int, default=60000)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--devices", type=lambda text: text.split(","), default=["cpu", "emulator"])
    options = parser.parse_args()
    epochs = {name: prepared(name, options.sizes, options.batch_size, options.examples) for name in options.devices}
    for epoch in epochs.values():
        epoch()
    seconds = {name: [] for name in epochs}
    for _ in range(options.repeats):
        for name, epoch in epochs.items():
            seconds[name].append(epoch())
    for name, times in seconds.items():
        print(f"{name:10} median {statistics.median(times):.3f} s, from {min(times):.3f} to {max(times):.3f} s")
    result = (
        environment() | {key: value for key, value in vars(options).items() if key != "devices"} | {"seconds": seconds}
    )
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("a") as file:
        file.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    sys.exit(main())
