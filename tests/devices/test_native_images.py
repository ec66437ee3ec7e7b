"""The compiled step of networks with convolutions, pooling and dropout against the NumPy device, and its threads.

The tolerance is that of assert_same_step, for the same reason: a sum over places and examples rounds as one over
examples does.
"""

import platform
import resource
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hw5.devices import native
from hw5.devices.activations import ACTIVATIONS
from hw5.devices.base import Rates, Tally
from hw5.devices.cpu import CpuDevice
from hw5.devices.native import CompiledDevice, library
from hw5.errors import InputError
from hw5.nn.hidden import layers_of, read_hidden
from tests.devices.problems import RATES, ImageProblem, assert_same_step, bits

NETWORKS = {  # the shape of an example, and --hidden
    "LeNet": ((12, 12, 1), "conv:6x5+2,pool:2,conv:16x5,pool:2,120,84"),
    "one pixel": ((1, 1, 3), "conv:4x1,3"),
    "one feature": ((1, 1, 1), "conv:1x1"),
    "a window larger than the image": ((3, 2, 2), "conv:3x5+2,pool:4+2,9"),
    "strides that leave a rest": ((11, 10, 2), "conv:5x3/2,conv:4x2/3,7"),
    "strides larger than the window": ((13, 14, 2), "conv:5x2/3,pool:1/2,conv:3x1/2,7"),
    "rectangles": ((7, 12, 1), "conv:7x2x5+1,pool:1x3/3,conv:3x3x2/2+1,meanpool:2x1/2,5"),
    "many filters and channels": ((6, 5, 9), "conv:34x3+1,conv:7x2,20"),
    "convolutions with strides and padding": ((12, 11, 2), "conv:5x5/2+2,conv:7x4/3+3,conv:3x3/2+1"),
    "overlapping pooling with padding": ((9, 10, 2), "conv:5x3,pool:3/2+1,conv:4x3+1,pool:2/1,7"),
    "mean pooling with padding": ((9, 10, 3), "conv:4x3+1,meanpool:3/2+1,conv:5x2,meanpool:3/1+2,7"),
    "pooling with gaps and a rest": ((12, 12, 2), "conv:5x2,pool:2/3,conv:7x2,pool:2,7"),
    "pooling over many channels": ((8, 9, 3), "conv:34x3+1,pool:2/3,conv:5x7x3+2,pool:1x2/2,conv:3x1x2,pool:1/1"),
    "pooling of the features": ((8, 9, 2), "pool:3/1,meanpool:2/1+1,conv:3x3,6"),
    "pooling and a linear top": ((8, 9, 2), "pool:2,pool:2/1"),
    "a filter": ((8, 9, 1), "conv:1x3,conv:1x3,pool:2,1"),
    "dropout everywhere": (
        (8, 9, 2),
        "dropout:0.2,conv:5x3+1,dropout:0.3,pool:2,dropout:0.5,conv:3x2+1,12,dropout:0.4",
    ),
    "dense layers and dropout": ((21,), "dropout:0.1,40,dropout:0.5,17"),
    "dropout alone": ((21,), "dropout:0.5"),
}


def problem_of(name, *arguments, **options):
    image, hidden = NETWORKS[name]
    return ImageProblem(image, read_hidden(hidden), *arguments, **options)


