"""How time and memory grow with the examples, features, classes and epochs of a training, and what follows it.

    python benchmarks/growth.py [--only AXIS,...] [--repeats 3] [--out benchmarks/results/growth]

Four sizes of each axis, each twice the one before, all else equal. `train`, `eval` and `predict` are runs of the
program on one thread: processor seconds, user and system, and the peak of resident memory, with the pages of mapped
files. `save` is one Checkpoint.save with a history of 8 times the epochs, in seconds, and the bytes of its file. Of
several runs the least counts, and runs of all sizes of an axis take turns. What a run on 100 examples takes is
subtracted, and the exponent is the slope of a line through the logarithms: 1 is linear, and "-" is no more than a run
on 100 examples takes, or too little to tell. Writes OUT.md and OUT.png.
"""

import argparse
import json
import multiprocessing
import os
import platform
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from hw5.train.checkpoint import HISTORY, Checkpoint

BASE = {"examples": 20_000, "features": 40, "classes": 10, "epochs": 1}
AXES = {
    "examples": (200_000, 400_000, 800_000, 1_600_000),
    "features": (500, 1000, 2000, 4000),
    "classes": (500, 1000, 2000, 4000),
    "epochs": (4000, 8000, 16_000, 32_000),
}
_SAVES, _HISTORY = 9, 8  # saves in a round, since one takes milliseconds; factor of the epochs, beyond the caches
SMALL = {"epochs": {"examples": 200, "features": 2}}  # so that the epochs, not the examples, take the time
VERBS = ("train", "eval", "predict", "save")
# What more than at rest can be told from noise
_LEAST_SECONDS = {"train": 0.1, "eval": 0.1, "predict": 0.1, "save": 0.002}
_LEAST_BYTES = {"train": 4e6, "eval": 4e6, "predict": 4e6, "save": 1e4}


def write_data(folder, examples, features, classes, **_):
    """X.npy and y.npy: points around a centre for each class."""
    rng = np.random.default_rng(0)
    y = np.arange(examples) % classes
    centres = rng.normal(size=(classes, features)).astype(np.float32)
    X = rng.normal(size=(examples, features)).astype(np.float32)
    X += centres[y]
    np.save(folder / "X.npy", X)
    np.save(folder / "y.npy", y)


def _in_a_process(function, *arguments, **options):
    """Call it where its memory does not count: the peak of a process begins with that of the one that starts it."""
    with multiprocessing.Pool(1) as pool:
        return pool.apply(function, arguments, options)


def run(*arguments):
    """Processor seconds and peak bytes of a run of hw5, which must succeed."""
    command = [sys.executable, "-m", "hw5.cli", *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"failed: {command}")
    return usage.ru_utime + usage.ru_stime, 1024 * usage.ru_maxrss


def costs(repeats, sizes):
    """[{verb: (seconds, bytes)}, ...] of data of these sizes: the least of several runs, which were disturbed least."""
    with tempfile.TemporaryDirectory() as name:
        folders = [Path(name, str(i)) for i in range(len(sizes))]
        for folder, size in zip(folders, sizes):
            folder.mkdir()
            _in_a_process(write_data, folder, **size)
        rounds = [list(map(_costs_once, folders, sizes)) for _ in range(repeats)]
    return [{verb: tuple(map(min, zip(*(row[verb] for row in rows)))) for verb in VERBS} for rows in zip(*rounds)]


def _costs_once(folder, size):
    out, X, usual = folder / "model.npz", folder / "X.npy", ("--device", "cpu", "--threads", 1)
    train = ("train", "--data", X, "--hidden", 16, "--epochs", size["epochs"], "--out", out)
    commands = {"train": train, "eval": ("eval", out, "--json"), "predict": ("predict", out, X)}
    taken = {verb: run(*command, *usual) for verb, command in commands.items()}
    return taken | {"save": _in_a_process(_save, out, _HISTORY * size["epochs"])}


def _save(path, epochs):
    """Minimum processor seconds of several saves, and the bytes of a checkpoint with a history of `epochs` epochs."""
    row, seconds = dict.fromkeys(HISTORY, 1 / 3), []
    checkpoint = replace(Checkpoint.load(path), history=[row | {"epoch": i + 1} for i in range(epochs)])
    for _ in range(_SAVES):
        start = time.process_time()
        checkpoint.save(path)
        seconds.append(time.process_time() - start)
    return min(seconds), path.stat().st_size


