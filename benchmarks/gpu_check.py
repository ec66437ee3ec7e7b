"""Run what needs a GPU, in stages: make gpu-check

    python benchmarks/gpu_check.py [--results FOLDER] [STAGE[+STAGE ...] ...]

STAGE is the name of a stage or of one of its steps. The steps of check+sanitize+tests run at the same time, which is
quicker, but not for steps that measure time. By default, all stages run in this order, step by step:

    install     hw5 and what it needs for a GPU, from the wheels that benchmarks/wheels.py built, if they are there
    check       hw5 doctor, the first run, training (in both precisions, and of convolutions), and the tests of the
                operations
    training    benchmarks/gpu_training.py, one step for each model
    sanitize    memcheck, racecheck and synccheck of NVIDIA's compute-sanitizer
    tests       all tests
    kernels     hw5 bench kernels
    profile     the kernels of a training step, by NVIDIA's ncu

Each step is a separate program with a time limit; the others run whatever becomes of it. Its output is written to
gpu_check/STEP.txt in FOLDER (benchmarks/results) while it runs, and to the terminal if it runs alone. Its outcome, with
GPU, versions and commit, is appended to gpu_check.jsonl there. Nothing but install needs the network, and that only
without wheels. Where there is no git, HW5_COMMIT names the commit. The exit code is 1 if a step failed.
"""

import argparse
import asyncio
import importlib.metadata
import importlib.util
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

HERE = Path(__file__).parent
ROOT, WHEELS = HERE.parent, HERE.parent / "wheels"
PYTHON = sys.executable
HW5 = (PYTHON, "-m", "hw5.cli")
TRAIN = (*HW5, "train", "--device", "cuda", "--epochs", "5")
PYTEST = (PYTHON, "-m", "pytest", "-p", "no:cacheprovider")
# hw5's own kernels, without those of cuBLAS, which take minutes
OPERATIONS = (*PYTEST, "tests/devices/test_operations.py", "-k", "cuda and operation_agrees")
PIP = (PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--editable", ".[cuda]")
IN_PARALLEL = ("-n", "auto", "--dist", "worksteal") if importlib.util.find_spec("xdist") else ()
NCU = (
    *("ncu", "--clock-control=none", "--cache-control=none"),  # as in training
    *("--graph-profiling=node", "--launch-skip=200", "--launch-count=24"),
    "--metrics=gpu__time_duration.sum,launch__grid_size,launch__block_size,launch__registers_per_thread",
)
# Bytecode is kept: the tests start hundreds of programs
ENVIRONMENT = {"PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": ""}
SECONDS_TO_STOP = 15  # between Ctrl-C, at which pytest lists the failures so far, and the end


class Step(NamedTuple):
    """A command, the seconds that it may take, and environment variables."""

    seconds: int
    command: tuple[str, ...]
    environment: dict = {}


def install():
    """Without the network if there are wheels. If their requirements are not all met, they are installed anyway."""
    if not WHEELS.is_dir():
        return PIP
    packages = sorted({wheel.name.partition("-")[0] for wheel in WHEELS.glob("*.whl")})
    offline = shlex.join((*PIP, "--no-index", "--find-links", str(WHEELS), "--no-build-isolation", *packages))
    return ("sh", "-c", f"{offline} || {offline} --no-deps")


def training(model):
    return Step(550, (PYTHON, str(HERE / "gpu_training.py"), "--models", model))


def sanitizer(seconds, tool, *options, **environment):
    tool = ("compute-sanitizer", f"--tool={tool}", "--report-api-errors=no", "--error-exitcode=9", *options)
    return Step(seconds, (*tool, *OPERATIONS), environment)


STAGES = {
    "install": {"install": Step(300, install())},
    "check": {
        "doctor": Step(60, (*HW5, "doctor")),
        "first-run": Step(150, (PYTHON, "-m", "tests.devices.cuda.first_run")),
        "train": Step(60, TRAIN),
        "train-tf32": Step(60, (*TRAIN, "--precision", "tf32", "--hidden", "64,32", "--momentum", "0.9")),
        "train-images": Step(60, (*TRAIN, "--hidden", "conv:6x3+1,pool:2,conv:16x3,dropout:0.2,120,84")),
        "operations": Step(200, (*PYTEST, "tests/devices", "-k", "cuda")),
    },
    "training": {f"training-{model}": training(model) for model in ("128", "linear", "1024")},
    "sanitize": {
        # Allocations of the exact size, with room between them, show an overrun by one float
        "memcheck": sanitizer(250, "memcheck", "--padding=512", HW5_EXACT_MEMORY="1"),
        "racecheck": sanitizer(300, "racecheck"),
        "synccheck": sanitizer(150, "synccheck"),
    },
    "tests": {"tests": Step(580, (*PYTEST, "-vv", "--tb=short", "--durations=15", *IN_PARALLEL))},
    "kernels": {"kernels": Step(300, (*HW5, "bench", "kernels", "--device", "cuda"))},
    "profile": {"profile": Step(120, (*NCU, *TRAIN))},
}
STEPS = {name: step for steps in STAGES.values() for name, step in steps.items()}


def why_skipped(name, step):
    """Why a step is not run, or None."""
    if shutil.which(step.command[0]) is None:
        return f"{step.command[0]} is not installed"
    if name == "install" and all(map(version, ("hw5", "pycuda", "scikit-cuda"))):
        return "hw5, PyCUDA and scikit-cuda are installed"
    return None


def version(package):
    with suppress(importlib.metadata.PackageNotFoundError):
        return importlib.metadata.version(package)


async def run(name, step, results, alone):
    """Run a step; record and return its outcome and duration."""
    path = results / "gpu_check" / f"{name}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    if reason := why_skipped(name, step):
        result = {"outcome": f"skipped: {reason}"}
    else:
        with path.open("wb", buffering=0) as file:
            result = await outcome(step, [file, sys.stdout.buffer] if alone else [file])
    record(name, result, results)
    print(f"== {name}: {result['outcome']}", flush=True)
    return result


async def outcome(step, streams):
    """Run a step, whose output goes to the streams. What it leaves running is killed, and all of it at an exception."""
    began, environment = perf_counter(), os.environ | ENVIRONMENT | step.environment
    how = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "start_new_session": True}
    process = await asyncio.create_subprocess_exec(*step.command, cwd=ROOT, env=environment, **how)
    limit = asyncio.create_task(time_limit(process, step.seconds))
    try:
        while some := await process.stdout.read(1 << 16):
            for stream in streams:
                stream.write(some)
                stream.flush()
        code = await process.wait()
    finally:
        limit.cancel()
        send(process, signal.SIGKILL)
        await process.wait()
    seconds = perf_counter() - began
    failure = f"failed with code {code}" if seconds < step.seconds else f"failed: stopped after {step.seconds} s"
    return {"outcome": failure if code else "succeeded", "seconds": round(seconds, 1)}


