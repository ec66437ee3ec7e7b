"""Training steps and a short training on every device, against the NumPy reference in float64.

Steps are compared, not trajectories: rounding errors of 1e-7 grow from step to step, and the weights of two correct
float32 runs differ by 1e-2 after an epoch of MNIST.
"""

import math

import numpy as np
import pytest

from hw5.datasets import load
from hw5.datasets.preprocessing import Standardisation, split_dataset
from hw5.devices.activations import ACTIVATIONS
from hw5.devices.base import Rates, Tally
from hw5.devices.kernels import KernelDevice
from hw5.devices.streaming import StreamedData
from hw5.nn.hidden import LENET, dense_layers, layers_of
from hw5.nn.network import Network, initial_parameters
from hw5.train.settings import Settings
from hw5.train.training import Training
from tests.devices.problems import draw_y

SIZES = [(20, 3), (33, 17, 5), (64, 128, 10), (50, 40, 30, 4)]
# The shape of an image, the hidden layers, and the number of classes. No z is so near ReLU's kink, and no two pixels of
# a window are so near each other, that rounding decides
OF_IMAGES = [
    ((8, 8, 1), "conv:5x3+1", "pool:2", 12, 4),
    (
        (7, 8, 2),
        "conv:4x2x3/2+1",
        "conv:20x2",
        "meanpool:2/1",
        3,
    ),  # packs of four, a rest, overlapping windows, patches
    ((9, 6, 4), "pool:3x2/2+1", "dropout:0.4", "conv:3x5+2", "meanpool:4+2", 5),  # padding in every layer
    ((28, 28, 1), *LENET, 10),
]
BOTH = [(20, 8, 3), ((5, 4, 1), "conv:3x2+1", "pool:2", "dropout:0.3", 8, 3)]  # of 20 features and 3 classes
RATES = {
    "plain": Rates(0.1),
    "l2": Rates(0.1, l2=0.01),
    "momentum and penalties": Rates(0.1, 0.9, 1e-3, 1e-2),
    "nesterov": Rates(0.1, 0.9, nesterov=True),
    "adam": Rates(0.01, adam=True),
    "adam and penalties": Rates(0.01, l1=1e-3, l2=1e-2, adam=True, weight_decay=0.1),
}


def network_of(device, sizes, theta="tanh", loss="cross-entropy"):
    """A network of these sizes: the features, or the shape of an image, the hidden layers, and the outputs."""
    first, *hidden, m = sizes
    layers = layers_of(first if isinstance(first, tuple) else (first,), hidden, m, theta)
    return Network(device, initial_parameters(layers, 1), loss=loss, layers=layers)


def one_epoch(device, sizes, theta, rates, dtype, k=32, n=45, loss="cross-entropy"):
    """([parameters and velocities], tally) after a full and a short minibatch."""
    rng, network = np.random.default_rng(len(sizes)), network_of(device, sizes, theta, loss)
    d = network.features
    X = rng.integers(0, 256, (n, d)).astype(dtype)
    y = draw_y(rng, loss, n, sizes[-1], sizes[-1])
    data = device.upload_data(X, y, np.full(d, 127.0, np.float32), np.full(d, 1 / 74, np.float32))
    tally = Tally(device, k)
    device.stepper(network, data).train(device.upload(rng.permutation(n), device.index_dtype), k, rates, tally)
    states = (network.parameters(), network.velocities(), network.squares())
    return [array for state in states for pair in state for array in pair], tally.read()


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("rates", RATES.values(), ids=RATES)
@pytest.mark.parametrize("theta", ACTIVATIONS)
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_two_steps_agree(training, reference, sizes, theta, rates, dtype):
    """Within 1e-5 of the largest number in the array: float32 rounds each of a few hundred terms by 6e-8.

    Adam divides a gradient by its size, so its step, of eta, has the relative error of a gradient that nearly cancels.
    """
    require_agreement(training, reference, sizes, theta, rates, dtype)


@pytest.mark.parametrize("rates", RATES.values(), ids=RATES)
@pytest.mark.parametrize("theta", ["relu", "tanh", "maxout"])
@pytest.mark.parametrize("sizes", OF_IMAGES, ids=str)
def test_two_steps_over_images_agree(training, reference, sizes, theta, rates):
    """To the same tolerance but for Adam: of LeNet's 61,706 gradients, some cancel to a thousandth of their terms."""
    require_agreement(training, reference, sizes, theta, rates, np.uint8, of_adam=5e-3)


@pytest.mark.parametrize("rates", RATES.values(), ids=RATES)
@pytest.mark.parametrize("loss", ["squared", "multilabel-cross-entropy"])
@pytest.mark.parametrize("sizes", [(20, 3), (33, 17, 5), OF_IMAGES[2]], ids=str)
def test_two_steps_of_several_targets_or_labels_agree(training, reference, sizes, loss, rates):
    require_agreement(training, reference, sizes, "tanh", rates, np.float32, loss=loss)


def require_agreement(training, reference, sizes, theta, rates, dtype, of_adam=1e-3, loss="cross-entropy"):
    step = of_adam * rates.eta if rates.adam else 0
    arrays, (loss_sum, correct) = one_epoch(training, sizes, theta, rates, dtype, loss=loss)
    expected, (expected_loss, expected_correct) = one_epoch(reference, sizes, theta, rates, dtype, loss=loss)
    for actual, want in zip(arrays, expected):
        np.testing.assert_allclose(actual, want, rtol=0, atol=1e-5 * (abs(want).max() or 1) + step)
    assert loss_sum == pytest.approx(expected_loss, rel=1e-5) and correct == expected_correct


