"""Each schedule against its formula, the warm-up before it, and invalid settings."""

import math

import pytest

from hw5.errors import InputError
from hw5.train.schedules import SCHEDULES
from hw5.train.settings import Settings

ETA, T = 0.2, 12
PARAMETERS = {
    "constant": {},
    "step": {"lr_decay": 0.5, "lr_step": 3},
    "exponential": {"lr_decay": 0.9},
    "cosine": {},
    "1/t": {"lr_decay": 2.0},
}
RATES = {  # eta in the epochs 1 .. T
    "constant": [0.2] * 12,
    "step": [0.2] * 3 + [0.1] * 3 + [0.05] * 3 + [0.025] * 3,
    "exponential": [0.2 * 0.9**t for t in range(12)],
    "cosine": [0.1 * (1 + math.cos(math.pi * t / 12)) for t in range(12)],
    "1/t": [0.2 / (1 + 2 * t) for t in range(12)],
}


def test_all_schedules_are_tested():
    assert PARAMETERS.keys() == RATES.keys() == SCHEDULES.keys()


def rates(epochs, **settings):
    settings = Settings(lr=ETA, epochs=epochs, momentum=0.9, l1=1e-3, l2=1e-4, **settings)
    by_epoch = [settings.rates(epoch) for epoch in range(1, epochs + 1)]
    assert {(rates.momentum, rates.l1, rates.l2) for rates in by_epoch} == {(0.9, 1e-3, 1e-4)}
    return [rates.eta for rates in by_epoch]


@pytest.mark.parametrize("name", SCHEDULES)
def test_the_learning_rate_of_every_epoch(name):
    assert rates(T, lr_schedule=name, **PARAMETERS[name]) == pytest.approx(RATES[name], rel=1e-14)


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_warm_up_rises_in_equal_steps_and_the_schedule_starts_after_it(name):
    with_warmup = rates(T + 3, lr_schedule=name, warmup=3, **PARAMETERS[name])
    assert with_warmup == pytest.approx([0.05, 0.1, 0.15, *RATES[name]], rel=1e-14)


@pytest.mark.parametrize(
    ("parameters", "name"),
    [({}, "constant"), ({"lr_decay": 0.9}, "exponential"), ({"lr_decay": 0.5, "lr_step": 3}, "step")],
)
def test_the_parameters_determine_the_default_schedule(parameters, name):
    assert rates(T, **parameters) == pytest.approx(RATES[name], rel=1e-14)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"lr_schedule": "step", "lr_decay": 0.5}, "schedule step needs --lr-step"),
        ({"lr_schedule": "step", "lr_step": 5}, "schedule step needs --lr-decay"),
        ({"lr_step": 5}, "schedule step needs --lr-decay"),
        ({"lr_schedule": "exponential"}, "schedule exponential needs --lr-decay"),
        ({"lr_schedule": "1/t"}, "schedule 1/t needs --lr-decay"),
        (
            {"lr_schedule": "constant", "lr_decay": 0.5},
            "--lr-decay has no effect on the constant schedule",
        ),
        ({"lr_schedule": "cosine", "lr_decay": 0.5}, "--lr-decay has no effect"),
        ({"lr_schedule": "exponential", "lr_decay": 0.5, "lr_step": 2}, "--lr-step has no effect"),
        ({"lr_decay": 1.5}, "--lr-decay 1.5 would increase the learning rate"),
        ({"epochs": 5, "warmup": 5}, "--warmup 5 leaves no epoch"),
    ],
)
def test_invalid_schedules_are_rejected(settings, words):
    with pytest.raises(InputError) as refusal:
        Settings(**settings)
    assert words in str(refusal.value)


@pytest.mark.parametrize("name", ["epochs", "batch_size", "lr_step", "warmup", "patience"])
@pytest.mark.parametrize("digits", [17, 310, 5000])
def test_counts_that_no_float_holds(name, digits):
    """310 digits overflow a float, and Python prints no integer of 5,000."""
    with pytest.raises(InputError, match=f"--{name.replace('_', '-')} .* is out of range; give a whole number from"):
        Settings(**{name: 10**digits})