async def time_limit(process, seconds):
    """Interrupt a process and its children after some seconds, and kill them soon after that."""
    await asyncio.sleep(seconds)
    send(process, signal.SIGINT)
    await asyncio.sleep(SECONDS_TO_STOP)
    send(process, signal.SIGKILL)


def send(process, number):
    """Send a signal to a process and its children."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def record(name, result, results):
    """Append the result of a step, with as much as can be found out about the machine."""
    header = {}
    with suppress(Exception):  # not even that hw5 is not installed is a reason to lose a result
        from gpu_training import gpu, provenance

        header = provenance() | {"gpu": gpu()}
    results.mkdir(parents=True, exist_ok=True)
    with (results / "gpu_check.jsonl").open("a") as file:
        file.write(json.dumps(header | {"step": name} | result) + "\n")


def chosen(names):
    """The names of steps in groups, which run at the same time where + joins names; without names, all steps."""
    for name in names or STAGES:
        steps = [step for stage in name.split("+") for step in STAGES.get(stage, [stage])]
        yield from [steps] if "+" in name else [[step] for step in steps]


async def run_all(groups, results):
    """Run groups of steps; return {name: result}."""
    outcomes = {}
    for names in groups:
        for name in names:
            print(f"== {name}: {shlex.join(STEPS[name].command)}", flush=True)
        runs = [run(name, STEPS[name], results, alone=len(names) == 1) for name in names]
        outcomes |= zip(names, await asyncio.gather(*runs))
    return outcomes


def main():
    parser = argparse.ArgumentParser(description="Run what needs a GPU, in stages.")
    parser.add_argument("stages", metavar="STAGE[+STAGE ...]", nargs="*", help=f"{', '.join(STAGES)}, or a step of one")
    parser.add_argument("--results", metavar="FOLDER", type=Path, default=HERE / "results")
    options = parser.parse_args()
    for name in (name for group in options.stages for name in group.split("+")):
        if name not in STAGES and name not in STEPS:
            parser.error(f"there is no stage or step {name!r}; choose from {', '.join({**STAGES, **STEPS})}")
    outcomes = asyncio.run(run_all(chosen(options.stages), options.results))
    print("\n".join(f"{name:16} {its.get('seconds', ''):>6} {its['outcome']}" for name, its in outcomes.items()))
    sys.exit(any(its["outcome"].startswith("failed") for its in outcomes.values()))


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