def exponent(sizes, values, at_rest, least):
    """The slope of log(value - at_rest) against log(size), of the differences of at least `least`.

    It is "-" if two are less.
    """
    more = np.array(values) - at_rest
    counts = more >= least
    if counts.sum() < 3:
        return "-"
    slope = np.polyfit(np.log(np.array(sizes)[counts]), np.log(more[counts]), 1)[0]
    return f"{slope:.2f}"


def measure(axes, repeats):
    """{axis: [{verb: (seconds, bytes)}, ...]}, and the same at rest."""
    (at_rest,) = costs(repeats, [{"examples": 100, "features": 2, "classes": 2, "epochs": 1}])
    found = {}
    for axis in axes:
        found[axis] = costs(repeats, [BASE | SMALL.get(axis, {}) | {axis: size} for size in AXES[axis]])
        print(axis, json.dumps(found[axis]), flush=True)
    return found, at_rest


def page(found, at_rest, repeats):
    """The results as Markdown."""
    lines = [
        "# Growth of time and memory",
        "",
        f"`python benchmarks/growth.py --repeats {repeats}` on {platform.processor() or platform.machine()}, "
        f"{os.cpu_count()} CPUs, Python {platform.python_version()}, NumPy {np.__version__}, commit {_commit()}. "
        f"All else equal: {', '.join(f'{n:,} {axis}' for axis, n in BASE.items())}; for epochs, 200 examples of 2 features.",
        "",
        "Processor seconds on one thread, and the peak of resident memory, with the pages of mapped files; of `save`, with a "
        f"history of {_HISTORY} times the epochs, the bytes of the checkpoint. The least of the runs counts. An exponent is the slope of a line through the logarithms "
        "of what is more than a run on 100 examples takes, which is "
        f"{', '.join(f'{seconds:.2g} s and {size / 1e6:.3g} MB for `{verb}`' for verb, (seconds, size) in at_rest.items())}. "
        '1 is linear; "-" is no more than that, or too little to tell.',
        "",
        "| axis | sizes | verb | seconds | exponent | MB | exponent |",
        "| --- | --- | --- | --- | ---: | --- | ---: |",
    ]
    for axis, rows in found.items():
        sizes = AXES[axis]
        for verb in VERBS:
            seconds, size = zip(*(row[verb] for row in rows))
            of_time, of_memory = (
                exponent(sizes, values, rest, least)
                for values, rest, least in zip(
                    (seconds, size), at_rest[verb], (_LEAST_SECONDS[verb], _LEAST_BYTES[verb])
                )
            )
            shown = (", ".join(f"{x:.3g}" for x in seconds), ", ".join(f"{x / 1e6:.1f}" for x in size))
            span = f"{sizes[0]:,} to {sizes[-1]:,}"
            lines.append(f"| {axis} | {span} | {verb} | {shown[0]} | {of_time} | {shown[1]} | {of_memory} |")
    return "\n".join(lines) + "\n"


def _commit():
    done = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    return done.stdout.strip() or "unknown"


def draw(found, at_rest, path):
    """Time and memory against each axis, less those at rest, with a line of slope 1.

    Figures that cannot be told from noise are left out.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(2, len(found), figsize=(4 * len(found), 7), squeeze=False, layout="constrained")
    for column, (axis, rows) in enumerate(found.items()):
        for part, unit in enumerate(("seconds", "bytes")):
            panel = panels[part][column]
            for verb in VERBS:
                values = np.array([row[verb][part] for row in rows]) - at_rest[verb][part]
                least = (_LEAST_SECONDS, _LEAST_BYTES)[part][verb]
                panel.loglog(AXES[axis], np.where(values >= least, values, np.nan), marker="o", label=verb)
            top = max(row["train"][part] - at_rest["train"][part] for row in rows)
            panel.loglog(AXES[axis], 2 * top * np.array(AXES[axis]) / AXES[axis][-1], "k:", label="linear")
            panel.set(xlabel=axis, ylabel=unit)
    panels[0][0].legend()
    figure.savefig(path, dpi=80)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(AXES), help="axes, separated by commas")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "growth")
    given = parser.parse_args()
    found, at_rest = measure(given.only.split(","), given.repeats)
    text = page(found, at_rest, given.repeats)
    print(text)
    given.out.with_suffix(".md").write_text(text)
    draw(found, at_rest, given.out.with_suffix(".png"))


if __name__ == "__main__":
    main()
