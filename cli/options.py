"""Options shared by several commands, and what several do with their values."""

import os

import click

from hw5.cli.display import waiting, warn
from hw5.cli.parameter_types import DeviceName, File, Known, OneOf
from hw5.datasets import BUILT_IN, load
from hw5.devices import DEVICES, PRECISIONS, open_device
from hw5.errors import InputError
from hw5.files import require_writable
from hw5.tables.table import Reading, columns_of
from hw5.text import quoted
from hw5.train.plan import TASKS

device = click.option(
    "--device", "device_name", type=DeviceName(DEVICES), default="auto", show_default=True, help="Device to compute on."
)

threads = click.option(
    "--threads", type=click.IntRange(1, 1024), help="Maximum number of CPU threads.  [default: number of cores]"
)

precision = click.option(
    "--precision",
    type=OneOf(PRECISIONS),
    default="fp32",
    show_default=True,
    help="Precision of matrix products on a GPU.",
)

persistent = click.option(
    "--persistent",
    is_flag=True,
    help="Train a small network with one kernel launch for many steps (--device cuda or emulator).",
)

task = click.option(
    "--task",
    type=OneOf(TASKS),
    default="classification",
    show_default=True,
    help="Predict a class, several labels that are 0 or 1, or numbers.",
)

test = click.option("--test", metavar="PATH", type=File(), help="Labelled test data.")

label_column = click.option(
    "--label-column",
    metavar="COLUMN",
    help="Column with the labels of a table, by name or position (1 is the first, -1 the last); several columns for "
    "one-hot classes, labels or targets.",
)

text = click.option(
    "--text",
    type=OneOf(["encode", "refuse"]),
    default="encode",
    show_default=True,
    help="Columns of text: encode them (one feature per category), or refuse them.",
)

missing = click.option(
    "--missing",
    type=OneOf(["mean", "refuse", "drop"]),
    default="mean",
    show_default=True,
    help="Missing values: fill in the training mean and add an indicator, refuse them, or drop their rows.",
)

drop = click.option("--drop", metavar="COLUMN,...", help="Columns to leave out, by name or position.")

only = click.option("--only", metavar="COLUMN,...", help="Columns to use as features.  [default: all]")

categorical = click.option(
    "--categorical", metavar="COLUMN,...", help="Columns of numbers that are categories, such as postal codes."
)


READING = ("text", "missing", "drop", "only", "categorical")


def reading(verb):
    """The options for the columns of a table, whose values reading_of turns into a Reading."""
    for option in (categorical, only, drop, missing, text):
        verb = option(verb)
    return verb


def reading_of(text, missing, drop, only, categorical):
    """The Reading that the options of `reading` ask for. Raises InputError if --only names no column."""
    if only is not None and not columns_of(only):
        raise InputError(f"--only {quoted(only)} names no column; give names or positions, or leave it out")
    return Reading(text, missing, *map(columns_of, (drop, only, categorical)))


data_dir = click.option(
    "--data-dir",
    type=File(file_okay=False),
    help="Directory of downloaded data sets.  [env: HW5_DATA]",
)

split = click.option(
    "--split", type=OneOf(["test", "train"]), default="test", show_default=True, help="Split of the data to use."
)


def as_json(help="Print JSON."):
    """--json."""
    return click.option("--json", "as_json", is_flag=True, help=help)


def data(default, help):
    """The options that select a data set, with default and help of --data."""

    def decorate(verb):
        for option in (data_dir, label_column, test):
            verb = option(verb)
        kind = Known(BUILT_IN, or_files=True)
        shown = {"metavar": "NAME|PATH", "show_default": bool(default)}
        return click.option("--data", type=kind, default=default, help=help, **shown)(verb)

    return decorate


def data_of(model, data, test):
    """--data and --test, or those of the training."""
    if data is not None:
        return data, test
    model.data.require_loadable()
    return model.data.source, test or model.data.test


def open_named(name, *arguments, **options):
    """The device with this name, as hw5.devices.open_device; compiling at the first start takes seconds."""
    with waiting(f"compiling for the device {name}"):
        return open_device(name, *arguments, **options)


def load_split(model, data, test, label_column, data_dir, split):
    """The data set that the options select, and its split. Without --data, it is the one the model was trained on."""
    data, test = data_of(model, data, test)
    with waiting(f"reading {data}"):
        dataset = load(data, test=test, label_column=label_column, data_dir=data_dir, schema=model.schema)
    warn_of(dataset)
    return dataset, model.subset(dataset, split)


def warn_of(dataset):
    """Say what was guessed about a data set, and what may be wrong."""
    for note in dataset.notes:
        warn(f"{dataset.name}: {note}" if not note.startswith(dataset.source) else note)
    for warning in dataset.warnings:
        warn(f"warning: {warning}")


def require_another_file(path, option, *inputs):
    """Raise InputError if an output cannot be written or is also an input. Inputs may be None."""
    _require_no_input(path, option, inputs)
    require_writable(path, option)


def _require_no_input(path, option, inputs):
    for taken in inputs:
        if taken not in (None, *BUILT_IN) and os.path.realpath(path) == os.path.realpath(taken):
            raise InputError(f"{option} {path} is also an input; choose another file")


def require_picture(path, option, *inputs):
    """Raise InputError as require_another_file, or if the name is that of another kind of file than a PNG."""
    _require_no_input(path, option, inputs)
    require_png(path, option)
    require_writable(path, option)


def require_png(path, option):
    """Raise InputError if the name is that of another kind of file."""
    if os.path.splitext(path)[1].lower() not in ("", ".png"):
        raise InputError(f"{option} {path}: pictures are PNG files; choose a name that ends in .png")
