"""README.md and docs/: the commands work, the links are valid, and all options are documented.

The ```sh blocks of each page of docs/ run in order in an empty directory. Comments at the start of a block may state
conditions: `# needs X` skips the block if X (a key of LACKING) is missing, and `# exit code N` is the expected exit
code. In the README, the indented lines that start with hw5 run, with the files they name; README_NEEDS lists what some
of them need, and PAGE_NEEDS what some blocks of pages need in the tests alone.
"""

import dataclasses
import importlib.util
import os
import re
import runpy
import shutil
import struct
import subprocess
import sysconfig
from typing import NamedTuple

import click
import matplotlib
import numpy as np
import pytest

from hw5.cache import cache_folder
from hw5.cli import VERBS
from hw5.compiler import find_compiler
from hw5.devices import DEVICES
from hw5.devices.activations import ACTIVATIONS
from hw5.devices.doctor import first_failure
from hw5.errors import InputError
from hw5.nn.losses import LOSSES
from hw5.train.checkpoint import Checkpoint
from hw5.train.schedules import SCHEDULES
from hw5.train.training import Progress
from hw5.verify.by_nvcc import find_nvcc
from tests import mpi
from tests.cli.helpers import hw5
from tests.pages import DOCS, ROOT, code_blocks

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "kernels" / "README.md", *DOCS]


def _has_compiler():
    try:
        find_compiler()
    except InputError:
        return False
    return True


def _has_nvcc():
    try:
        find_nvcc()
    except InputError:
        return False
    return True


# need: why blocks with this need are skipped, or None to run them
LACKING = {
    "the network": "tests go without the network",
    "a clone": "it writes into the clone",
    "minutes": "it would take them",
    "to grade hw5's own kernels": "tests/cli/test_check.py grades them by the commands of docs/kernels.md",
    "to check all gradients": "tests/verify/test_gradient_check.py checks them",
    "to profile all kernels": "docs/profile.md profiles them",
    "mnist": "MNIST is not part of hw5",
    "a C++ compiler": None if _has_compiler() else "there is no C++ compiler",
    "nvcc": None if _has_nvcc() else "nvcc is not installed",
    "optuna": None if importlib.util.find_spec("optuna") else "Optuna is not installed",
    "MPI": mpi.why_not(),
    "onnx": None if importlib.util.find_spec("onnx") else "onnx is not installed",
    "a GPU": "there is no GPU" if first_failure("cuda") else None,
    "a GPU and a clone": "it writes into the clone",
    "a clone and PyCUDA": "it writes into the clone",
}
README_NEEDS = {
    "hw5 data fetch": "the network",
    "--data mnist": "mnist",
    "hw5 bench": "minutes",
    "hw5 tour": "minutes",
    "--format onnx": "onnx",
    "hw5 tune": "optuna",
    "--device emulator": "a C++ compiler",
    "hw5 emulate": "a C++ compiler",
    "hw5 profile kernels": "to profile all kernels",
    "hw5 check kernels": "to grade hw5's own kernels",
    "hw5 check gradients": "to check all gradients",
}
PAGE_NEEDS = {"hw5 check kernels --kernels mine": "to grade hw5's own kernels"}


class Block(NamedTuple):
    """Commands of a page, what they need (or None), and their exit code."""

    page: str
    commands: str
    need: str | None
    code: int

    @property
    def reason(self):
        """Why the block is skipped, or None."""
        return self.need and LACKING[self.need]


def blocks(page):
    """The ```sh blocks of a page."""
    for text in code_blocks(page, "sh"):
        says = dict(re.findall("# (needs|exit code) (.+)\n", re.match(r"(?:# .*\n)*", text)[0]))
        need = next((need for part, need in PAGE_NEEDS.items() if part in text), says.get("needs"))
        yield Block(page.name, text, need, int(says.get("exit code", 0)))


def readme_blocks():
    """A block for each indented command of the README, without its description."""
    for command in re.findall(r"^    (hw5 .+?)(?:  .*)?$", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE):
        need = next((need for part, need in README_NEEDS.items() if part in command), None)
        yield Block("README.md", command, need, 0)


