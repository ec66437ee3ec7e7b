"""How well and how fast convolutional networks learn MNIST, by seed.

    python benchmarks/lenet.py [--seeds 5] [--threads N] [--report]

Each training is the command shown, by itself, with hw5's test part; the weights, the order of the examples and the
validation examples differ from seed to seed. Wall and CPU time are those of the whole command, reading and testing
included. --report writes benchmarks/results/lenet.md.
"""

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
from pathlib import Path
from time import perf_counter

RESULTS = Path(__file__).parent / "results" / "lenet.md"
TRAININGS = {
    "LeNet-5": "--model lenet",
    "wider, with dropout": "--hidden conv:16x5+2,pool:2,conv:32x5,pool:2,dropout:0.25,120,dropout:0.5,84 --lr 0.002 --epochs 15",
}
HEAD = ("network", "hw5 train --data mnist", "accuracy", "by seed", "wall time", "CPU time")


def train(options, seed, threads):
    """Test accuracy, wall time and CPU time of a training."""
    command = [sys.executable, "-m", "hw5", "train", "--data", "mnist", "--device", "cpu", "--seed", seed, "--json"]
    command += options.split() + (["--threads", threads] if threads else [])
    before, began = _cpu_time(), perf_counter()
    done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
    return json.loads(done.stdout)["test"]["accuracy"], perf_counter() - began, _cpu_time() - before


def _cpu_time():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def row(name, options, runs):
    accuracies, wall, cpu = zip(*runs)
    spread = f" ± {statistics.stdev(accuracies):.2%}" if len(runs) > 1 else ""
    by_seed = ", ".join(f"{accuracy:.2%}" for accuracy in accuracies)
    times = (f"{statistics.median(seconds):.0f} s" for seconds in (wall, cpu))
    return name, f"`{options}`", f"{statistics.mean(accuracies):.2%}{spread}", by_seed, *times


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--report", action="store_true")
    options = parser.parse_args()
    rows = []
    for name, flags in TRAININGS.items():
        rows.append(row(name, flags, [train(flags, seed, options.threads) for seed in range(options.seeds)]))
        print("  ".join(rows[-1]), flush=True)
    if options.report:
        cores = options.threads or len(os.sched_getaffinity(0))
        lines = [
            "# Convolutional networks on MNIST",
            "",
            f"{options.seeds} seeds, mean and standard deviation of the test accuracy; medians of the times on {cores} "
            f"cores of {platform.machine()}.",
            "",
            *("| " + " | ".join(cells) + " |" for cells in [HEAD, ["---"] * len(HEAD), *rows]),
        ]
        RESULTS.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
