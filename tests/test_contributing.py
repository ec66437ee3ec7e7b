"""CONTRIBUTING.md: its lines add an activation to a copy of this repository."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hw5.compiler import find_compiler
from hw5.errors import InputError
from tests.environment import python_path

ROOT = Path(__file__).parents[1]
BEFORE = {  # the lines are inserted before the one that starts like this, or at the end
    "hw5/devices/activations.py": '    "maxout": Formula(',
    "kernels/activations.cuh": None,
    "tests/devices/test_activations.py": '    "maxout": lambda',
}


def lines():
    """{file: lines} of the section on activations."""
    section = (ROOT / "CONTRIBUTING.md").read_text("utf-8").split("\n## ")[2]
    return dict(re.findall(r"^In \[`(.+?)`\].+?\n\n```\w+\n(.+?\n)```$", section, re.MULTILINE | re.DOTALL))


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A copy of the repository with the lines inserted; its packages are found as in an installation."""
    root = tmp_path_factory.mktemp("copy") / "hw5"
    unwanted = shutil.ignore_patterns(".*", "*.egg-info", "__pycache__", "runs", "build", "dist")
    shutil.copytree(ROOT, root, ignore=unwanted)
    for package in ("cli", "data", "kernels"):
        (root / "hw5" / package).symlink_to(root / package)
    for file, text in lines().items():
        path = root / file
        head, mark, tail = path.read_text("utf-8").partition(BEFORE[file] or "\0")
        if text not in head + mark + tail:  # as where somebody has followed the page
            path.write_text(head + text + mark + tail, "utf-8")
    python(root, "docs/tables.py")
    return root


def python(tree, *arguments):
    """Standard output of a program that runs in the copy."""
    environment = os.environ | {"PYTHONPATH": python_path(tree)}
    done = subprocess.run([sys.executable, *arguments], cwd=tree, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def hw5(tree, *arguments):
    return python(tree, "-m", "hw5.cli", *map(str, arguments))


def has_compiler():
    try:
        return bool(find_compiler())
    except InputError:
        return False


def test_a_place_for_each_block_of_lines():
    assert lines().keys() == BEFORE.keys()
    assert all(len(line) <= 120 for text in lines().values() for line in text.splitlines())


@pytest.mark.slow
def test_the_tests_of_the_copy_test_the_new_activation(tree):
    files = [file for file in (ROOT / "tests").rglob("test_*.py") if "contributing" not in file.name]
    chosen = [
        file for file in files if re.search("ACTIVATIONS|FORMULAS|ELEMENTWISE|CONTRACTS", file.read_text("utf-8"))
    ]
    words = "hardtanh or has_its_graph or tables or at_zero or every or all_layers"
    options = ("-k", words, "-p", "no:cacheprovider", "-p", "no:xdist", "-vv")
    output = python(tree, "-m", "pytest", *options, *(str(file.relative_to(ROOT)) for file in chosen))
    passed = {tuple(test.split("::")) for test in re.findall(r"^tests/(\S+?)\[.+\] PASSED", output, re.MULTILINE)}
    assert passed >= {
        ("devices/test_activations.py", "test_the_formulas_are_those_of_the_graph"),
        ("nn/test_autodiff.py", "test_the_gradient_of_the_network"),
        ("verify/test_gradient_check.py", "test_a_wrong_derivative_is_detected_in_the_layers_below_it"),
        ("train/test_training.py", "test_a_step_allocates_nothing"),
        ("devices/test_operations.py", "test_operation_agrees_with_float64"),
    }
    assert not has_compiler() or ("devices/test_native.py", "test_steps_agree_with_numpy") in passed


def test_the_program_of_the_copy_trains_checks_and_exports_it(tree, tmp_path):
    model, exported = tmp_path / "model.npz", tmp_path / "model.onnx"
    trained = hw5(tree, "train", "--activation", "hardtanh", "--epochs", 2, "--device", "cpu", "--out", model)
    how = r"compiled step, .*threads?" if has_compiler() else "NumPy: .+"
    assert re.search(rf"^mlp 64-128-10 hardtanh, .*, on cpu \({how}\)$", trained, re.MULTILINE), trained
    hw5(tree, "eval", model)
    gradients = json.loads(hw5(tree, "check", "gradients", "--json"))
    assert {report["loss"] for report in gradients if report["activation"] == "hardtanh"} == {
        "cross-entropy",
        "binary-cross-entropy",
        "squared",
    }
    assert all(report["worst"] < report["tolerance"] for report in gradients)
    onnxruntime = pytest.importorskip("onnxruntime")
    hw5(tree, "export", model, "--format", "onnx", "--out", exported)
    W1, b1, W2, b2, mean, scale = map(np.load(model).get, ("W1", "b1", "W2", "b2", "mean", "scale"))
    X = np.random.default_rng(0).integers(0, 17, (5, 64)).astype(np.float32)
    z = np.clip((X - mean) * scale @ W1.T + b1, -1, 1) @ W2.T + b2
    P = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    (found,) = onnxruntime.InferenceSession(exported).run(["probabilities"], {"X": X})
    np.testing.assert_allclose(found, P, atol=1e-5)  # float32, some hundred terms of order 1


def test_its_kernels_are_right(tree):
    if not has_compiler():
        pytest.skip("no C++ compiler")
    script = """if True:
        from hw5.verify import grading
        grading.CONTRACTS = [contract for contract in grading.CONTRACTS if "hardtanh" in contract.kernel]
        print({report.kernel: report.verdict for report in grading.check_kernels()})
    """
    assert python(tree, "-c", script) == "{'hardtanh_forward': 'right', 'hardtanh_gradient': 'right'}\n"
