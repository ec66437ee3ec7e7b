"""hw5 tour"""

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np

from hw5.cli.display import is_terminal, say
from hw5.compiler import find_compiler
from hw5.datasets.fetch import find_downloaded
from hw5.errors import InputError, Interrupted, RunError
from hw5.files import require_writable

_WIDTH = 100  # of the text
_KERNEL = """\
__global__ void total(const float *x, float *sums, int n) {
    __shared__ float part[256];
    int t = threadIdx.x, i = blockIdx.x * blockDim.x + t;
    part[t] = i < n ? x[i] : 0;
    for (int by = blockDim.x / 2; by; by /= 2) {
        __syncthreads();
        if (t < by) part[t] += part[t + by];
    }
    if (t == 1) sums[blockIdx.x] = part[0];
}
"""
_SEVEN = """
. # # # # # . .
. # # # # # # .
. . . . . # # .
. . . . # # . .
. . . # # . . .
. . . # # . . .
. . # # . . . .
. . # # . . . .
"""


class Step(NamedTuple):
    """A part of the tour: what it shows, and the commands, which run in the folder of the tour.

    code: the exit code of the last command. needs(): why it cannot run on this machine, or None.
    """

    title: str
    text: str
    commands: tuple[str, ...]
    code: int = 0
    needs: object = lambda: None


def _no_compiler():
    try:
        find_compiler()
    except InputError as error:
        return str(error)
    return None


def _no_mnist():
    is_here = find_downloaded("mnist", None)
    return None if is_here else "MNIST is not here: hw5 data fetch mnist (12 MB), then this step again"


STEPS = (
    Step(
        "One line cannot learn XOR",
        "A linear classifier separates the plane by one line; at most three of the four corners of XOR are right.",
        (
            "hw5 train --data xor --model linear --epochs 20 --out xor-linear.npz",
            "hw5 plot xor-linear.npz --what regions",
        ),
    ),
    Step(
        "Two layers can learn it",
        "Eight hidden units bend the line. Three perceptrons are enough, too: XOR is AND of OR and NAND.",
        (
            "hw5 train --data xor --hidden 8 --epochs 50 --out xor-mlp.npz",
            "hw5 plot xor-mlp.npz --what regions",
            "hw5 lecture xor --out xor-gates.png",
        ),
    ),
    Step(
        "Find a race in a CUDA kernel, without a GPU",
        "total.cu adds up the elements of each block. Thread 0 computes the sum, but thread 1 stores it, without a "
        "barrier between. On a GPU, the result is often right. The emulator reports the race, and exits with code 1.",
        ("hw5 emulate total.cu --kernel total --grid 4 --block 256 --args random:1000,zeros:4,1000",),
        code=1,
        needs=_no_compiler,
    ),
    Step(
        "Draw a digit",
        "A small convolutional network learns 8 x 8 digits, reads the one in seven.npy, and moves to a page to draw "
        "on: open digits.html in a browser.",
        (
            "hw5 train --hidden conv:8x3+1,pool:2,32 --epochs 20 --out digits.npz",
            "hw5 predict digits.npz seven.npy --top 3",
            "hw5 export digits.npz --out digits.html",
            "hw5 lecture adversarial digits.npz --out adversarial.png",
        ),
    ),
    Step(
        "What a convolutional network sees",
        "The filters of its first layer, and the feature maps of a digit.",
        ("hw5 plot digits.npz --what weights,maps --out filters.png",),
    ),
    Step(
        "LeNet",
        "The same for LeNet-5 (LeCun et al. 1998) after two epochs of MNIST. Then open lenet.html, and draw.",
        (
            "hw5 train --model lenet --data mnist --epochs 2 --out lenet.npz",
            "hw5 plot lenet.npz --what weights,maps --out lenet.png",
            "hw5 export lenet.npz --out lenet.html",
        ),
        needs=_no_mnist,
    ),
)


@click.command("tour")
@click.option(
    "--out", type=click.Path(file_okay=False), default="hw5-tour", show_default=True, help="Directory to work in."
)
@click.option("--step", type=click.IntRange(1, len(STEPS)), help="Run only this step, from 1.  [default: all]")
def command(out, step):
    """See what hw5 does, in ten minutes: XOR, a race in a kernel, a page to draw digits on, and LeNet's filters.

    The tour prints each command before it runs it in the directory of the tour. In a terminal, press Enter to continue.

    \b
    hw5 tour --step 3
    """
    folder = Path(out)
    require_writable(folder / "total.cu", "--out")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "total.cu").write_text(_KERNEL)
    np.save(folder / "seven.npy", _seven())
    chosen = range(1, len(STEPS) + 1) if step is None else (step,)
    for number in chosen:
        if number != chosen[0]:
            _wait()
        _show(number, folder)
    say(f"\nThe plots and pages are in {out}.")


def _seven():
    """The digit as an image (1, 8, 8), 0 .. 16 as in the bundled digits."""
    rows = _SEVEN.split("\n")[1:-1]
    return np.array([[[16.0 if mark == "#" else 0.0 for mark in row.split()] for row in rows]], np.float32)


def _seven_as_text():
    return "".join({".": "  ", "#": "##"}.get(mark, mark) for mark in _SEVEN.replace(" ", "")).strip("\n") + "\n"


def _show(number, folder):
    step = STEPS[number - 1]
    say(f"\n{number} of {len(STEPS)}. {step.title}\n\n{textwrap.fill(step.text, _WIDTH)}\n")
    if reason := step.needs():
        return say(f"left out: {reason}")
    for shown in ("total.cu", "seven.npy"):
        if any(shown in command for command in step.commands):
            say(_KERNEL if shown == "total.cu" else _seven_as_text())
    for command in step.commands:
        say(f"$ {command}")
        _run(command, folder, step.code if command == step.commands[-1] else 0)


def _run(command, folder, code):
    """Run a command of hw5. Raises RunError if it exits with another code."""
    sys.stdout.flush()
    arguments, data = command.split()[1:], os.environ.get("HW5_DATA")
    environment = os.environ | ({"HW5_DATA": os.path.abspath(data)} if data else {})
    try:
        done = subprocess.run([sys.executable, "-m", "hw5", *arguments], cwd=folder, env=environment)
    except KeyboardInterrupt:
        raise Interrupted(f"interrupted; hw5 tour --out {folder} begins again", 2) from None
    if done.returncode != code:
        raise RunError(f"{command}: exit code {done.returncode} instead of {code}; see above")


def _wait():
    """Wait for Enter, if there is somebody who can press it."""
    if is_terminal(sys.stdin) and is_terminal(sys.stdout):
        click.prompt("\nEnter continues", default="", show_default=False, prompt_suffix=" ")
