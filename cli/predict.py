"""hw5 predict"""

import os
import re
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np

from hw5.cli import options
from hw5.cli.csv_output import CsvOutput
from hw5.cli.display import is_terminal, waiting, warn
from hw5.cli.parameter_types import File
from hw5.datasets import open_inputs
from hw5.datasets.images import SUFFIXES, load_image
from hw5.datasets.inputs import ArrayInputs
from hw5.devices.stepper import MOST_AT_ONCE
from hw5.errors import InputError
from hw5.opening import standard_input
from hw5.tables.for_model import ForModel
from hw5.text import encodable
from hw5.train.checkpoint import Checkpoint
from hw5.train.predictor import Predictor

_STANDARD_INPUT = "standard input"
_DESCRIPTORS = ("/dev/stdin", "/dev/fd/", "/proc/self/fd/")


@click.command("predict")
@click.argument("checkpoint", type=File())
@click.argument("inputs", type=File(), nargs=-1, required=True, metavar="INPUT...")
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

    Inputs are tables, .npy or IDX files with one example per row, PNG or JPEG images, or - for a table from standard
    input. The columns of a table are kept, and predictions are appended as columns; images are identified by file name.

    \b
    hw5 predict model.npz new.csv > predictions.csv
    hw5 predict model.npz --top 3 photo.png
    """
    model = Checkpoint.load(checkpoint)
    if top > 1 and (not model.class_names or not model.loss.gives_probabilities):
        kind = model.settings.model if model.class_names else _KINDS[model.settings.task]
        raise InputError(f"--top {top} needs class probabilities, and a {kind} has none; leave it out")
    inputs = [_open(path, model, invert) for path in inputs]
    for each in inputs:
        if each.columns != inputs[0].columns:
            raise InputError(
                f"{each.path}: the columns differ from those of {inputs[0].path}; predict one file at a time"
            )
    network = Predictor(options.open_named(device_name, threads=threads), model)
    if hasattr(sys.stdout, "reconfigure") and not is_terminal(sys.stdout):
        sys.stdout.reconfigure(encoding="utf-8")  # as all tables that hw5 reads
    output, header = CsvOutput(sys.stdout, spreadsheet), [_header(inputs[0].columns, model, top)]
    with nullcontext() if is_terminal(sys.stdout) else waiting("predicting"):
        for each in inputs:
            for X, kept, plain, start in each.blocks():
                try:
                    P = network.predict(X)
                except InputError as error:
                    raise InputError(f"{each.path}: {_numbered(error, start)}") from error
                output.write(header)  # not before something can be predicted
                header = []
                output.write_columns([*kept, *_predictions(model, P, top)], plain)
            each.warn()
    output.warn_of_formulas()


class _Image(NamedTuple):
    """An image, whose name the output has."""

    path: str
    X: np.ndarray
    columns = ["file"]

    def blocks(self):
        yield self.X, [[encodable(self.path)]], (), 0

    def warn(self):
        """Say nothing."""


class _Array(NamedTuple):
    """An array: its output has no columns of the input."""

    path: str
    inputs: ArrayInputs
    columns = []

    def blocks(self):
        start = 0
        for X in self.inputs.blocks(MOST_AT_ONCE):
            yield X, [], (), start
            start += len(X)

    def warn(self):
        """Say nothing."""


class _Table(NamedTuple):
    """A table, whose columns the output keeps."""

    path: str
    rows: ForModel

    @property
    def columns(self):
        records = self.rows.records
        if not records.names:
            return [str(position + 1) for position in range(records.width)]
        return [""] * (records.width - len(records.first)) + list(records.first)

    def blocks(self):
        for block in self.rows.blocks():
            yield block.X, block.columns, block.plain, block.start

    def warn(self):
        for note in self.rows.notes():
            warn(note)


def _numbered(error, start):
    """The message about an example whose number counts from the start of a block."""
    return re.sub(r"^example (\d+)", lambda match: f"example {start + int(match[1])}", str(error))


def _open(path, model, invert):
    if Path(path).suffix.lower() in SUFFIXES:
        return _Image(path, load_image(path, model, invert))
    name = _STANDARD_INPUT if path == "-" else path
    if invert is not None:
        raise InputError(f"{name}: --{'' if invert else 'no-'}invert is for images only; leave it out")
    if path == "-":
        if is_terminal(sys.stdin):
            warn("reading a table from the terminal; press Ctrl-D to end it")
        return _Table(name, open_inputs(standard_input(), model.schema))
    if _is_stream(path):
        raise InputError(f"{path}: not a regular file; pipe a table to hw5 predict, and give - for it")
    inputs = open_inputs(path, model.schema)
    return _Array(path, inputs) if isinstance(inputs, ArrayInputs) else _Table(path, inputs)


def _is_stream(path):
    """Whether this is a pipe or device, or a name for what is open, such as /dev/stdin."""
    return path.startswith(_DESCRIPTORS) or os.path.exists(path) and not (os.path.isfile(path) or os.path.isdir(path))


_COLUMNS = {"squared": ["prediction"], "perceptron": ["class"]}


def _header(kept, model, top):
    top = min(top, len(model.class_names))
    columns = [name for k in range(1, top + 1) for name in (f"class_{k}", f"probability_{k}")]
    columns[:2] = ["class", "probability"]
    columns = _of_targets(model) or _COLUMNS.get(model.settings.loss, columns)
    while not set(columns).isdisjoint(kept):
        columns = [f"predicted_{name}" for name in columns]
    return [*kept, *columns]


_KINDS = {"regression": "regression", "multilabel": "multilabel model"}


def _of_targets(model):
    """The names of the columns for several targets, or for several labels: 0 or 1, and its probability."""
    if model.settings.task == "multilabel":
        return [column for name in model.target_names for column in (name, f"probability_{name}")]
    return list(model.target_names)


def _predictions(model, P, top):
    """The columns that are appended, as lists of cells."""
    if model.settings.task == "multilabel":
        return [cells for p in P.T for cells in (list(map(str, (p > 0.5) * 1)), [f"{x:.6f}" for x in p.tolist()])]
    if not model.loss.classes:
        return [list(map(str, numbers)) for numbers in P.T]  # the shortest text that identifies the number
    names = np.array(model.class_names, object)
    if not model.loss.gives_probabilities:
        return [names[P.argmax(axis=1)].tolist()]
    best = P.argmax(axis=1)[:, np.newaxis] if top == 1 else np.argsort(-P, axis=1, kind="stable")[:, :top]
    probabilities = np.take_along_axis(P, best, axis=1)
    columns = zip(best.T, probabilities.T)
    return [cells for c, p in columns for cells in (names[c].tolist(), [f"{x:.6f}" for x in p.tolist()])]