BLOCKS = [*readme_blocks(), *(block for page in DOCS for block in blocks(page))]
LEFT_OUT = [block for block in BLOCKS if block.reason]
BY_PAGE = {}
for _block in BLOCKS:
    if not _block.reason:
        BY_PAGE.setdefault(_block.page, []).append(_block)


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """The environment of a new installation, except for what takes long to make.

    These are compiled libraries, and a list of fonts.
    """
    home = tmp_path_factory.mktemp("home")
    mine = {name: value for name, value in os.environ.items() if not name.startswith(("HW5_", "XDG_", "PYTHON"))}
    path = f"{sysconfig.get_path('scripts')}{os.pathsep}{os.environ['PATH']}"
    return mine | {
        "PATH": path,
        "HOME": str(home),
        "XDG_CACHE_HOME": str(home / "cache"),
        "HW5_CACHE": str(cache_folder()),
        "MPLCONFIGDIR": matplotlib.get_cachedir(),
    }


def run(block, folder, environment):
    """Run a block, and check that it wrote the files that it names."""
    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", block.commands],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == block.code, f"{block.page}:\n{block.commands}\n{done.stdout[-2000:]}{done.stderr}"
    assert "Traceback" not in done.stderr, done.stderr
    written = re.findall(r"(?:--out|--plot|--log|--tensorboard|>) ([\w./-]+)", block.commands)
    written += re.findall(r"^saved ([\w./-]+\w)", done.stdout, re.MULTILINE)
    assert not [name for name in written if not (folder / name).exists()], block.commands


@pytest.mark.slow
@pytest.mark.parametrize("page", BY_PAGE)
def test_the_commands_of_a_page_work_in_order(page, tmp_path, environment):
    if page == "README.md":
        put_what_the_readme_names(tmp_path, environment)
    for block in BY_PAGE[page]:
        run(block, tmp_path, environment)
    for name in pictures(ROOT / "docs" / page) if page != "README.md" else ():
        if "/" not in name:
            assert (tmp_path / name).is_file(), f"no command of {page} draws {name}"
            assert size_of_png(tmp_path / name) == size_of_png(ROOT / "docs" / name)


def put_what_the_readme_names(folder, environment):
    """Create the tables, photo, model and kernels that the README names."""
    rng = np.random.default_rng(0)
    for name, n in (("flowers.csv", 60), ("more-flowers.csv", 20), ("new.csv", 5)):
        rows = [f"{x:.2f},{y:.2f},{'rose' if x > y else 'tulip'}" for x, y in rng.uniform(1, 6, (n, 2))]
        (folder / name).write_text("\n".join(["height,width,species", *rows]) + "\n")
    prices = [f"{size:.0f},{1000 * size:.0f}" for size in rng.uniform(50, 200, 40)]
    (folder / "houses.csv").write_text("\n".join(["size,price", *prices]) + "\n")
    films = [",".join(map(str, [size, *labels])) for size, labels in zip(range(40), rng.integers(0, 2, (40, 3)))]
    (folder / "films.csv").write_text("\n".join(["minutes,funny,sad,long", *films]) + "\n")
    (folder / "total.cu").write_text("__global__ void total(int *x) { atomicAdd(x, (int)threadIdx.x); }\n")
    shutil.copytree(ROOT / "kernels", folder / "my-solution")
    draw = "from PIL import Image; Image.linear_gradient('L').save('photo.png')"
    run(Block("photo", f'python3 -c "{draw}"; hw5 train --epochs 1 --out model.npz', None, 0), folder, environment)


@pytest.mark.parametrize("block", LEFT_OUT, ids=[f"{block.page}-{block.need}" for block in LEFT_OUT])
def test_left_out(block):
    pytest.skip(f"{block.reason}: {' '.join(block.commands.split())}")


def pictures(page):
    return re.findall(r"!\[[^\]]+\]\(([^)]+\.png)\)", page.read_text("utf-8"))


