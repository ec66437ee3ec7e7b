"""The options of hw5 train that set a setting."""

from dataclasses import fields

from hw5.cli.setting_options import SETTINGS
from hw5.train.settings import Settings


def test_each_setting_has_one_option():
    """hidden and loss depend on the model, and task follows from the loss."""
    names = [name for name, *_ in SETTINGS]
    assert sorted(names) == sorted({field.name for field in fields(Settings)} - {"hidden", "loss"})
