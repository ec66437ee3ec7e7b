"""Losses: the sigmoid is the softmax of two classes, class weights count examples, and the outputs."""

import numpy as np
import pytest

from hw5.devices.base import Rates, Tally
from hw5.devices.cpu import CpuDevice
from hw5.nn.losses import LOSSES
from hw5.nn.network import Network

FLOAT64 = CpuDevice(np.float64)
SAME_SUMS = {"rtol": 1e-12, "atol": 1e-14}  # the same float64 numbers added in another order


def stepper(network, X, y):
    data = FLOAT64.upload_data(X, y, np.zeros(X.shape[1]), np.ones(X.shape[1]))
    return FLOAT64.stepper(network, data)


def train(network, X, y, rates, k, epochs=1):
    """(sum of losses, correct predictions) over some epochs in the order of the rows."""
    tally = Tally(FLOAT64, k)
    for _ in range(epochs):
        stepper(network, X, y).train(np.arange(len(y)), k, rates, tally)
    return tally.read()


def draw(k, d=4, classes=2, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(k, d)), rng.integers(0, classes, k)


def top_layers(w, b):
    """The same top layer as one sigmoid unit, and as the softmax of the logits (0, z)."""
    return (w[None], np.array([b])), (np.stack([np.zeros_like(w), w]), np.array([0, b]))


def test_units_of_the_top_layer():
    assert {name: [loss.units(m) for m in (2, 3, 10)] for name, loss in LOSSES.items()} == {
        "cross-entropy": [2, 3, 10],
        "binary-cross-entropy": [1, 1, 1],
        "multilabel-cross-entropy": [2, 3, 10],
        "squared": [2, 3, 10],
        "perceptron": [1, 3, 10],
    }
    assert [name for name, loss in LOSSES.items() if loss.task == "regression"] == ["squared"]


@pytest.mark.parametrize(
    ("name", "outputs", "columns"),
    [
        ("cross-entropy", [[0.25, 0.75]], [[0.25, 0.75]]),
        ("binary-cross-entropy", [[0.25], [1.0]], [[0.75, 0.25], [0.0, 1.0]]),
        ("perceptron", [[1.0, 3.0, 2.0], [0.0, -1.0, 0.0]], [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]),
        ("perceptron", [[2.0], [-1.0], [0.0]], [[0.0, 1.0], [1.0, 0.0], [1.0, 0.0]]),
    ],
)
def test_a_column_per_class(name, outputs, columns):
    assert LOSSES[name].classes(np.array(outputs)).tolist() == columns


@pytest.mark.parametrize("weights", [None, np.array([0.5, 3.0])])
def test_one_sigmoid_unit_has_the_gradients_of_the_softmax_of_two(weights):
    """Also loss, accuracy and probabilities, with a hidden layer. The softmax's first row has the opposite gradient."""
    (X, y), rng = draw(20), np.random.default_rng(1)
    below = rng.normal(size=(5, 4)), rng.normal(size=5)
    sigmoid, softmax = top_layers(rng.normal(size=5), 0.25)
    one = Network(FLOAT64, [below, sigmoid], "tanh", "binary-cross-entropy", weights)
    two = Network(FLOAT64, [below, softmax], "tanh", "cross-entropy", weights)
    p, P = (stepper(network, X, y).outputs(np.arange(20)) for network in (one, two))
    np.testing.assert_allclose(P, np.hstack([1 - p, p]), **SAME_SUMS)

    (loss, correct), (loss_of_two, correct_of_two) = (train(n, X, y, Rates(0.1, 0.5), 20) for n in (one, two))
    assert loss == pytest.approx(loss_of_two, rel=1e-13) and correct == correct_of_two
    for ours, theirs in zip(one.velocities()[0], two.velocities()[0]):
        np.testing.assert_allclose(ours, theirs, **SAME_SUMS)
    for ours, theirs in zip(one.velocities()[1], two.velocities()[1]):
        np.testing.assert_allclose(ours, theirs[1:], **SAME_SUMS)
        np.testing.assert_allclose(ours, -theirs[:1], **SAME_SUMS)


def test_one_sigmoid_unit_learns_as_the_softmax_of_two_at_half_the_rate():
    """Both rows of the softmax change, so z_1 - z_0 changes twice as fast. 200 steps give the same probabilities."""
    X, y = draw(40)
    sigmoid, softmax = top_layers(np.array([0.5, -1, 0.25, 2]), 0.1)
    one = Network(FLOAT64, [sigmoid], loss="binary-cross-entropy")
    two = Network(FLOAT64, [softmax])
    train(one, X, y, Rates(0.2, 0.9), 8, epochs=40)
    train(two, X, y, Rates(0.1, 0.9), 8, epochs=40)
    p, P = (stepper(network, X, y).outputs(np.arange(40)) for network in (one, two))
    np.testing.assert_allclose(p[:, 0], P[:, 1], rtol=1e-10)
    (w, b), (W, b2) = *one.parameters(), *two.parameters()
    np.testing.assert_allclose(w[0], W[1] - W[0], rtol=1e-10)
    np.testing.assert_allclose(b[0], b2[1] - b2[0], rtol=1e-10)


