"""The settings that are chosen by the optimiser, the model and the number of training examples."""

import pytest

from hw5.datasets import load
from hw5.devices.cpu import CpuDevice
from hw5.errors import InputError
from hw5.train.data_source import DataSource
from hw5.train.defaults import CHOSEN, settings_for
from hw5.train.run import Run
from hw5.train.settings import Settings


def chosen(n, **given):
    settings = settings_for(n, **given)
    return {name: getattr(settings, name) for name in CHOSEN}


def test_adam_of_a_small_set():
    small = {"optimizer": "adam", "lr": 0.005, "lr_decay": 0.9705, "epochs": 100, "batch_size": 32, "l2": 0.004}
    assert chosen(1000) == small
    assert chosen(1000, hidden=()) == small | {"lr": 0.03, "l2": 0.001}
    assert chosen(1000, loss="squared") == small


@pytest.mark.parametrize(("n", "epochs"), [(1, 100), (20_000, 100), (40_000, 50), (100_000, 20), (10**9, 20)])
def test_large_sets_get_fewer_epochs_and_larger_minibatches(n, epochs):
    settings = settings_for(n)
    assert settings_for(n, epochs=epochs + 5).lr_decay == settings.lr_decay  # a longer run continues a shorter one
    assert (settings.epochs, settings.batch_size) == (epochs, 32 if n <= 10_000 else 128)
    assert settings.lr_decay**epochs == pytest.approx(0.05, rel=0.01)
    assert settings.l2 == pytest.approx(4 / n, rel=0.05)


def test_sgd_is_the_lectures():
    assert settings_for(1000, optimizer="sgd") == settings_for(10**6, momentum=0.0, optimizer="sgd") == Settings()
    assert settings_for(1000, momentum=0.9) == Settings(momentum=0.9)
    assert settings_for(1000, loss="squared", optimizer="sgd") == Settings(loss="squared", lr=0.01)
    perceptron = {"loss": "perceptron", "hidden": ()}
    assert settings_for(1000, **perceptron) == Settings(**perceptron, lr=1.0, batch_size=1)


def test_what_is_given_stays():
    given = {"lr": 0.5, "lr_decay": 0.8, "epochs": 7, "batch_size": "all", "l2": 0.0}
    assert chosen(1000, **given) == given | {"optimizer": "adam"}
    for schedule in ({"lr_schedule": "cosine"}, {"lr_schedule": "constant"}, {"lr_step": 3, "lr_decay": 0.5}):
        assert settings_for(1000, **schedule).lr_decay == schedule.get("lr_decay")


@pytest.mark.parametrize("given", [{"epochs": 0}, {"epochs": 2.5}, {"lr": -1}, {"optimizer": "adagrad"}])
def test_invalid_settings_are_rejected(given):
    with pytest.raises(InputError):
        settings_for(1000, **given)


def test_digits_are_learned_by_default():
    """On average over five seeds; the test splits differ too."""
    digits, accuracies = load("digits"), []
    for seed in range(5):
        run = Run(CpuDevice(), digits, settings_for(1295, seed=seed, epochs=20), DataSource.of(digits, None, None))
        for _ in run.train():
            pass
        accuracies.append(run.evaluate("test")[1])
    assert sum(accuracies) / 5 >= 0.97
