"""Options and parameter types that several verbs share."""

import math
import os

import click

from hw5.datasets import BUILT_IN, load
from hw5.devices import DEVICES, PRECISIONS
from hw5.errors import InputError, did_you_mean
from hw5.files import require_writable
from hw5.train.settings import RANGES


class Number(click.FloatRange):
    """A finite number in a range: unlike click's own, it refuses nan and inf."""

    def convert(self, value, param, ctx):
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number


def number(setting):
    """The type of an option that is a number among the Settings."""
    its = RANGES[setting]
    bounds = {"min": its.least, "max": its.most if its.most < math.inf else None}
    return click.IntRange(**bounds) if its.whole else Number(**bounds, min_open=its.least_open, max_open=its.most_open)


class OneOf(click.Choice):
    """One of several names; the refusal of another says which is nearest."""

    def get_invalid_choice_message(self, value, ctx):
        return super().get_invalid_choice_message(value, ctx).rstrip(".") + did_you_mean(value, self.choices)


class Sizes(click.ParamType):
    """Positive whole numbers with commas between: 128 or 256,128."""

    name = "sizes"

    def convert(self, value, param, ctx):
        if isinstance(value, tuple):
            return value
        try:
            sizes = tuple(int(size) for size in value.split(","))
        except ValueError:
            self.fail(f"{value!r} is not a list of sizes such as 128 or 256,128.", param, ctx)
        if min(sizes) < 1:
            self.fail(f"{value!r} holds a layer without units; every size is 1 or more.", param, ctx)
        if max(sizes) >= 2**31:
            self.fail(f"{value!r} holds a layer too large for any machine.", param, ctx)
        return sizes


class BatchSize(click.ParamType):
    """A positive whole number, or all."""

    name = "integer|all"

    def convert(self, value, param, ctx):
        if value == "all":
            return value
        try:
            return number("batch_size").convert(int(value), param, ctx)
        except ValueError:
            self.fail(f"{value!r} is neither a number of examples nor all.", param, ctx)


device = click.option(
    "--device", "device_name", type=OneOf(DEVICES), default="auto", show_default=True, help="Where to compute."
)

threads = click.option(
    "--threads", type=click.IntRange(1, 1024), help="At most so many on the CPU.  [default: one for each core]"
)

precision = click.option(
    "--precision", type=OneOf(PRECISIONS), default="fp32", show_default=True, help="Of matrix products on a GPU."
)

task = click.option(
    "--task",
    type=OneOf(["classification", "regression"]),
    default="classification",
    show_default=True,
    help="Find a class, or a number.",
)

test = click.option("--test", metavar="PATH", help="Labelled data of the same kind to test on.")

label_column = click.option(
    "--label-column",
    metavar="COLUMN",
    help="The CSV or NPY column that holds the classes: a name, or its number from 1.",
)

data_dir = click.option(
    "--data-dir",
    type=click.Path(file_okay=False),
    help="Where mnist and its kin lie; HW5_DATA says the same.",
)

split = click.option(
    "--split", type=OneOf(["test", "train"]), default="test", show_default=True, help="Which part of the data."
)


def data(default, help):
    """The options that name a data set; default and help are those of --data."""

    def decorate(verb):
        for option in (data_dir, label_column, test):
            verb = option(verb)
        return click.option("--data", metavar="NAME|PATH", default=default, show_default=bool(default), help=help)(verb)

    return decorate


def part(model, data, test, label_column, data_dir, split):
    """What the options of a data set and split name for a checkpoint: the data set and its Subset.

    Without a data set it is the one that the checkpoint was trained on.
    """
    if data is None:
        model.data.require_at_hand()
        data, test = model.data.source, test or model.data.test
    dataset = load(data, test=test, label_column=label_column, data_dir=data_dir, schema=model.schema)
    return dataset, model.part(dataset, split)


def require_another_file(path, option, *inputs):
    """That an output can be written, and is none of the inputs, which may be None; raises InputError."""
    for taken in inputs:
        if taken not in (None, *BUILT_IN) and os.path.realpath(path) == os.path.realpath(taken):
            raise InputError(f"{option} {path} is what is to be read; name another file")
    require_writable(path, option)
