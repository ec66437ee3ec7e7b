"""Time and memory to read a table of numbers from CSV: hw5, pandas, polars and pyarrow.

    python benchmarks/reading.py [--rows 1000000] [--rounds 9] [--out benchmarks/results/reading.md]

The tables have 28 columns of float64 and a label, 0 or 1, with a header, written in each of FORMS. Each reading is a
process of its own, and the contenders take turns. hw5 ends with its features as a float32 array and its labels as
indices; the others end with a data frame of float64, which is less work. Processor seconds are user and system of the
whole process, imports included; in brackets those of the reading alone. Memory is the peak of the process, relative to
an array of float32.
"""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from statistics import median

import numpy as np

COLUMNS = 28
FORMS = {
    "six decimals": lambda X: [[f"{x:.6f}" for x in row] for row in X.tolist()],
    "float64 in full": lambda X: [map(repr, row) for row in X.tolist()],
    "float32 in full": lambda X: X.astype(np.float32).astype(str).tolist(),
}
CONTENDERS = {  # imports, and the reading of `path`
    "hw5": ("from hw5.datasets import load; import pyarrow.compute, pyarrow.csv", "load(path)"),
    "pandas": ("import pandas", "pandas.read_csv(path)"),
    "polars": ("import polars", "polars.read_csv(path)"),
    "pyarrow": ("import pyarrow.csv", "pyarrow.csv.read_csv(path)"),
}
_PROGRAM = """
import resource, sys
used = lambda: sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
path = sys.argv[1]
{imports}
before = used()
read = {reading}
print(used(), used() - before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""


def write(path, form, rows):
    """A table of `rows` rows, whose label is the sign of a sum."""
    rng = np.random.default_rng(0)
    with path.open("w") as file:
        file.write(",".join(f"f{j}" for j in range(COLUMNS)) + ",label\n")
        for start in range(0, rows, 10_000):
            X = rng.standard_normal((min(10_000, rows - start), COLUMNS))
            labels = (X[:, :2].sum(axis=1) > 0).astype(int).tolist()
            file.writelines(f"{','.join(row)},{label}\n" for row, label in zip(form(X), labels))


def read(name, path):
    """(processor seconds of a process, those of the reading, peak bytes) of a contender."""
    imports, reading = CONTENDERS[name]
    program = _PROGRAM.format(imports=imports, reading=reading)
    done = subprocess.run([sys.executable, "-c", program, str(path)], check=True, capture_output=True, text=True)
    return tuple(map(float, done.stdout.split()))


def measured(form, rows, rounds):
    """{contender: a list of what read gives} for a form, after a round that warms up the file cache."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        write(path, FORMS[form], rows)
        taken = {name: [] for name in CONTENDERS}
        for turn in range(rounds + 1):
            for name in CONTENDERS:
                once = read(name, path)
                if turn:
                    taken[name].append(once)
        return taken


def lines(form, taken, rows):
    """The rows of the result for a form."""
    array = 4 * rows * COLUMNS
    fastest = [min(median(each[i] for each in taken[name]) for name in CONTENDERS if name != "hw5") for i in (0, 1)]
    for name, each in taken.items():
        whole, alone, peak = zip(*each)
        yield (
            f"| {form} | {name} | {median(whole):.2f} ({median(alone):.2f}) | {min(whole):.2f} to {max(whole):.2f} "
            f"| {median(whole) / fastest[0]:.2f} ({median(alone) / fastest[1]:.2f}) | {median(peak) / array:.1f} |"
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/reading.md"))
    options = parser.parse_args()
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "pandas", "polars", "pyarrow"))
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True).stdout.strip()
    load = os.getloadavg()[0]
    text = [
        "# Reading a table",
        "",
        f"`benchmarks/reading.py --rows {options.rows} --rounds {options.rounds}`, {options.rows:,} x {COLUMNS} numbers, "
        f"on {os.cpu_count()} cores ({platform.machine()}), load average {load:.1f} before, Python "
        f"{platform.python_version()}, {packages}, hw5 at {commit}.",
        "",
        "| numbers | reader | processor seconds | range | of the fastest other | peak memory, of the float32 array |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
    ]
    for form in FORMS:
        text += lines(form, measured(form, options.rows, options.rounds), options.rows)
        print(*text[-len(CONTENDERS) :], sep="\n", flush=True)
    options.out.write_text("\n".join([*text, ""]))


if __name__ == "__main__":
    main()
