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
ACTIVATION = {  # each block of lines is inserted before the line that starts like this, or at the end
    "hw5/devices/activations.py": '    "maxout": Formula(',
    "kernels/activations.cuh": None,
    "tests/devices/test_activations.py": '    "maxout": lambda',
}
LAYER = [  # likewise, in the order of the page; None for a new file
    ("hw5/nn/scale.py", None),
    ("hw5/nn/hidden.py", "from hw5.text"),
    ("hw5/nn/hidden.py", ")\n_KINDS"),
    ("hw5/devices/base.py", "    @abstractmethod\n    def dropout("),
    ("hw5/devices/cpu_images.py", "    def dropout("),
    ("kernels/scale.cu", None),
    ("hw5/devices/kernel_images.py", "    def dropout("),
    ("hw5/devices/native/scale.h", None),
    ("hw5/devices/native/job.h", "};\nstruct ImageLayer"),
    ("hw5/devices/native/job.py", ")\n_NUMBERS"),
    ("hw5/devices/native/job.py", '    "dropout": lambda layer: ('),
    ("hw5/devices/native/images.cpp", '#include "team.h"'),
    ("hw5/devices/native/images.cpp", "        case DROPOUT:"),
    ("hw5/verify/contracts.py", "def dropout("),
    ("hw5/verify/contracts.py", '    Contract("dropout"'),
    ("hw5/verify/bench.py", '    "dropout": (lambda'),
    ("hw5/export/onnx.py", '    "dropout": lambda graph'),
    ("tests/nn/test_image_layers.py", '    "with dropout twice"'),
    ("tests/devices/test_native_images.py", '    "dropout alone"'),
]


def blocks(title):
    """The blocks of lines of a section."""
    sections = (ROOT / "CONTRIBUTING.md").read_text("utf-8").split("\n## ")
    (section,) = (section for section in sections if section.startswith(title))
    return re.findall(r"^```\w+\n(.+?\n)```$", section, re.MULTILINE | re.DOTALL)


def places():
    """(file, what the lines are inserted before, lines) of all blocks of both sections."""
    of_activation = zip(ACTIVATION.items(), blocks("Adding an activation\n"), strict=True)
    of_layer = zip(LAYER, blocks("Adding a kind of layer\n"), strict=True)
    return [(file, mark, text) for (file, mark), text in (*of_activation, *of_layer)]


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A copy of the repository with the lines inserted; its packages are found as in an installation."""
    root = tmp_path_factory.mktemp("copy") / "hw5"
    unwanted = shutil.ignore_patterns(".*", "*.egg-info", "__pycache__", "runs", "build", "dist")
    shutil.copytree(ROOT, root, ignore=unwanted)
    for package in ("cli", "data", "kernels"):
        (root / "hw5" / package).symlink_to(root / package)
    for file, mark, text in places():
        path = root / file
        before = path.read_text("utf-8") if path.exists() else ""
        head, mark, tail = before.partition(mark or "\0")
        if text not in before:  # as where somebody has followed the page
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
    for file, mark, text in places():
        assert all(len(line) <= 120 for line in text.splitlines()), text
        assert mark is None or (ROOT / file).read_text("utf-8").count(mark) == 1, (file, mark)


@pytest.mark.slow
def test_the_tests_of_the_copy_test_the_new_activation(tree):
    files = [file for file in (ROOT / "tests").rglob("test_*.py") if "contributing" not in file.name]
    chosen = [
        file for file in files if re.search("ACTIVATIONS|FORMULAS|ELEMENTWISE|CONTRACTS", file.read_text("utf-8"))
    ]
    words = "hardtanh or has_its_graph or tables or at_zero"
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
    script = """if True:
        import json, dataclasses
        from hw5.verify.gradient_check import check_gradients
        print(json.dumps([dataclasses.asdict(report) for report in check_gradients(activations=("hardtanh",))]))
    """
    gradients = json.loads(python(tree, "-c", script))
    assert {report["loss"] for report in gradients if report["activation"] == "hardtanh"} == {
        "cross-entropy",
        "binary-cross-entropy",
        "multilabel-cross-entropy",
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


def test_the_new_layer_trains_on_every_device_and_is_checked(tree, tmp_path):
    if not has_compiler():
        pytest.skip("no C++ compiler")
    hidden, models = ("--hidden", "conv:4x3,scale:0.5,pool:2,scale:-2,9", "--epochs", 1), {}
    for device in ("numpy", "cpu", "emulator"):
        models[device] = tmp_path / f"{device}.npz"
        trained = hw5(tree, "train", *hidden, "--device", device, "--out", models[device], "--batch-size", 500)
        assert "8x8x1-conv:4x3-scale:0.5-pool:2-scale:-2-9-10" in trained
        assert device != "cpu" or "compiled step" in trained
    W = [np.load(path)["W1"] for path in models.values()]
    for other in W[1:]:  # a few steps apart: to a few eps of numbers of order 1
        np.testing.assert_allclose(other, W[0], atol=1e-5)
    script = """if True:
        from hw5.verify import grading
        grading.CONTRACTS = [contract for contract in grading.CONTRACTS if contract.kernel == "scale"]
        print({report.kernel: report.verdict for report in grading.check_kernels()})
    """
    assert python(tree, "-c", script) == "{'scale': 'right'}\n"


@pytest.mark.slow
def test_the_tests_of_the_copy_test_the_new_layer(tree):
    files = ("tests/nn/test_image_layers.py", "tests/devices/test_native_images.py")
    options = ("-k", "scale", "-p", "no:cacheprovider", "-p", "no:xdist", "-vv")
    output = python(tree, "-m", "pytest", *options, *files)
    passed = {test for _, test in re.findall(r"^tests/(\S+?)::(\w+)\[.+\] PASSED", output, re.MULTILINE)}
    assert "test_the_gradient_of_a_training_step" in passed
    assert not has_compiler() or "test_steps_agree_with_numpy" in passed


def test_the_new_layer_is_exported(tree, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    model, exported = tmp_path / "model.npz", tmp_path / "model.onnx"
    hw5(tree, "train", "--hidden", "scale:3,9", "--epochs", 1, "--device", "numpy", "--out", model)
    hw5(tree, "export", model, "--format", "onnx", "--out", exported)
    X = np.random.default_rng(0).integers(0, 17, (5, 64)).astype(np.float32)
    (found,) = onnxruntime.InferenceSession(exported).run(["probabilities"], {"X": X})
    np.save(tmp_path / "X.npy", X)
    rows = hw5(tree, "predict", model, tmp_path / "X.npy", "--device", "numpy").splitlines()[1:]
    np.testing.assert_allclose(found.max(axis=1), [float(row.split(",")[-1]) for row in rows], atol=1e-4)
