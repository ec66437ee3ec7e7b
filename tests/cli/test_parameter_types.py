"""The types of options and arguments."""

import click
import pytest

from hw5.cli.parameter_types import BatchSize, Layers, Number, number
from hw5.train.settings import RANGES


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (Layers(), "128", (128,)),
        (Layers(), "256, 128", (256, 128)),
        (Layers(), "conv:6x5+2, pool:2,9", ("conv:6x5+2", "pool:2", 9)),
        (Layers(), (16, 8), (16, 8)),  # already converted
        (BatchSize(), "all", "all"),
        (BatchSize(), "32", 32),
        (Number(0, 1), "1e-3", 0.001),
    ],
)
def test_values_are_converted(kind, text, value):
    assert kind.convert(text, None, None) == value


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "1.5", "-0.5", "many", ""])
def test_numbers_are_finite_and_in_range(text):
    with pytest.raises(click.BadParameter):
        Number(0, 1).convert(text, None, None)


@pytest.mark.parametrize("setting", RANGES)
def test_an_option_accepts_the_same_numbers_as_its_setting(setting):
    for text in ("-1", "0", "1", "0.5", "2"):
        try:
            taken = number(setting).convert(text, None, None)
        except click.BadParameter:
            taken = None
        value = float(text) if "." in text else int(text)
        assert (taken == value) == RANGES[setting].holds(value), text
