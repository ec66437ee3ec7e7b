"""CONTRIBUTING.md: its three lines do add an activation, to a copy of this tree."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hw5.compiler import find_compiler
from hw5.errors import InputError

ROOT = Path(__file__).parents[1]
BEFORE = {  # each line goes in before the line that starts like this, or at the end
    "hw5/devices/activations.py": '    "maxout": Formula(',
    "kernels/activation.cu": None,
    "tests/devices/test_activations.py": '    "maxout": lambda',
}
PLACES = {"hw5": "hw5", "cli": "hw5/cli", "data": "hw5/data", "kernels": "hw5/kernels", "tests": "tests"}


def lines():
    """{file: line} of the section on activations."""
    section = (ROOT / "CONTRIBUTING.md").read_text("utf-8").split("\n## ")[2]
    return dict(re.findall(r"^In \[`(.+?)`\][^\n]*\n\n```\w+\n(.+?\n)```$", section, re.MULTILINE | re.DOTALL))


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A copy of hw5 and its tests with the lines in their places; the packages lie where an installation puts them."""
    root = tmp_path_factory.mktemp("tree")
    unwanted = shutil.ignore_patterns("__pycache__", Path(__file__).name, "test_docs.py")  # no pages are copied
    for folder, place in PLACES.items():
        shutil.copytree(ROOT / folder, root / place, ignore=unwanted)
    shutil.copy(ROOT / "pyproject.toml", root)
    for file, line in lines().items():
        path = root / (f"hw5/{file}" if file.startswith("kernels/") else file)
        head, mark, tail = path.read_text("utf-8").partition(BEFORE[file] or "\0")
        path.write_text(head + line + mark + tail, "utf-8")
    return root


def python(tree, *arguments):
    environment = os.environ | {"PYTHONPATH": str(tree)}
    return subprocess.run([sys.executable, *arguments], cwd=tree, env=environment, capture_output=True, text=True)


def test_a_line_for_each_place():
    assert lines().keys() == BEFORE.keys()
    assert all(line.count("\n") == 1 and len(line) <= 121 for line in lines().values())


def test_the_tests_of_the_copy_try_the_new_activation(tree):
    tests = python(tree, "-m", "pytest", "-k", "hardtanh or has_its_graph", "-p", "no:cacheprovider", "-vv")
    assert tests.returncode == 0, tests.stdout
    passed = {tuple(test.split("::")) for test in re.findall(r"^tests/(\S+?)\[.+\] PASSED", tests.stdout, re.MULTILINE)}
    assert passed >= {
        ("test_activations.py", "test_the_formulas_are_those_of_the_graph"),
        ("test_autodiff.py", "test_the_gradient_of_the_network"),
        ("test_gradients.py", "test_a_wrong_derivative_is_seen_in_the_layers_below_it"),
        ("test_training.py", "test_a_step_allocates_nothing"),
        ("devices/test_operations.py", "test_operation_agrees_with_float64"),
    }


def test_the_program_of_the_copy_trains_and_checks_it(tree):
    trained = python(tree, "-m", "hw5.cli", "train", "--activation", "hardtanh", "--epochs", "2", "--out", "model.npz")
    assert trained.returncode == 0, trained.stderr
    assert "mlp 64-128-10 hardtanh" in trained.stdout
    assert python(tree, "-m", "hw5.cli", "eval", "model.npz").returncode == 0
    gradients = json.loads(python(tree, "-m", "hw5.cli", "check", "gradients", "--json").stdout)
    assert {report["loss"] for report in gradients if report["activation"] == "hardtanh"} == {
        "cross-entropy",
        "binary-cross-entropy",
        "squared",
    }
    assert all(report["worst"] < report["tolerance"] for report in gradients)


def test_its_kernels_are_right(tree):
    try:
        find_compiler()
    except InputError as error:
        pytest.skip(str(error))
    script = """if True:
        from hw5.verify import grading as check
        check.CONTRACTS = [contract for contract in check.CONTRACTS if "hardtanh" in contract.kernel]
        print({report.kernel: report.verdict for report in check.check_kernels()})
    """
    verdicts = python(tree, "-c", script).stdout
    assert verdicts == "{'hardtanh_forward': 'right', 'hardtanh_gradient': 'right'}\n"
