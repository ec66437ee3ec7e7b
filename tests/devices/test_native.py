"""The compiled step against the NumPy device, its threads, and the fallback without it."""

import math
import os
import re
import stat
import subprocess
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from hw5.compiler import CompileError, find_compiler
from hw5.devices import cores, native, open_device
from hw5.devices.activations import ACTIVATIONS
from hw5.devices.base import Rates, Tally
from hw5.devices.cpu import CpuDevice
from tests.devices.problems import RATES, Problem, assert_same_step, bits

LOSSES = [  # and the units of the top layer
    ("cross-entropy", 5),
    ("binary-cross-entropy", 1),
    ("squared", 1),
    ("squared", 3),
    ("multilabel-cross-entropy", 3),
]


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("rates", RATES.values(), ids=RATES)
@pytest.mark.parametrize("loss, top", LOSSES)
@pytest.mark.parametrize("theta", [*ACTIVATIONS, "leaky_relu:0.3", "elu:0.7", "maxout:3"])
def test_steps_agree_with_numpy(compiled, reference, theta, loss, top, rates, dtype):
    """A full and a short minibatch."""
    assert_same_step(compiled, reference, Problem((33, 40, 19, top), theta, loss, dtype), rates, 32)


SHAPES = {
    "linear": (20, 3),
    "linear, wide": (784, 10),
    "one input": (1, 3, 2),
    "one unit": (7, 1, 2),
    "one class": (4, 5, 1),
    "smaller than a vector": (5, 7, 3),
    "a cache line and one more": (17, 17, 17),
    "one hidden layer": (64, 128, 10),
    "many classes": (10, 30, 300),
    "more features than a block": (2100, 20, 4),
    "wide": (300, 1024, 10),
    "deep": (17, 40, 20, 50, 16, 2),
}


@pytest.mark.parametrize("k", [1, 32, 300], ids="minibatch {}".format)
@pytest.mark.parametrize("loss, top", [("squared", 200), ("multilabel-cross-entropy", 33)])
def test_steps_of_many_targets_agree(compiled, reference, loss, top, k):
    """A wide top layer, whose units are divided among the threads."""
    problem = Problem((20, 30, top), "tanh", loss, np.uint8, examples=3 if k == 1 else 350)
    assert_same_step(compiled, reference, problem, Rates(0.005, 0.5), k)


@pytest.mark.parametrize("k", [1, 7, 32, 300, 400], ids="minibatch {}".format)
@pytest.mark.parametrize("sizes", SHAPES.values(), ids=SHAPES)
def test_steps_agree_at_every_size(compiled, reference, sizes, k):
    """Minibatches of one example (a few steps only) to several chunks, and larger than the data."""
    problem = Problem(sizes, "tanh", dtype=np.uint8, examples=3 if k == 1 else 20 if k == 7 else 350)
    assert_same_step(compiled, reference, problem, Rates(0.02, 0.5), k)
    assert_same_step(compiled, reference, problem, Rates(0.02), k)


@pytest.mark.parametrize("loss, top", LOSSES)
@pytest.mark.parametrize("sizes", [(20,), (33, 17), (40, 30, 20)], ids=str)
def test_evaluation_agrees_with_numpy(compiled, reference, sizes, loss, top):
    """Outputs within 1e-5 of the largest, for rows in any order."""
    problem = Problem((*sizes, top), loss=loss, examples=300)
    rows = problem.order[:270]
    stepper, other = problem.on(compiled), problem.on(reference)
    expected = other.outputs(rows)
    np.testing.assert_allclose(stepper.outputs(rows), expected, rtol=0, atol=1e-5 * abs(expected).max())
    stepper.chunk = 200
    loss, accuracy, classes = stepper.evaluate(rows)
    expected_loss, expected_accuracy, expected_classes = other.evaluate(rows)
    assert loss == pytest.approx(expected_loss, rel=1e-5) and accuracy == expected_accuracy
    assert classes.tolist() == expected_classes.tolist()


@pytest.mark.parametrize("sizes", [(20, 3), (33, 50, 3), (33, 50, 40, 3), (33, 50, 40)], ids=str)
def test_the_same_bits_for_any_stretches(compiled, sizes):
    """Several times each, because the scheduling of the threads varies."""
    problem = Problem(sizes, examples=3000)
    results = {bits(*problem.trained(compiled, RATES["nesterov"], 160, cuts)) for cuts in 3 * [(), (160, 2400)]}
    assert len(results) == 1


