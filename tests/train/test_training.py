"""The training loop: epochs, reports, early endings, and memory."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from hw5.devices.activations import ACTIVATIONS
from hw5.devices.base import Rates, Tally
from hw5.devices.cpu import CpuDevice
from hw5.errors import InputError, RunError
from hw5.nn.hidden import dense_layers
from hw5.nn.network import Network, initial_parameters
from hw5.train.order import epoch_order
from hw5.train.settings import Settings
from hw5.train.training import Training


def two_classes(n=100, d=6, seed=0):
    """n examples of d uint8 features; the class is whether the first one is at least 128."""
    X = np.random.default_rng(seed).integers(0, 256, (n, d), dtype=np.uint8)
    return X, (X[:, 0] >= 128).astype(np.int32)


def start(settings, n=100, d=6):
    device = CpuDevice()
    X, y = two_classes(n, d)
    data = device.upload_data(X, y, np.full(d, 127.5, np.float32), np.full(d, 1 / 74, np.float32))
    parameters = initial_parameters(dense_layers((d, *settings.hidden, 2), settings.activation), settings.seed)
    network = Network(device, parameters, settings.activation)
    return network, data


def run(settings, **problem):
    network, data = start(settings, **problem)
    return network, list(Training(network.device.stepper(network, data), np.arange(len(data.y)), settings))


def test_learns():
    _, progress = run(Settings(hidden=(8,), epochs=30, momentum=0.9), n=400)
    assert progress[-1].loss < 0.2 < 0.5 < progress[0].loss
    assert progress[-1].accuracy > 0.95


def test_only_the_perceptron_ends_after_an_epoch_without_mistakes():
    _, progress = run(Settings(hidden=(8,), epochs=30, lr=0.5), n=8)
    assert progress[-1].accuracy == 1 and progress[-1].epoch == 30 and progress[-1].ending is None


@pytest.mark.parametrize("batch_size", [1, 7, 32, 100, 1000])
def test_every_epoch_takes_every_example_once(batch_size):
    _, progress = run(Settings(hidden=(), epochs=2, batch_size=batch_size, lr=1e-6))
    ends = [now for now in progress if now.epoch_ends]
    assert [now.epoch for now in ends] == [1, 2]
    assert all(now.examples == now.of == 100 for now in ends)
    # with a tiny learning rate, the mean over an epoch does not depend on the minibatches
    assert ends[0].loss == pytest.approx(ends[1].loss, abs=1e-3)


def test_a_training_is_over_after_the_last_example_or_its_early_end():
    settings = Settings(hidden=(), epochs=2, batch_size=30)  # four steps an epoch
    network, data = start(settings)
    training = Training(network.device.stepper(network, data), np.arange(100), settings, pause_every=2)
    assert not training.is_over and training.steps == 0
    seen = [(now.epoch, now.examples, training.steps, training.is_over) for now in training]
    assert {(1, 60, 2, False), (1, 100, 4, False), (2, 60, 6, False), (2, 100, 8, True)} <= set(seen)
    assert not any(is_over for *_, is_over in seen[:-1])  # a slow machine reports more often
    training.ending = "enough"
    training.epoch = 1
    assert training.is_over


def test_orders_are_permutations_of_the_rows_and_differ_by_epoch_and_seed():
    rows = np.arange(5, 50)
    orders = [epoch_order(rows, seed, epoch) for seed in (0, 1) for epoch in (1, 2)]
    assert all((np.sort(order) == rows).all() for order in orders)
    assert len({order.tobytes() for order in orders}) == 4
    assert (epoch_order(rows, 1, 2) == orders[3]).all()


def test_equal_seeds_give_equal_bits():
    first, second, other = (
        run(Settings(hidden=(8,), epochs=3, momentum=0.9, l2=1e-3, seed=seed))[0].parameters() for seed in (5, 5, 6)
    )
    for (W, b), (W2, b2), (W3, _) in zip(first, second, other):
        assert W.tobytes() == W2.tobytes() and b.tobytes() == b2.tobytes()
        assert W.tobytes() != W3.tobytes()


def test_validation_metrics_are_reported_at_the_end_of_an_epoch():
    network, data = start(settings := Settings(hidden=(), epochs=2))
    calls = []

    def validate():
        calls.append(1)
        return 0.25, 0.75

    for now in Training(network.device.stepper(network, data), np.arange(100), settings, validate):
        assert (now.validation_loss, now.validation_accuracy) == ((0.25, 0.75) if now.epoch_ends else (None, None))
    assert len(calls) == 2


def test_divergence_raises_an_error_with_advice():
    settings = Settings(hidden=(8,), lr=1e30, momentum=0.5)
    with pytest.raises(RunError, match=r"epoch 1: .* --lr \(it was 1e\+30\) or --momentum \(it was 0.5\)"):
        run(settings)


def test_learning_rate_decays_by_epoch():
    settings = Settings(lr=0.5, lr_decay=0.1, momentum=0.9, l1=1e-3, l2=1e-4, nesterov=True)
    assert settings.rates(1) == Rates(0.5, 0.9, 1e-3, 1e-4, True)
    assert settings.rates(3).eta == pytest.approx(0.005)


@pytest.mark.parametrize("batch_size", ["all", 100])
def test_all_examples_may_be_one_minibatch(batch_size):
    """Batch gradient descent: an epoch is one step along the mean gradient, in any order."""
    network, progress = run(Settings(hidden=(), epochs=1, batch_size=batch_size, lr=0.5))
    other, data = start(Settings(hidden=()))
    order = np.arange(100)[::-1].copy()
    other.device.stepper(other, data).train(order, 100, Rates(0.5), Tally(other.device, 100))
    assert [now.examples for now in progress] == [100]
    for actual, expected in zip(network.parameters()[0], other.parameters()[0]):
        np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-6)  # float32 sums in another order


def watched(settings, validation_losses):
    """(training, [Progress of every epoch], [parameters after it]) with these validation losses."""
    network, data = start(settings)
    losses = iter(validation_losses)
    training = Training(network.device.stepper(network, data), np.arange(100), settings, lambda: (next(losses), 0.5))
    ends, parameters = [], []
    for now in training:
        if now.epoch_ends:
            ends.append(now)
            parameters.append(network.parameters())
    return training, ends, parameters


def same(first, second):
    return all(a.tobytes() == b.tobytes() for pairs in zip(first, second) for a, b in zip(*pairs))


def test_early_stopping_keeps_the_best_weights():
    """The loss falls to 0.4 in epoch 2. An equal one is no improvement, so training stops three epochs later."""
    training, ends, parameters = watched(Settings(patience=3), [0.5, 0.4, 0.45, 0.4, 0.41, 0.1])
    assert len(ends) == 5 and [now.ending is None for now in ends] == [True] * 4 + [False]
    assert "the validation loss has not improved since epoch 2, whose weights are kept" in ends[-1].ending
    assert (training.best.epoch, training.best.loss) == (2, 0.4)
    assert same(training.state().kept, parameters[1]) and not same(training.state().kept, parameters[4])


def test_an_improvement_is_larger_than_min_delta():
    training, ends, _ = watched(Settings(patience=2, min_delta=0.1), [0.5, 0.41, 0.39, 0.3, 0.3, 0.3])
    assert training.best.epoch == 3 and len(ends) == 5  # 0.39 is the first that is better than 0.5 by more than 0.1


def test_without_a_validation_set_patience_watches_the_training_loss():
    network, progress = run(Settings(hidden=(), patience=2, min_delta=0.05, epochs=50))
    losses = [now.loss for now in progress if now.epoch_ends]
    assert 3 <= len(losses) < 50 and "the training loss has not improved since epoch" in progress[-1].ending


def test_patience_restarts_with_every_improvement():
    training, ends, parameters = watched(Settings(patience=2, epochs=7), [5, 6, 4, 6, 3, 2, 6])
    assert len(ends) == 7 and same(training.state().kept, parameters[5])
    assert ends[-1].ending == "the validation loss was lowest in epoch 6; its weights are kept"


def test_there_is_no_remark_if_the_last_epoch_is_the_best():
    training, ends, parameters = watched(Settings(patience=2, epochs=3), [3, 2, 1])
    assert ends[-1].ending is None and same(training.state().kept, parameters[2])


def test_without_patience_the_last_weights_are_kept():
    training, ends, parameters = watched(Settings(epochs=3), [0.1, 0.2, 0.3])
    assert training.best is None and same(training.state().kept, parameters[2])


def size(parameters):
    return np.sqrt(sum((np.float64(array) ** 2).sum() for pair in parameters for array in pair))


def test_convergence_is_an_epoch_that_hardly_changes_the_weights():
    """The tolerance is between the relative changes of the weights in the third and the fourth epoch."""
    settings = Settings(lr=0.5, lr_decay=0.1, epochs=8, seed=3)
    *_, parameters = watched(settings, [1] * 8)
    parameters.insert(0, initial_parameters(dense_layers((6, 128, 2), "relu"), 3))
    shares = []
    for before, after in zip(parameters, parameters[1:]):
        differences = [[b - a for a, b in zip(*pair)] for pair in zip(before, after)]
        shares.append(size(differences) / size(after))
    assert shares[2] > 2 * shares[3]
    _, ends, stopped = watched(replace(settings, tolerance=(shares[2] * shares[3]) ** 0.5), [1] * 8)
    assert len(ends) == 4 and same(stopped[-1], parameters[4])
    assert ends[-1].ending == f"converged: epoch 4 changed the weights by {shares[3]:.2g} of their norm"
    assert len(watched(replace(settings, tolerance=shares[7] / 2), [1] * 8)[1]) == 8


def test_small_steps_of_the_warm_up_are_not_convergence():
    settings = Settings(lr=1e-3, warmup=3, epochs=10, tolerance=0.5)
    _, ends, _ = watched(settings, [1] * 10)
    assert len(ends) == 4 and ends[-1].ending.startswith("converged: epoch 4 changed the weights by ")


INVALID_COMBINATIONS = {
    "a step in the hidden layers": ({"activation": "heaviside"}, "cannot train through heaviside"),
    "no activation": ({"activation": "relux"}, "did you mean 'relu'"),
    "one piece": ({"activation": "maxout:1"}, "from 2 to 1024"),
    "nesterov without momentum": ({"nesterov": True}, "--nesterov needs momentum"),
    "adam with momentum": ({"optimizer": "adam", "momentum": 0.9}, "--momentum has no effect on Adam"),
    "sgd with weight decay": ({"weight_decay": 0.1}, "--weight-decay needs --optimizer adam"),
    "an unknown optimizer": ({"optimizer": "adm"}, "did you mean 'adam'"),
    "a perceptron by adam": (
        {"loss": "perceptron", "hidden": (), "batch_size": 1, "optimizer": "adam"},
        "--optimizer has no effect",
    ),
    "a regression with class weights": ({"loss": "squared", "class_weight": "balanced"}, "no effect on a regression"),
    "a perceptron with class weights": (
        {"loss": "perceptron", "class_weight": "balanced"},
        "no effect on a perceptron",
    ),
    "a perceptron with hidden layers": ({"loss": "perceptron"}, "--hidden has no effect on a perceptron"),
    "a perceptron with minibatches": ({"loss": "perceptron", "hidden": ()}, "--batch-size has no effect"),
    "a perceptron with nesterov": (
        {"loss": "perceptron", "hidden": (), "batch_size": 1, "nesterov": True},
        "--nesterov has no effect",
    ),
}


@pytest.mark.parametrize("case", INVALID_COMBINATIONS)
def test_invalid_combinations_of_settings_are_rejected(case):
    settings, words = INVALID_COMBINATIONS[case]
    with pytest.raises(InputError) as refusal:
        Settings(**settings)
    assert words in str(refusal.value)


@pytest.mark.parametrize(
    "rates",
    [Rates(0.01), Rates(0.01, 0.9, 1e-4, 1e-4), Rates(0.001, l1=1e-4, l2=1e-4, adam=True, weight_decay=1e-4)],
    ids=["gemm", "velocity", "adam"],
)
@pytest.mark.parametrize("theta", ACTIVATIONS)
def test_a_step_allocates_nothing(theta, rates):
    """50 steps, full and short minibatches: memory does not grow, and no temporary is as large as the smallest array.

    NumPy's conversion of uint8 to float32 uses a buffer of fixed size.
    """
    network, data = start(Settings(hidden=(256,), activation=theta), n=400, d=784)
    device, k = network.device, 256
    stepper, order, tally = device.stepper(network, data), np.arange(400), Tally(device, k)
    for _ in range(25):  # Python allocates when it specialises code that has run a few times
        stepper.train(order, k, rates, tally)
    tracemalloc.start()
    try:
        stepper.train(order, k, rates, tally)
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        for _ in range(25):
            stepper.train(order, k, rates, tally)
        after, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    smallest_minibatch_array = 144 * 256 * 4
    assert after - before < 2_000
    assert peak - before < smallest_minibatch_array