@pytest.mark.parametrize("sizes", BOTH, ids=str)
def test_recorded_steps_give_the_same_bits(launching, monkeypatch, sizes):
    """For any division of an epoch into stretches, and also step by step."""
    n, k = 500, 4
    rng = np.random.default_rng(0)
    X, y = rng.integers(0, 256, (n, 20), dtype=np.uint8), rng.integers(0, 3, n)
    data = launching.upload_data(X, y, np.full(20, 127.0, np.float32), np.full(20, 1 / 74, np.float32))
    results = []
    for stretches in ((500,), (4, 300, 500), None):
        network, tally = network_of(launching, sizes), Tally(launching, k)
        stepper = launching.stepper(network, data)
        if not stretches:
            monkeypatch.setattr(launching, "record", lambda work: None)
        order = launching.upload(np.arange(n)[::-1], launching.index_dtype)
        for rates in (Rates(0.1), Rates(0.05, 0.9), Rates(0.01, adam=True)):
            for start, stop in zip((0, *(stretches or (500,))), stretches or (500,)):
                stepper.train(order[start:stop], k, rates, tally)
        results.append((tally.read(), [array.tobytes() for array in sum(network.parameters(), ())]))
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize("sizes", BOTH, ids=str)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_streamed_data_give_the_same_bits_as_resident_data(launching, dtype, sizes):
    """Training and evaluation, with so little memory that an epoch takes many pieces."""
    n, k = 230, 8
    rng = np.random.default_rng(0)
    X, y = rng.integers(0, 256, (n, 20)).astype(dtype), rng.integers(0, 3, n)
    device = KernelDevice(launching.name, launching.runtime, fuses=launching.fuses)
    results = []
    for most_resident_bytes in (math.inf, X[:120].nbytes, X[:2].nbytes):
        device.most_resident_bytes = most_resident_bytes
        data = device.upload_data(X, y, np.full(20, 127.0, np.float32), np.full(20, 1 / 74, np.float32))
        assert isinstance(data, StreamedData) == (most_resident_bytes < X.nbytes)
        network, tally = network_of(device, sizes), Tally(device, k)
        stepper = device.stepper(network, data)
        stepper.chunk = 16
        stepper.train(device.upload(np.arange(n)[::-1], np.int32), k, Rates(0.1, 0.9), tally)
        loss, accuracy, classes = stepper.evaluate(np.arange(0, n, 3))
        results.append((tally.read(), loss, accuracy, classes.tobytes(), network.parameters()[0][0].tobytes()))
    assert results[0] == results[1] == results[2]


def test_a_piece_of_streamed_data_takes_a_quarter_of_the_memory(launching):
    device = KernelDevice(launching.name, launching.runtime, most_resident_bytes=1600)
    X, numbers = np.zeros((100, 8), np.float32), np.zeros(8, np.float32)
    assert device.upload_data(X, np.zeros(100, np.int32), numbers, numbers).capacity == 400 // (8 * 4)


@pytest.mark.parametrize("targets", [1, 3])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_streamed_targets_give_the_same_bits_as_resident_targets(launching, dtype, targets):
    """For a regression, whose targets are not integers."""
    n, k = 60, 8
    rng = np.random.default_rng(0)
    X, y = rng.integers(0, 256, (n, 20)).astype(dtype), draw_y(rng, "squared", n, targets, None)
    device = KernelDevice(launching.name, launching.runtime, fuses=launching.fuses)
    results = []
    for most_resident_bytes in (math.inf, X[:20].nbytes):
        device.most_resident_bytes = most_resident_bytes
        data = device.upload_data(X, y, np.full(20, 127.0, np.float32), np.full(20, 1 / 74, np.float32))
        network, tally = network_of(device, (20, 8, targets), loss="squared"), Tally(device, k)
        stepper = device.stepper(network, data)
        stepper.chunk = 16
        stepper.train(device.upload(np.arange(n)[::-1], np.int32), k, Rates(0.1, 0.9), tally)
        loss, *_ = stepper.evaluate(np.arange(0, n, 3))
        results.append((tally.read(), loss, device.stepper(network, data).outputs(np.arange(n)).tobytes()))
    assert results[0] == results[1]


def losses(device, dataset, settings):
    parts = split_dataset(dataset, settings.validation, settings.holdout, settings.seed)
    standardisation = Standardisation.fit(parts["train"])
    data = device.upload_data(dataset.train.X, dataset.train.y, standardisation.mean, standardisation.scale)
    network = Network(
        device, initial_parameters(dense_layers((64, *settings.hidden, 10), settings.activation), settings.seed)
    )
    return [
        now.loss for now in Training(device.stepper(network, data), parts["train"].rows, settings) if now.epoch_ends
    ]


def test_loss_curves_of_a_short_run_agree(other, reference):
    """To 1e-3, over 5 epochs of the digits."""
    digits, settings = load("digits"), Settings(hidden=(32,), epochs=5)
    np.testing.assert_allclose(losses(other, digits, settings), losses(reference, digits, settings), rtol=1e-3)


@pytest.mark.parametrize("sizes", [(33, 17, 5), *OF_IMAGES], ids=str)
def test_equal_seeds_give_equal_bits(device, sizes):
    first, second = (one_epoch(device, sizes, "relu", RATES["momentum and penalties"], np.float32) for _ in range(2))
    assert first[1] == second[1]
    assert all(a.tobytes() == b.tobytes() for a, b in zip(first[0], second[0]))
