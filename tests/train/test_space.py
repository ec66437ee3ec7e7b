"""The settings that are searched."""

import pytest

from hw5.errors import InputError
from hw5.nn.hidden import LENET
from hw5.train.settings import Settings
from hw5.train.space import point_of, settings_at, space_of


def test_given_settings_and_those_that_a_model_lacks_are_not_searched():
    assert space_of(Settings(), {}).keys() == {"lr", "layers", "log2_units", "log2_batch_size", "l2"}
    assert space_of(Settings(), {"hidden", "l2"}).keys() == {"lr", "log2_batch_size"}
    for hidden in ((), LENET):
        assert space_of(Settings(hidden=hidden), {}).keys() == {"lr", "log2_batch_size", "l2"}


def test_the_rates_depend_on_the_optimizer():
    adam, sgd = (space_of(Settings(optimizer=name), {})["lr"] for name in ("adam", "sgd"))
    assert adam.high < sgd.high and adam.low < sgd.low


def test_nothing_left_to_tune():
    with pytest.raises(InputError, match="nothing is left to tune; leave out --lr"):
        space_of(Settings(), {"lr", "hidden", "batch_size", "l2"})
    with pytest.raises(InputError, match="a perceptron has nothing to tune"):
        space_of(Settings(hidden=(), loss="perceptron", batch_size=1), {})


def test_settings_at_a_point():
    point = {"lr": 0.0123456, "l2": 1.23456e-5, "layers": 2, "log2_units": 5, "log2_batch_size": 6}
    assert settings_at(point) == {"lr": 0.0123, "l2": 1.23e-05, "hidden": (32, 32), "batch_size": 64}
    assert settings_at({"lr": 0.5}) == {"lr": 0.5}


@pytest.mark.parametrize("settings", [Settings(lr=0.005, l2=0.004), Settings(hidden=(64, 64), lr=0.02, l2=1e-3)])
def test_the_point_of_settings_is_where_they_are(settings):
    at = settings_at(point_of(settings, space_of(settings, {})))
    assert at == {name: getattr(settings, name) for name in at} and len(at) == 4


def test_the_point_of_settings_outside_the_space_is_the_nearest():
    settings = Settings(lr=7.0, l2=0.0, hidden=(5000,), batch_size="all")
    space = space_of(settings, {"batch_size"})
    assert settings_at(point_of(settings, space)) == {"lr": 1.0, "l2": 1e-6, "hidden": (512,)}
