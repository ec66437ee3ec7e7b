"""hw5 predict"""

import os
import sys
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np

from hw5.train.checkpoint import Checkpoint
from hw5.cli import options
from hw5.cli.csv_output import CsvOutput
from hw5.cli.display import is_terminal, warn
from hw5.datasets import load_inputs, load_stream
from hw5.devices import open_device
from hw5.errors import InputError
from hw5.datasets.images import SUFFIXES, load_image
from hw5.text import encodable
from hw5.train.run import Model

_STANDARD_INPUT = "standard input"
_DESCRIPTORS = ("/dev/stdin", "/dev/fd/", "/proc/self/fd/")


@click.command("predict")
@click.argument("checkpoint", type=click.Path())
@click.argument("inputs", type=click.Path(), nargs=-1, required=True, metavar="INPUT...")
@click.option(
    "--top", type=click.IntRange(min=1), default=1, show_default=True, help="Number of most probable classes to print."
)
@click.option(
    "--invert/--no-invert",
    default=None,
    help="Invert images.  [default: if the background is unlike that of the training images]",
)
@click.option("--spreadsheet", is_flag=True, help="Write ' before cells that a spreadsheet would run as formulas.")
@options.device
@options.threads
def command(checkpoint, inputs, top, invert, spreadsheet, device_name, threads):
    """Predict classes or values for new examples, and print CSV.

    Inputs are CSV, .npy or IDX files with one example per row, PNG or JPEG images, or - for CSV from standard input.
    The columns of a CSV are kept, and predictions are appended as columns; images are identified by file name.

    \b
    hw5 predict model.npz new.csv > predictions.csv
    hw5 predict model.npz --top 3 photo.png
    """
    model = Checkpoint.load(checkpoint)
    if top > 1 and not model.loss.gives_probabilities:
        kind = model.settings.model if model.loss.classes else model.settings.task
        raise InputError(f"--top {top} needs class probabilities, and a {kind} has none; leave it out")
    tables = [_read(path, model, invert) for path in inputs]
    for path, table in zip(inputs, tables):
        if table.columns != tables[0].columns:
            raise InputError(f"{path}: the columns differ from those of {inputs[0]}; predict one file at a time")
    network = Model(open_device(device_name, threads=threads), model)
    output = CsvOutput(sys.stdout, spreadsheet)
    output.write([_header(tables[0].columns, model, top)])
    for path, table in zip(inputs, tables):
        try:
            P = network.predict(table.X)
        except InputError as error:
            raise InputError(f"{path}: {error}") from error
        predictions = _predictions(model, P, top)
        output.write(map(list.__add__, table.rows, predictions) if table.columns else predictions)
    output.warn_of_formulas()


class _Table(NamedTuple):
    """Examples X, and the columns and rows of the input that the output keeps; none for arrays."""

    X: np.ndarray
    columns: list[str]
    rows: list[list[str]]


def _read(path, model, invert):
    if Path(path).suffix.lower() in SUFFIXES:
        return _Table(load_image(path, model, invert), ["file"], [[encodable(path)]])
    if invert is not None:
        name = _STANDARD_INPUT if path == "-" else path
        raise InputError(f"{name}: --{'' if invert else 'no-'}invert is for images only; leave it out")
    X, rows = _load(path, model.schema)
    if not rows:
        return _Table(X, [], [])
    has_header = len(rows) > len(X)
    columns = rows[0] if has_header else [str(position + 1) for position in range(len(rows[0]))]
    return _Table(X, columns, rows[has_header:])


def _load(path, schema):
    """The features, and the rows of a CSV."""
    rows = []
    if path == "-":
        if is_terminal(sys.stdin):
            warn("reading CSV from the terminal; press Ctrl-D to end it")
        return load_stream(sys.stdin.buffer, _STANDARD_INPUT, schema, rows), rows
    if _is_stream(path):
        raise InputError(f"{path}: not a regular file; pipe a CSV to hw5 predict, and give - for it")
    return load_inputs(path, schema, rows), rows


def _is_stream(path):
    """Whether this is a pipe or device, or a name for what is open, such as /dev/stdin."""
    return path.startswith(_DESCRIPTORS) or os.path.exists(path) and not (os.path.isfile(path) or os.path.isdir(path))


_COLUMNS = {"squared": ["prediction"], "perceptron": ["class"]}


def _header(kept, model, top):
    top = min(top, len(model.class_names))
    columns = [name for k in range(1, top + 1) for name in (f"class_{k}", f"probability_{k}")]
    columns[:2] = ["class", "probability"]
    columns = _COLUMNS.get(model.settings.loss, columns)
    while not set(columns).isdisjoint(kept):
        columns = [f"predicted_{name}" for name in columns]
    return [*kept, *columns]


def _predictions(model, P, top):
    """The cells of each example in the columns that are appended."""
    if not model.loss.classes:
        return [[str(number)] for (number,) in P]  # the shortest text that identifies the float32
    if not model.loss.gives_probabilities:
        return [[model.class_names[c]] for c in P.argmax(axis=1)]
    best = np.argsort(-P, axis=1, kind="stable")[:, :top]
    return [[cell for c in row for cell in (model.class_names[c], f"{p[c]:.6f}")] for row, p in zip(best, P)]