@pytest.mark.parametrize("k", [1, 7, 16, 33, 300], ids="minibatch {}".format)
@pytest.mark.parametrize("theta", ["relu", "tanh", "maxout:3"])
@pytest.mark.parametrize("name", NETWORKS)
def test_steps_agree_with_numpy(compiled, reference, name, theta, k):
    """Full minibatches and a short one; more than 16 groups of examples in a minibatch of 300."""
    problem = problem_of(name, theta, dtype=np.uint8, examples={1: 3, 300: 320}.get(k, 3 * k // 2 + 20))
    assert problem.on(compiled).how.startswith("compiled step")
    assert_same_step(compiled, reference, problem, RATES["momentum and penalties"], k)


@pytest.mark.parametrize("rates", RATES.values(), ids=RATES)
@pytest.mark.parametrize("loss", ["cross-entropy", "binary-cross-entropy", "squared"])
@pytest.mark.parametrize("theta", [*ACTIVATIONS, "leaky_relu:0.3", "elu:0.7"])
def test_every_activation_loss_and_rule(compiled, reference, theta, loss, rates):
    hidden = ("conv:5x3+1", "pool:2", "conv:7x2/2", 9)
    assert_same_step(compiled, reference, ImageProblem((8, 9, 2), hidden, theta, loss), rates, 32)


@pytest.mark.parametrize("rates", RATES.values(), ids=RATES)
@pytest.mark.parametrize("loss", ["squared", "multilabel-cross-entropy"])
def test_several_targets_or_labels(compiled, reference, loss, rates):
    problem = ImageProblem((8, 9, 2), ("conv:5x3+1", "pool:2", 9), "tanh", loss, outputs=4)
    assert_same_step(compiled, reference, problem, rates, 32)


@pytest.mark.parametrize("k", [1, 7])
@pytest.mark.parametrize("outputs", [1, 5])
def test_the_perceptron_with_dropout(compiled, reference, outputs, k):
    problem = ImageProblem((9,), ("dropout:0.3",), loss="perceptron", dtype=np.uint8, examples=14)
    problem.sizes = (9, outputs)
    assert_same_step(compiled, reference, problem, Rates(0.1), k)


@pytest.mark.parametrize("name", NETWORKS)
def test_evaluation_agrees_with_numpy(compiled, reference, name):
    """Outputs within 1e-5 of the largest, for rows in any order; without dropout, and the same bits in any chunks."""
    problem = problem_of(name, "elu", examples=90)
    rows = problem.order[:70]
    stepper, other = problem.on(compiled), problem.on(reference)
    outputs, expected = stepper.outputs(rows), other.outputs(rows)
    np.testing.assert_allclose(outputs, expected, rtol=0, atol=1e-5 * abs(expected).max())
    stepper.chunk = 23
    assert stepper.outputs(rows).tobytes() == outputs.tobytes()
    loss, accuracy, classes = stepper.evaluate(rows)
    expected_loss, expected_accuracy, expected_classes = other.evaluate(rows)
    assert loss == pytest.approx(expected_loss, rel=1e-5) and accuracy == expected_accuracy
    assert classes.tolist() == expected_classes.tolist()


@pytest.mark.parametrize("rates", ["plain", "adam and penalties"])
@pytest.mark.parametrize("name", NETWORKS)
def test_the_same_bits_for_any_threads_and_stretches(monkeypatch, compiled, name, rates):
    """Also for more threads than parts of a minibatch. The last minibatch is short."""
    problem = problem_of(name, examples=650)
    results = set()
    for threads in (1, 2, 3, 5, 40):
        monkeypatch.setattr(compiled, "threads", threads)
        results |= {bits(*problem.trained(compiled, RATES[rates], 70, cuts)) for cuts in ((), (70, 350))}
    assert len(results) == 1


@pytest.mark.parametrize("share", [0.001, 0.3, 0.5, 0.9])
def test_dropout_has_the_masks_of_numpy(compiled, share):
    """Dropout of the features: the weights of a feature change in a step unless it is dropped from all examples.

    One example a step, so the changed weights are the mask.
    """
    problem = ImageProblem((40,), (f"dropout:{share}",), examples=30)
    steppers = [problem.on(device) for device in (compiled, CpuDevice())]
    for i in range(30):
        masks = []
        for stepper in steppers:
            before = stepper.network.parameters()[0][0]
            stepper.train(problem.order[i : i + 1], 1, Rates(0.5), Tally(stepper.device, 1))
            masks.append((stepper.network.parameters()[0][0] != before).any(axis=0))
        assert masks[0].tolist() == masks[1].tolist()
    assert steppers[0].network.updates[0] == 30


def test_dropout_changes_with_the_example_and_the_minibatch(compiled, reference):
    """In a minibatch of 33 examples at the 1,000th update, as resumed from a checkpoint."""
    problem = problem_of("dropout everywhere")
    networks = []
    for device in (compiled, reference):
        stepper = problem.on(device)
        stepper.network.assign(stepper.network.parameters(), stepper.network.velocities(), updates=1000)
        stepper.train(problem.order, 33, Rates(0.1), Tally(device, 33))
        networks.append(stepper.network)
    for (W, b), (expected_W, expected_b) in zip(*(network.parameters() for network in networks)):
        np.testing.assert_allclose(W, expected_W, rtol=0, atol=2e-5 * abs(expected_W).max())
        np.testing.assert_allclose(b, expected_b, rtol=0, atol=2e-5 * abs(expected_W).max())
    assert networks[0].updates[0] == networks[1].updates[0] == 1002


@pytest.mark.filterwarnings("ignore:invalid value encountered in matmul")
@pytest.mark.parametrize("pool", ["pool:2", "pool:2/1", "pool:3/2+1"])
@pytest.mark.parametrize("values", [(1, 1, 1), (np.nan, 1, 2), (1, np.nan, np.nan), (-np.inf, -np.inf, -np.inf)])
def test_pooling_takes_the_first_of_equal_pixels_and_a_nan_before_any_number(compiled, pool, values):
    """With a filter that copies its pixel and with none: the same outputs, in which NaN stays NaN, as NumPy's."""
    for hidden in ((pool,), ("conv:1x1", pool), ("conv:1x1", "dropout:0.5", pool)):
        problem = ImageProblem((5, 5, 1), hidden, "linear", examples=20)
        problem.X[:] = np.resize(values, problem.X.shape)
        problem.mean[:], problem.scale[:] = 0, 1
        outputs, expected = (problem.on(device).outputs(problem.order) for device in (compiled, CpuDevice()))
        np.testing.assert_array_equal(np.isnan(outputs), np.isnan(expected))
        np.testing.assert_allclose(outputs, expected, rtol=1e-5)


@pytest.mark.parametrize("theta", ["relu", "elu", "tanh", "maxout"])
@pytest.mark.parametrize("hidden", ["conv:3x3", "conv:3x3,pool:2", "conv:3x3,pool:2/1,dropout:0.5", "pool:2,conv:3x2"])
def test_the_loss_shows_nan(compiled, hidden, theta):
    problem = ImageProblem((8, 8, 1), read_hidden(hidden), theta)
    problem.X[7, 20:40] = np.nan
    _, (loss, _) = problem.trained(compiled, Rates(0.01), 16)
    assert np.isnan(loss)


def test_too_little_memory_changes_nothing(compiled):
    """Delta of this convolution takes 160 MB for the examples of a vector of 16, and half of that for 8."""
    problem = ImageProblem((200, 200, 1), ("conv:64x3+1",), dtype=np.uint8, examples=20)
    stepper, tally = problem.on(compiled), Tally(compiled, 16)
    before = stepper.network.parameters()[0][0]
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    limits = resource.getrlimit(resource.RLIMIT_AS)
    try:
        resource.setrlimit(resource.RLIMIT_AS, (used + 2**24, limits[1]))
        with pytest.raises(MemoryError, match="could not allocate memory or threads for the compiled step"):
            stepper.train(problem.order, 16, Rates(0.1), tally)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)
    assert stepper.network.parameters()[0][0].tobytes() == before.tobytes() and tally.read() == (0, 0)


def test_examples_do_not_mix(compiled):
    """A NaN in an example leaves the outputs of the others in its vector alone."""
    problem = problem_of("LeNet", examples=16)
    expected = problem.on(compiled).outputs(problem.order)
    problem.X[3] = np.nan
    outputs = problem.on(compiled).outputs(problem.order)
    others = problem.order != 3
    assert np.isnan(outputs[~others]).all() and outputs[others].tobytes() == expected[others].tobytes()


@pytest.mark.slow
@pytest.mark.skipif(platform.machine() != "x86_64", reason="the flags are those of x86-64")
@pytest.mark.parametrize("without", ["-mno-avx512f", "-mno-avx"])
def test_processors_with_shorter_vectors(monkeypatch, reference, without):
    """8 and 4 floats, in half a cache line and less."""
    monkeypatch.setattr(library, "FLAGS", (*library.FLAGS, without))
    monkeypatch.setattr(native, "_FLOPS_PER_THREAD", 1)
    device = CompiledDevice(2)
    for name in NETWORKS:
        for theta in ("relu", "maxout:3"):
            problem = problem_of(name, theta, dtype=np.uint8)
            assert_same_step(device, reference, problem, RATES["momentum and penalties"], 33)
    monkeypatch.setattr(device, "threads", 1)
    assert bits(*problem.trained(device, RATES["plain"], 33)) == bits(
        *problem.trained(CompiledDevice(3), RATES["plain"], 33)
    )


def random_network(rng):
    """The shape of an example and the entries of --hidden of a random network."""
    image = tuple(int(n) for n in (*rng.integers(1, 15, 2), rng.integers(1, 5)))
    hidden = []
    for _ in range(rng.integers(1, 5)):
        rows, columns, stride = rng.integers(1, (6, 6, 4))
        window = f"{rows}x{columns}/{stride}+{rng.integers(0, min(rows, columns))}"
        entry = rng.choice(
            [f"conv:{rng.integers(1, 20)}x{window}", f"pool:{window}", f"meanpool:{window}", "dropout:0.3"]
        )
        try:
            layers_of(image, (*hidden, str(entry)), 3, "relu")
        except InputError:
            continue  # it does not fit
        hidden.append(str(entry))
    return image, (*hidden, *map(int, rng.integers(1, 40, rng.integers(0, 3))))


@pytest.mark.parametrize("seed", range(60))
def test_random_networks(compiled, reference, seed):
    rng = np.random.default_rng(seed)
    image, hidden = random_network(rng)
    theta = str(rng.choice(["relu", "tanh", "elu", "maxout:2", "leaky_relu"]))
    problem = ImageProblem(image, hidden, theta, dtype=rng.choice([np.uint8, np.float32]), examples=60)
    rates = RATES[str(rng.choice([name for name in RATES if "adam" not in name]))]
    rates = replace(rates, eta=0.01)  # a gradient is a sum over places, and a training that diverges amplifies errors
    assert_same_step(compiled, reference, problem, rates, int(rng.integers(1, 61)) if seed % 2 else 47)
