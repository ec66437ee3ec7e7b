"""Learning-rate schedules: the factor of eta in each epoch."""

import math
from collections.abc import Callable
from typing import NamedTuple

from hw5.errors import InputError


class Schedule(NamedTuple):
    """factor(t, T, decay, step) after t of T epochs; needs: the settings that it uses."""

    factor: Callable[[int, int, float, int], float]
    needs: tuple[str, ...] = ()


SCHEDULES = {
    "constant": Schedule(lambda t, T, decay, step: 1.0),
    "step": Schedule(lambda t, T, decay, step: decay ** (t // step), ("lr_decay", "lr_step")),
    "exponential": Schedule(lambda t, T, decay, step: decay**t, ("lr_decay",)),
    "cosine": Schedule(lambda t, T, decay, step: (1 + math.cos(math.pi * t / T)) / 2),
    "1/t": Schedule(lambda t, T, decay, step: 1 / (1 + decay * t), ("lr_decay",)),
}


def check_schedule(name, decay, step):
    """Raise InputError if a schedule lacks a parameter, or is given one that it does not use."""
    for option, value in (("lr_decay", decay), ("lr_step", step)):
        flag, needed = "--" + option.replace("_", "-"), option in SCHEDULES[name].needs
        if needed and value is None:
            raise InputError(f"the learning-rate schedule {name} needs {flag}; give it, or choose another schedule")
        if value is not None and not needed:
            raise InputError(f"{flag} has no effect on the {name} schedule; leave it out")
    if decay is not None and decay > 1 and name != "1/t":
        raise InputError(f"--lr-decay {decay:g} would increase the learning rate; give a factor of at most 1")


def learning_rate(settings, epoch):
    """eta in an epoch, counted from 1: it rises linearly over the warm-up epochs, then follows the schedule."""
    if epoch <= settings.warmup:
        return settings.lr * epoch / (settings.warmup + 1)
    t, T = epoch - 1 - settings.warmup, settings.epochs - settings.warmup
    return settings.lr * SCHEDULES[settings.schedule].factor(t, T, settings.lr_decay, settings.lr_step)
