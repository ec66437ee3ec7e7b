"""hw5 check gradients: right on the network as it is, and able to see that it is not."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from hw5.activations import ACTIVATIONS
from hw5.cli import main
from hw5.gradients import TOLERANCE, check_gradients


def test_all_layers_of_all_networks_are_right():
    reports = list(check_gradients())
    assert {report.activation for report in reports} == {"-", *ACTIVATIONS}
    assert {(report.sizes, report.layer) for report in reports} >= {((5, 3), 1), ((5, 6, 4, 3), 3), ((784, 128, 10), 1)}
    assert all(report.is_right and 0 < report.worst < TOLERANCE for report in reports)
    assert all(report.tried == min(report.parameters, report.tried) > 0 for report in reports)


@pytest.mark.parametrize("theta", ACTIVATIONS)
def test_a_wrong_derivative_is_seen_in_the_layers_below_it(theta, monkeypatch):
    activation = ACTIVATIONS[theta]
    wrong = type(activation)(activation.apply, lambda X, out: out.fill(0.7), activation.gain)
    monkeypatch.setitem(ACTIVATIONS, theta, wrong)
    below, above = check_gradients([(6, 7, 4)], (theta,))
    assert above.is_right and not below.is_right and below.worst > 0.01


def test_a_wrong_gradient_at_the_top_is_seen_everywhere(monkeypatch):
    from hw5.devices.cpu import CpuDevice

    right = CpuDevice.softmax_cross_entropy

    def wrong(self, Z, b, y, tally):
        right(self, Z, b, y, tally)
        np.multiply(Z, 1.01, out=Z)

    monkeypatch.setattr(CpuDevice, "softmax_cross_entropy", wrong)
    assert not any(report.is_right for report in check_gradients([(5, 3), (6, 7, 4)], ("tanh",)))


def test_the_verb_prints_a_table_or_json():
    table = CliRunner().invoke(main, ["check", "gradients"])
    assert table.exit_code == 0 and "784-128-10" in table.stdout and "of 1e-06" in table.stdout
    reports = json.loads(CliRunner().invoke(main, ["check", "gradients", "--json"]).stdout)
    assert reports[0]["sizes"] == [5, 3] and reports[0]["worst"] < TOLERANCE
