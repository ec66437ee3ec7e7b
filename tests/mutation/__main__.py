"""Plant a sample of the faults of a part of the code, one by one, and see which are found.

    python -m tests.mutation kernels --sample 200 --seed 1

The parts are those of PARTS. The kernels are judged by hw5 check kernels, all else by its tests. A fault that does not
compile, or that leaves what nobody could tell apart (EQUIVALENT, with the reasons), does not count. Prints each fault that
was not found, and at the end the share of those found.
"""

import argparse
import random
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from tests.mutation.equivalent import EQUIVALENT
from tests.mutation.faults import faults_of

ROOT = Path(__file__).parents[2]
SECONDS = 900  # for the judgement on one fault, after which it counts as found: something waits for good


class Part(NamedTuple):
    """Files, by patterns, and the tests that judge faults in them; None for hw5 check kernels."""

    files: tuple
    tests: tuple | None


PARTS = {
    "kernels": Part(("kernels/*.cu", "kernels/*.cuh"), None),
    "launches": Part(
        ("hw5/devices/kernels.py", "hw5/devices/kernel_images.py", "hw5/devices/grids.py", "hw5/devices/fused.py", "hw5/devices/recorded.py"),
        ("tests/devices", "tests/verify"),
    ),
    "mathematics": Part(("hw5/nn/*.py", "hw5/devices/cpu.py", "hw5/devices/cpu_images.py"), ("tests/nn", "tests/devices", "tests/lectures")),
    "training": Part(
        ("hw5/train/training.py", "hw5/train/order.py", "hw5/train/schedules.py", "hw5/datasets/preprocessing.py"),
        ("tests/train", "tests/datasets", "tests/nn"),
    ),
    "native": Part(("hw5/devices/native/*.h", "hw5/devices/native/*.cpp"), ("tests/devices",)),
}  # fmt: skip


def sampled(part, count, seed):
    """[(file, Fault)] of a part, at random."""
    files = sorted({file for pattern in part.files for file in ROOT.glob(pattern)})
    all_faults = [
        (file.relative_to(ROOT), fault)
        for file in files
        for fault in faults_of(file.read_text("utf-8"), file.suffix == ".py")
    ]
    return random.Random(seed).sample(all_faults, min(count, len(all_faults)))


def verdict(part, file, fault, copy):
    """ "found", "survived" or "does not compile", for a fault in a copy of the repository."""
    path = copy / file
    text = path.read_text("utf-8")
    path.write_text(fault.planted_in(text), "utf-8")
    try:
        return _by_kernels(path, copy) if part.tests is None else _by_tests(part, path, copy)
    except subprocess.TimeoutExpired:
        return "found"
    finally:
        path.write_text(text, "utf-8")


def _by_kernels(path, copy):
    """Only the files that have the fault, or include it, are checked: this takes seconds instead of a minute."""
    with tempfile.TemporaryDirectory() as folder:
        touched = _including(path.name, copy / "kernels")
        for source in (copy / "kernels").glob("*.cu*"):
            if source.suffix == ".cuh" or source.name in touched:
                shutil.copy(source, folder)
        done = _run(["-m", "tests.mutation.judge", folder], copy)
    return {0: "survived", 1: "found", 3: "does not compile"}.get(done.returncode, "found")


def _including(name, folder):
    """The names of the files that include a file, directly or not, and its own."""
    found, before = {name}, set()
    while found != before:
        before = set(found)
        for path in folder.glob("*.cu*"):
            if any(f'#include "{other}"' in path.read_text("utf-8") for other in before):
                found.add(path.name)
    return found


def _by_tests(part, path, copy):
    if path.suffix == ".py":
        try:
            compile(path.read_text("utf-8"), path.name, "exec")
        except SyntaxError:
            return "does not compile"
    done = _run(["-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *part.tests], copy)
    is_broken = path.suffix != ".py" and re.search("does not compile", done.stdout)
    return "does not compile" if is_broken else "found" if done.returncode else "survived"


def _run(arguments, copy):
    return subprocess.run([sys.executable, *arguments], cwd=copy, capture_output=True, text=True, timeout=SECONDS)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--sample", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    part, counts = PARTS[options.part], dict.fromkeys(("found", "survived", "does not compile", "equivalent"), 0)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "hw5"
        ignored = shutil.ignore_patterns(".git", ".venv", "__pycache__", ".*_cache", ".hypothesis")
        shutil.copytree(ROOT, copy, ignore=ignored)
        for file, fault in sampled(part, options.sample, options.seed):
            reason = EQUIVALENT.get((str(file), fault.old, fault.new, _line(file, fault)))
            outcome = "equivalent" if reason else verdict(part, file, fault, copy)
            counts[outcome] += 1
            if outcome == "survived":
                print(f"{file}, {fault}: {_line(file, fault)}", flush=True)
    judged = counts["found"] + counts["survived"]
    print(f"{options.part}: {counts}; found {counts['found'] / max(judged, 1):.1%} of {judged}")


def _line(file, fault):
    return (ROOT / file).read_text("utf-8").splitlines()[fault.line - 1].strip()


if __name__ == "__main__":
    main()