def size_of_png(path):
    head = path.read_bytes()[:24]
    assert head.startswith(b"\x89PNG")
    return struct.unpack(">II", head[16:])


def test_every_picture_is_small_and_shown():
    shown = {os.path.normpath(page.parent / name) for page in PAGES for name in pictures(page)}
    drawn = {str(path) for path in (ROOT / "docs").rglob("*.png")}
    assert drawn <= shown
    assert all(os.path.getsize(path) < 150_000 for path in drawn)


def anchors(page):
    """GitHub's anchors of a page's headings: lower case, without punctuation, hyphens for spaces."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_every_link_leads_to_a_file_and_a_heading(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        if not re.match("https?:", target):
            file, _, heading = target.partition("#")
            path = page.parent / file if file else page
            assert path.exists(), target
            assert not heading or heading in anchors(path), target


def verbs(command, path="hw5"):
    """(name, click command) of a command and its subcommands."""
    yield path, command
    for name, each in getattr(command, "commands", {}).items():
        yield from verbs(each, f"{path} {name}")


ALL_VERBS = [
    pair for name in VERBS for pair in verbs(importlib.import_module(f"hw5.cli.{name}").command, f"hw5 {name}")
]


@pytest.mark.parametrize("name, command", ALL_VERBS, ids=[name for name, _ in ALL_VERBS])
def test_help_describes_every_option(name, command):
    text = hw5(*name.split()[1:], "--help").stdout
    for option in command.params:
        if isinstance(option, click.Option):
            assert option.help and len(option.help) > 5, option.name
            assert all(re.search(rf"(?<![\w-]){re.escape(flag)}(?![\w-])", text) for flag in option.opts), option.name


def test_every_option_of_every_verb_is_on_a_page():
    text = "\n".join(page.read_text("utf-8") for page in PAGES)
    options = {flag for _, verb in ALL_VERBS for option in verb.params for flag in option.opts if flag.startswith("--")}
    assert not [flag for flag in sorted(options) if not re.search(rf"(?<![\w-]){flag}(?![\w-])", text)]


def first_column(page, head):
    """The code words in the first column of the table with this head."""
    text = (ROOT / "docs" / page).read_text("utf-8")
    table = text[text.index(head) :].partition("\n\n")[0]
    return [word for row in table.splitlines()[2:] for word in re.findall(r"`([^`]+)`", row.split(" | ")[0])]


def test_the_tables_are_complete():
    assert first_column("models.md", "| name | θ(z)") == list(ACTIVATIONS)
    for page, rewritten in runpy.run_path(str(ROOT / "docs" / "tables.py"))["PAGES"].items():
        written = (ROOT / "docs" / page).read_text("utf-8")
        assert rewritten(written) == written, "run python docs/tables.py"
    assert first_column("models.md", "| `--loss` |") == list(LOSSES)
    assert sorted(first_column("models.md", "| `--lr-schedule` |")) == sorted(SCHEDULES)
    assert sorted(first_column("devices.md", "| `--device` |")) == sorted(DEVICES)
    fields = {field.name for field in dataclasses.fields(Progress)} | {"examples_per_second"}
    assert set(first_column("checkpoints.md", "| field |")) == fields


def test_the_tables_list_the_contents_of_a_checkpoint():
    """Together, the golden checkpoints have all arrays."""
    arrays = set(first_column("checkpoints.md", "| array |"))
    description = set(first_column("checkpoints.md", "| entry of"))
    golden = list((ROOT / "tests" / "train" / "golden").glob("*.npz"))
    held = set().union(*(np.load(path).files for path in golden))
    assert {name for name in held if not name[-1].isdigit() or name[-1] == "1"} <= arrays
    assert {name for name in arrays if not name.endswith("2")} <= held
    model = Checkpoint.load(ROOT / "tests" / "train" / "golden" / "table-format-2.npz")
    unusual = {"arithmetic": "NumPy", "label_type": "str", "target_names": ("a", "b")}
    entries = set(dataclasses.replace(model, **unusual)._description()) | {"checksum"}
    assert entries == description
