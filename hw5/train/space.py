"""The settings that hw5 tune searches, their ranges, and how a point of the search becomes settings.

Sizes are searched by their logarithms to base 2, all hidden layers have the same size, and rates have three digits, so
that a command line can repeat them.
"""

import math
from typing import NamedTuple

from hw5.errors import InputError

SEARCHED = ("lr", "l2", "hidden", "batch_size")


class Dimension(NamedTuple):
    """The numbers from low to high that a coordinate may have; by their logarithms, or whole."""

    low: float
    high: float
    whole: bool = False


_RATES = {"adam": Dimension(1e-4, 1e-1), "sgd": Dimension(1e-3, 1.0)}
_LAYERS, _UNITS, _BATCH, _L2 = Dimension(1, 3, True), Dimension(3, 9, True), Dimension(4, 8, True), Dimension(1e-6, 1.0)


def space_of(settings, given):
    """{coordinate: Dimension} for the settings in SEARCHED that are not among the given names. Raises InputError."""
    if settings.model == "perceptron":
        raise InputError("a perceptron has nothing to tune; choose another --model")
    dimensions = {
        "lr": {"lr": _RATES[settings.optimizer]},
        "hidden": {"layers": _LAYERS, "log2_units": _UNITS} if settings.model == "mlp" else {},
        "batch_size": {"log2_batch_size": _BATCH},
        "l2": {"l2": _L2},
    }
    chosen = {name: x for setting in SEARCHED if setting not in given for name, x in dimensions[setting].items()}
    if not chosen:
        raise InputError("nothing is left to tune; leave out --lr, --hidden, --batch-size or --l2")
    return chosen


def settings_at(point):
    """The settings of a point {coordinate: number}, by name."""
    settings = {name: float(f"{point[name]:.3g}") for name in ("lr", "l2") if name in point}
    if "layers" in point:
        settings["hidden"] = (2 ** point["log2_units"],) * point["layers"]
    if "log2_batch_size" in point:
        settings["batch_size"] = 2 ** point["log2_batch_size"]
    return settings


def point_of(settings, space):
    """The point of a space that is nearest to settings."""
    coordinates = {
        "lr": lambda: settings.lr,
        "l2": lambda: settings.l2,
        "layers": lambda: len(settings.hidden),
        "log2_units": lambda: round(math.log2(settings.hidden[0])),
        "log2_batch_size": lambda: round(math.log2(settings.batch_size)),
    }
    return {name: min(max(coordinates[name](), x.low), x.high) for name, x in space.items()}