@pytest.mark.parametrize("rates", ["plain", "momentum and penalties", "adam and penalties"])
@pytest.mark.parametrize("sizes", [(800, 3), (33, 200, 3), (33, 100, 80, 40), (33, 300)], ids=str)
def test_the_same_bits_for_any_number_of_threads(monkeypatch, compiled, sizes, rates):
    """Also for more threads than cores, or than slices of a layer."""
    problem = Problem(sizes, examples=1000)
    results = set()
    for threads in (1, 2, 3, 16, 64):
        monkeypatch.setattr(compiled, "threads", threads)
        results.add(bits(*problem.trained(compiled, RATES[rates], 200)))
    assert len(results) == 1


@pytest.mark.slow
@pytest.mark.parametrize("program", ["races.cpp", "races_images.cpp"])
@pytest.mark.parametrize("sanitizer, optimisation", [("thread", "-O1"), ("address", "-O0")])
def test_sanitizers_find_no_fault(tmp_path, program, sanitizer, optimisation):
    """Races between threads, and bad accesses, if the compiler and the kernel support the sanitizer.

    For accesses, -O0 compiles several times as fast, and removes none; for races, it runs several times as long.
    """
    compiler, built = find_compiler(), tmp_path / "program"
    includes = [f"-I{folder}" for folder in (Path(native.__file__).parent, files("hw5.kernels"))]
    options = ["-std=c++17", optimisation, "-g1", "-march=native", "-pthread", f"-fsanitize={sanitizer}", *includes]
    try:
        compiler.run([*options, "-o", str(built), str(Path(__file__).parent / program)], tmp_path, program)
    except CompileError as error:
        if not re.search("tsan|asan", str(error)):
            raise
        pytest.skip(f"no {sanitizer} sanitizer")
    ran = subprocess.run([built], capture_output=True, text=True, env={"ASAN_OPTIONS": "detect_leaks=0"})
    if "FATAL: ThreadSanitizer: unexpected memory mapping" in ran.stderr:
        pytest.skip("ThreadSanitizer does not run on this kernel")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "done\n", "")


def test_training_on_no_examples_changes_nothing(compiled):
    problem = Problem((20, 6, 3))
    problem.order = problem.order[:0]
    network, tally = problem.trained(compiled, RATES["momentum and penalties"], 16)
    assert tally == (0, 0)
    assert network.parameters()[0][0].tobytes() == problem.on(compiled).network.parameters()[0][0].tobytes()


def test_ties_and_nans_are_handled_as_by_argmax(compiled):
    """The weights are 0, so the logits are the biases. Ties go to the lowest class; NaN is larger than any number."""
    nan, inf = np.nan, np.inf
    for b in ([0, 0, 0], [1, 2, 2], [0, nan, nan], [nan, inf, 0], [inf, 1, inf], [-inf, -inf, -1e30]):
        problem = Problem((4, 3), examples=30)
        stepper, tally = problem.on(compiled), Tally(compiled, 30)
        stepper.network.assign([(np.zeros((3, 4), np.float32), np.array(b, np.float32))])
        stepper.train(problem.order, 30, Rates(0.0), tally)
        assert tally.read()[1] == (problem.y == np.argmax(b)).sum(), b


