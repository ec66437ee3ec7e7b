"""The gradient check passes for the network, and fails for wrong gradients."""

from dataclasses import replace

import numpy as np
import pytest

from hw5.devices import open_device
from hw5.devices.activations import ACTIVATIONS, FORMULAS
from hw5.devices.cpu import CpuDevice
from hw5.errors import InputError
from hw5.nn.hidden import written
from hw5.nn.losses import LOSSES
from hw5.verify import gradient_check
from hw5.verify.gradient_check import SAMPLE, check_gradients


@pytest.fixture(scope="module", autouse=True)
def numerical_gradients_once():
    """The numerical gradients of a problem are the same for every device, and take nearly all of the time."""
    compute, known = gradient_check.numerical_gradients, {}

    def numerical_gradients(problem):
        numbers = [problem.X, problem.y, *sum(problem.parameters, ())]
        thetas = [str(layer.theta) for layer in problem.layers if layer.weighted]
        key = (written(problem.layers), *thetas, problem.loss, *(array.tobytes() for array in numbers))
        if key not in known:
            known[key] = compute(problem)
        return known[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gradient_check, "numerical_gradients", numerical_gradients)
        yield


def test_all_layers_of_all_networks_are_right():
    reports = list(check_gradients())
    combinations = {(report.loss, report.activation) for report in reports if report.activation != "-"}
    assert combinations == {(loss, theta) for loss in LOSSES if loss != "perceptron" for theta in ACTIVATIONS}
    assert {report.loss for report in reports if report.activation == "-"} == set(LOSSES)
    of_regression = {report.sizes[-1] for report in reports if report.loss == "squared"}
    assert of_regression == {1, 3, 4, 10}  # one target, and several
    assert {(report.sizes, report.layer) for report in reports} >= {((5, 3), 1), ((5, 6, 4, 3), 3), ((784, 128, 10), 1)}
    convolutional = "7x6x2-conv:3x3+1-pool:2-conv:4x2x1/2-meanpool:2/1+1-5-3"
    of_it = {report.layer for report in reports if report.network == convolutional}
    assert of_it == {0, 1, 2, 3, 4}  # 0 is the input
    assert all(report.is_right and 0 < report.worst < report.tolerance == 1e-6 for report in reports)
    assert all(report.tried == report.parameters for report in reports if report.parameters <= SAMPLE)
    assert all(SAMPLE <= report.tried < report.parameters for report in reports if report.parameters > 2 * SAMPLE)


@pytest.mark.parametrize("name", ["cpu", "emulator", "cuda"])
def test_every_device_is_right_in_float32(name):
    """To 2e-3: eps (1e-7) times a few hundred terms of a sum, and times as much again if they cancel."""
    try:
        device = open_device(name)
    except InputError as error:
        pytest.skip(str(error))
    assert all(report.is_right and report.tolerance == 2e-3 for report in check_gradients(device))


@pytest.mark.parametrize("theta", [theta for theta in ACTIVATIONS if theta != "maxout"])
def test_a_wrong_derivative_is_detected_in_the_layers_below_it(theta, monkeypatch):
    wrong = replace(FORMULAS[theta], derivative=lambda X, a, out: out.fill(0.7))
    monkeypatch.setitem(FORMULAS, theta, wrong)
    below, above, of_input = check_gradients(None, [((6,), (7,), 4)], (theta,), ("cross-entropy",))
    assert above.is_right and not below.is_right and below.worst > 0.01
    assert of_input.layer == 0 and not of_input.is_right


def test_a_wrong_gradient_at_the_top_is_detected_everywhere(monkeypatch):
    right = CpuDevice.softmax_cross_entropy

    def wrong(self, Z, b, y, weights, tally):
        right(self, Z, b, y, weights, tally)
        np.multiply(Z, 1.01, out=Z)

    monkeypatch.setattr(CpuDevice, "softmax_cross_entropy", wrong)
    assert not any(
        report.is_right
        for report in check_gradients(None, [((5,), (), 3), ((6,), (7,), 4)], ("tanh",), ("cross-entropy",))
    )