@pytest.mark.parametrize(("loss", "classes"), [("cross-entropy", 3), ("binary-cross-entropy", 2)])
def test_a_class_of_weight_w_counts_like_w_copies_of_its_examples(loss, classes):
    """The mean is over k examples, not over their weights, so eta is scaled with the number of copies."""
    X, y = draw(12, classes=classes)
    weights = np.array([1.0, 3.0, 2.0])[:classes]
    rng, m = np.random.default_rng(1), LOSSES[loss].units(classes)
    parameters = [(rng.normal(size=(m, 4)), rng.normal(size=m))]
    copies = np.repeat(np.arange(12), weights[y].astype(int))
    weighted, repeated = (
        Network(FLOAT64, parameters, loss=loss, class_weights=weights),
        Network(FLOAT64, parameters, loss=loss),
    )
    total, _ = train(weighted, X, y, Rates(0.1), 12)
    assert total == pytest.approx(train(repeated, X[copies], y[copies], Rates(0.1 * len(copies) / 12), len(copies))[0])
    for actual, expected in zip(weighted.parameters()[0], repeated.parameters()[0]):
        np.testing.assert_allclose(actual, expected, **SAME_SUMS)


@pytest.mark.parametrize("loss, alone", [("squared", "squared"), ("multilabel-cross-entropy", "binary-cross-entropy")])
def test_several_targets_or_labels_are_learnt_as_each_by_itself(loss, alone):
    """Without hidden layers, whose units they would share. An example is right if all of its labels are."""
    X, _ = draw(30)
    rng = np.random.default_rng(1)
    y = rng.normal(size=(30, 3)) if loss == "squared" else rng.integers(0, 2, (30, 3))
    W, b = rng.normal(size=(3, 4)), rng.normal(size=3)
    together = Network(FLOAT64, [(W, b)], loss=loss)
    each = [Network(FLOAT64, [(W[j : j + 1], b[j : j + 1])], loss=alone) for j in range(3)]
    outputs = [stepper(network, X, y[:, j]).outputs(np.arange(30)) for j, network in enumerate(each)]
    np.testing.assert_allclose(stepper(together, X, y).outputs(np.arange(30)), np.hstack(outputs), **SAME_SUMS)
    correct = stepper(together, X, y).evaluate(np.arange(30))[1] * 30
    assert loss == "squared" or correct == pytest.approx(((np.hstack(outputs) > 0.5) == y).all(axis=1).sum())

    total, _ = train(together, X, y, Rates(0.1, 0.5), 7)
    assert total == pytest.approx(sum(train(n, X, y[:, j], Rates(0.1, 0.5), 7)[0] for j, n in enumerate(each)))
    for ours, theirs in zip(together.parameters()[0], zip(*(network.parameters()[0] for network in each))):
        np.testing.assert_allclose(ours, np.concatenate(theirs), **SAME_SUMS)


def test_evaluation_ignores_class_weights():
    X, y = draw(30)
    parameters, rows = [(np.ones((2, 4)) * [[0.5], [-0.5]], np.zeros(2))], np.arange(30)
    results = [
        stepper(Network(FLOAT64, parameters, class_weights=weights), X, y).evaluate(rows)[:2]
        for weights in (None, np.array([9.0, 0.1]))
    ]
    assert results[0] == results[1]


def test_the_binary_loss_is_accurate_far_from_zero():
    """-ln sigmoid(z) = ln(1 + exp(-z)) is about exp(-z) for large z, where p rounds to 1, and -z far below 0."""
    for z, y, loss in ((60, 1, np.exp(-60)), (-800, 1, 800), (800, 0, 800), (-60, 0, np.exp(-60))):
        network = Network(FLOAT64, [(np.array([[1.0]]), np.zeros(1))], loss="binary-cross-entropy")
        actual, accuracy, _ = stepper(network, np.array([[float(z)]]), np.array([y])).evaluate(np.arange(1))
        assert actual == pytest.approx(loss, rel=1e-14) and accuracy == ((z > 0) == y)


def test_one_unit_predicts_class_1_only_above_0():
    network = Network(FLOAT64, [(np.array([[1.0]]), np.zeros(1))], loss="binary-cross-entropy")
    z = np.array([[-1.0], [0.0], [1e-300], [2.0]])
    assert stepper(network, z, np.zeros(4, int)).evaluate(np.arange(4))[2].tolist() == [0, 0, 1, 1]