@pytest.mark.parametrize("theta", ["relu", "elu", "tanh", "sigmoid"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_the_loss_shows_nan_and_infinity(compiled, theta, bad):
    """NaN always reaches the loss; infinity may not, because sigmoid and ReLU map it to finite values."""
    problem = Problem((6, 20, 3), theta)
    problem.X[7] = bad
    if np.isinf(bad):
        problem.X[7, ::2] = -bad  # inf - inf = NaN in every unit
    _, (loss, _) = problem.trained(compiled, Rates(0.01), 16)
    assert np.isnan(loss)


@pytest.mark.parametrize("loss", ["cross-entropy", "squared"])
def test_a_diverged_training_has_no_finite_loss(compiled, loss):
    problem = Problem((20, 30, 3 if loss == "cross-entropy" else 1), "linear", loss, examples=500)
    _, (sum_of_losses, _) = problem.trained(compiled, Rates(1e6), 10)
    assert not np.isfinite(sum_of_losses)


@pytest.mark.parametrize("rates", [name for name in RATES if "adam" not in name])  # Settings refuses it
@pytest.mark.parametrize("k", [1, 7])
@pytest.mark.parametrize("sizes", [(33, 1), (33, 5), (784, 10)], ids=str)
def test_the_perceptron_agrees_with_numpy(compiled, reference, sizes, k, rates):
    """Only a few steps, because a rounding error might change a prediction."""
    problem = Problem(sizes, loss="perceptron", dtype=np.uint8, examples=14)
    assert_same_step(compiled, reference, problem, RATES[rates], k)


@pytest.mark.parametrize("theta", ["maxout", "maxout:5"])
@pytest.mark.parametrize("k", [7, 300], ids="minibatch {}".format)
@pytest.mark.parametrize(
    "sizes", [(5, 7, 3), (17, 17, 17), (64, 128, 10), (300, 700, 40), (17, 40, 20, 50, 16, 2)], ids=str
)
def test_maxout_agrees_with_numpy_at_every_size(compiled, reference, theta, sizes, k):
    problem = Problem(sizes, theta, dtype=np.uint8, examples=20 if k == 7 else 350)
    assert_same_step(compiled, reference, problem, Rates(0.02, 0.5, 1e-3, 1e-2), k)


def test_maxout_takes_the_first_of_equal_pieces_and_a_nan_before_any_number(compiled):
    """A step changes only the bias of the chosen piece; all weights below are 0."""
    nan = np.nan
    for pieces, chosen in (([1, 1, 0], 0), ([0, 2, 2], 1), ([nan, 5, nan], 0), ([3, nan, nan], 1)):
        problem = Problem((4, 1, 2), "maxout:3", examples=16)
        stepper = problem.on(compiled)
        top = np.array([[1], [-1]], np.float32), np.zeros(2, np.float32)
        stepper.network.assign([(np.zeros((3, 4), np.float32), np.array(pieces, np.float32)), top])
        stepper.train(problem.order, 16, Rates(0.1), Tally(compiled, 16))
        after = stepper.network.parameters()[0][1]
        changed = ~((after == pieces) | (np.isnan(after) & np.isnan(pieces)))
        assert changed[chosen] or np.isnan(pieces[chosen])
        assert not np.delete(changed, chosen).any()


def test_numpy_does_what_is_not_compiled(compiled):
    """float64 data, which no reader returns."""
    problem = Problem((20, 6, 3), dtype=np.float64)
    stepper = problem.on(compiled)
    assert stepper.how == "NumPy: the compiled step needs uint8 or float32 in C order"
    results = [problem.trained(device, RATES["plain"], 16) for device in (compiled, CpuDevice())]
    assert results[0][1] == results[1][1]
    assert results[0][0].parameters()[0][0].tobytes() == results[1][0].parameters()[0][0].tobytes()


def test_the_number_of_threads_depends_on_the_work(monkeypatch):
    monkeypatch.setattr(native, "_FLOPS_PER_THREAD", 1_000_000)
    assert native._useful_threads(64, 4 * 3, 32) == 1  # little work
    assert native._useful_threads(2, 794 * 128, 32) == 2
    assert native._useful_threads(64, 794 * 128, 32) == 13


def test_only_cores_available_to_the_process_are_used(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    assert cores.usable_cores() == 1
    assert open_device("cpu").how == "compiled step, 1 thread"
    assert open_device("cpu", threads=3).how == "compiled step, up to 3 threads"


@pytest.mark.parametrize(
    ("limits", "quota"),
    [
        ({}, math.inf),
        ({"a/b/cpu.max": "max 100000"}, math.inf),
        ({"a/b/cpu.max": "150000 100000"}, 1.5),
        ({"a/b/cpu.max": "400000 100000", "a/cpu.max": "50000 50000"}, 1),
        ({"a/other/cpu.max": "50000 100000"}, math.inf),
    ],
)
def test_the_cpu_quota_of_a_container(tmp_path, limits, quota):
    (tmp_path / "membership").write_text("1:cpu:/elsewhere\n0::/a/b\n")
    for name, text in limits.items():
        file = tmp_path / "groups" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + "\n")
    assert cores._quota(tmp_path / "membership", tmp_path / "groups") == quota


def test_a_quota_of_half_a_core_is_one_thread(monkeypatch):
    monkeypatch.setattr(cores, "_quota", lambda: 0.5)
    assert cores.usable_cores() == 1


def without_compiler(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)


def with_broken_compiler(monkeypatch, tmp_path):
    compiler = tmp_path / "g++"
    compiler.write_text("#!/bin/sh\necho out of order >&2\nexit 1\n")
    compiler.chmod(compiler.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("CXX", str(compiler))


def on_another_system(monkeypatch, tmp_path):
    monkeypatch.setattr("sys.platform", "darwin")


@pytest.mark.parametrize(
    ("obstacle", "reason"),
    [
        (without_compiler, r"no C\+\+ compiler .* is on PATH"),
        (with_broken_compiler, "step.cpp does not compile"),
        (on_another_system, "needs Linux"),
    ],
)
def test_numpy_replaces_the_compiled_step_and_says_why(monkeypatch, tmp_path, obstacle, reason):
    obstacle(monkeypatch, tmp_path)
    device = open_device("cpu")
    assert device.name == "cpu"
    assert re.fullmatch(rf"NumPy: .*{reason}.*", device.how) and Problem((20, 6, 3)).on(device).how == device.how
    network, tally = Problem((20, 6, 3)).trained(device, RATES["plain"], 16)
    assert tally == Problem((20, 6, 3)).trained(CpuDevice(), RATES["plain"], 16)[1]
