"""hw5 check: hw5's kernels and gradients are right, and a directory of kernels is graded."""

import json
import os
import re
import shutil
import subprocess
import sysconfig
from functools import partial

import pytest

from hw5.devices.kernels import kernel_sources
from hw5.verify.contracts import CONTRACTS
from hw5.verify.gradient_check import NETWORKS, check_gradients
from hw5.verify.grading import Report
from tests.cli.helpers import hw5, refused
from tests.pages import ROOT, code_blocks

GRADES_A_COPY = "hw5 check kernels --kernels mine"


def test_gradients_as_a_table_and_as_json(monkeypatch):
    """Of two networks with one loss; tests/verify checks all."""
    some = partial(check_gradients, networks=(NETWORKS[0], NETWORKS[-1]), losses=("cross-entropy",))
    monkeypatch.setattr("hw5.cli.check.check_gradients", some)
    table = hw5("check", "gradients").stdout
    assert "784-128-10" in table and "of 1e-06" in table
    reports = json.loads(hw5("check", "gradients", "--json").stdout)
    assert reports[0]["sizes"] == [5, 3] and reports[0]["worst"] < reports[0]["tolerance"]


def graded(*arguments, code):
    return json.loads(hw5("check", "kernels", *arguments, "--json", code=code).stdout)


def by_kernel(reports):
    return {report["kernel"]: report for report in reports}


FEWER = {"small_network.cu": 6, "small_epoch.cu": 5}
SHAPES = {"advance": 3} | dict.fromkeys(("sigmoid_cross_entropy", "squared_error", "perceptron_unit", "threshold"), 5)


@pytest.mark.slow
def test_our_kernels_are_right_and_the_fault_of_the_page_is_found(compiler, tmp_path):
    """In every order of threads, by the commands of docs/kernels.md, which plant a fault in a copy of the kernels."""
    page = ROOT / "docs" / "kernels.md"
    commands = next(text for text in code_blocks(page, "sh") if GRADES_A_COPY in text)
    environment = os.environ | {"PATH": f"{sysconfig.get_path('scripts')}{os.pathsep}{os.environ['PATH']}"}
    command = ["bash", "-e", "-c", commands.replace(GRADES_A_COPY, f"{GRADES_A_COPY} --json")]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    found = by_kernel(json.loads(done.stdout))
    assert list(found) == [contract.kernel for contract in CONTRACTS]
    fault = found.pop("gradient_mean")
    assert f"gradient_mean: fault: {fault['reason']}" in " ".join(page.read_text("utf-8").split())
    found["gradient_mean"] = by_kernel(graded("--kernels", copy_of("gradient_mean", tmp_path / "one"), code=1))[
        "gradient_mean"
    ]
    for report in found.values():
        assert report["verdict"] == "right" and report["worst"] <= report["tolerance"] and not report["note"]
        shapes = FEWER.get(report["file"]) or SHAPES.get(report["kernel"], 9)
        assert report["cases"] >= 4 * 2 * shapes  # orders, comfort and not, shapes


def copy_of(stem, folder):
    """A new folder of one of our files and the headers."""
    (source,) = (path for path in kernel_sources() if path.stem == stem)
    folder.mkdir()
    for path in (source, *source.parent.glob("*.cuh")):
        shutil.copy(path, folder)
    return folder


@pytest.fixture(scope="module")
def solution(tmp_path_factory, compiler):
    """A directory of kernels; most are missing, and others do not compile, are wrong, or have a race."""
    folder = tmp_path_factory.mktemp("solution")
    kernels = [path for path in kernel_sources() if path.stem in ("argmax", "gradient_mean", "sgd_update", "softmax")]
    for path in [*kernels, *kernels[0].parent.glob("*.cuh")]:
        shutil.copy(path, folder)
    change(folder / "argmax.cu", "row < k ? m : 0", "row < k ? m - 1 : 0")
    change(folder / "gradient_mean.cu", "        __syncthreads();\n", "")
    change(folder / "sgd_update.cu", "sgd_step(w[j],", "sgd_step(u[j],")
    return folder


@pytest.fixture(scope="module")
def reports(solution):
    return graded("--kernels", solution, code=1)


def change(path, old, new):
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


@pytest.mark.slow
def test_a_solution_is_graded_kernel_by_kernel(reports):
    found = by_kernel(reports)
    assert {kernel: verdict for kernel, report in found.items() if (verdict := report["verdict"]) != "missing"} == {
        "argmax": "wrong",
        "gradient_mean": "fault",
        "softmax": "right",
        "softmax_cross_entropy": "right",
        "sgd_update": "does not compile",
    }
    wrong = r"argmax.cu:23: shape \(1, 1\), values: normal: out\[0\] is -?\d+, expected 0"
    assert re.fullmatch(wrong, found["argmax"]["reason"])
    assert "gradient_mean.cu:3" in found["gradient_mean"]["reason"] and "race" in found["gradient_mean"]["reason"]
    assert "add it, for example in minibatch.cu" in found["minibatch_uint8"]["reason"]
    assert "sgd_update.cu" in found["sgd_update"]["reason"] and "'u'" in found["sgd_update"]["reason"].replace(
        "‘", "'"
    ).replace("’", "'")


@pytest.mark.slow
def test_the_table_says_the_same(solution, reports, monkeypatch):
    monkeypatch.setattr("hw5.cli.check.check_kernels", lambda *_: [Report(**report) for report in reports])
    output = hw5("check", "kernels", "--kernels", solution, code=1).stdout
    for words in ("worst error", "softmax_cross_entropy", "of 4", "right", "gradient_mean: fault: "):
        assert words in output
    for report in reports:
        assert report["kernel"] in output and report["verdict"] in output and report["reason"] in output


def test_files_of_any_name_are_graded_and_their_errors_shown(compiler, tmp_path):
    (tmp_path / "mine.cu").write_text("__global__ int helper() {}")
    (tmp_path / "typo.cu").write_text("__device__ int x y;")
    (tmp_path / "good.cu").write_text('extern "C" __global__ void advance(int *first, int by) { *first += by; }')
    found = graded("--kernels", tmp_path, code=1)
    broken = {report["file"]: report["reason"] for report in found if report["verdict"] == "does not compile"}
    assert "returns a value" in broken["mine.cu"] and "typo.cu:1" in broken["typo.cu"]
    assert [report["kernel"] for report in found if report["verdict"] == "right"] == ["advance"]


def test_a_folder_without_kernels_is_refused(tmp_path):
    sentence = f"hw5: {tmp_path} has no .cu files; pass the directory of softmax.cu and the other kernels\n"
    assert refused("check", "kernels", "--kernels", tmp_path) == sentence
    assert "does not exist" in refused("check", "kernels", "--kernels", tmp_path / "none")
