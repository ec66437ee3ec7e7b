"""Types of options and arguments: numbers, files, choices, devices and layers."""

import math

import click
from click.shell_completion import CompletionItem

from hw5.devices import is_device
from hw5.errors import did_you_mean
from hw5.nn.hidden import read_hidden
from hw5.train.settings import MOST_COUNTED, RANGES


class Number(click.FloatRange):
    """A finite number in a range: unlike click.FloatRange, it rejects nan and inf."""

    def convert(self, value, param, ctx):
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number


def number(setting):
    """The type of the option for a numeric setting."""
    its = RANGES[setting]
    bounds = {"min": its.least, "max": its.most if its.most < MOST_COUNTED else None}  # beyond, Settings says so
    return click.IntRange(**bounds) if its.whole else Number(**bounds, min_open=its.least_open, max_open=its.most_open)


class File(click.Path):
    """The path of a file or directory.

    Unlike click.Path, it rejects an empty one, as a variable that is not set gives.
    """

    def convert(self, value, param, ctx):
        if value == "":
            self.fail("the path is empty; give the name of a file or directory.", param, ctx)
        return super().convert(value, param, ctx)


class OneOf(click.Choice):
    """A choice that suggests the nearest name if the value is invalid."""

    def get_invalid_choice_message(self, value, ctx):
        return super().get_invalid_choice_message(value, ctx).rstrip(".") + did_you_mean(value, self.choices)


class DeviceName(OneOf):
    """The name of a device: one of a choice, or cuda:N for a GPU other than the first."""

    def convert(self, value, param, ctx):
        return value if is_device(value) and ":" in value else super().convert(value, param, ctx)

    def get_metavar(self, param, ctx):
        return super().get_metavar(param, ctx).replace("cuda", "cuda|cuda:N")


class Known(click.types.StringParamType):
    """Any text, of which the shell completes some names and, if they may be given, files."""

    def __init__(self, names, or_files=False):
        self._names, self._or_files = names, or_files

    def shell_complete(self, ctx, param, incomplete):
        found = [CompletionItem(name) for name in self._names if name.startswith(incomplete)]
        return found + [CompletionItem(incomplete, type="file")] * self._or_files


class Layers(click.ParamType):
    """Hidden layers separated by commas: 256,128 or conv:6x5+2,pool:2,120. Raises InputError."""

    name = "layers"

    def convert(self, value, param, ctx):
        return value if isinstance(value, tuple) else read_hidden(value)


class BatchSize(click.ParamType):
    """A positive integer, or all."""

    name = "integer|all"

    def convert(self, value, param, ctx):
        if value == "all":
            return value
        try:
            return number("batch_size").convert(int(value), param, ctx)
        except ValueError:
            self.fail(f"{value!r} is not an integer or all.", param, ctx)
