"""hw5 export"""

import os

import click

from hw5.cli import options
from hw5.cli.display import say, warn
from hw5.cli.parameter_types import File, OneOf
from hw5.cli.plan import given_options
from hw5.datasets import STANDARD_INPUT
from hw5.errors import InputError
from hw5.export import FORMATS, Predicted, columns_to_encode, export
from hw5.train.checkpoint import Checkpoint
from hw5.train.predictor import Predictor

_MOST_EXAMPLES = 10_000  # of the test split, for a page


@click.command("export")
@click.argument("checkpoint", type=File())
@click.option("--format", type=OneOf(FORMATS), help="Format of the file.  [default: that of the suffix of --out]")
@click.option("--out", type=File(), required=True, help="File to write.")
@click.option("--float16", is_flag=True, help="Store the weights of a page in half precision.")
@click.option("--float64", is_flag=True, help="Use float64, as in pandas, for the input of the ONNX graph.")
@options.data(None, "Data whose test split a page shows.  [default: the data the model was trained on]")
@click.pass_context
def command(ctx, checkpoint, format, out, float16, float64, data, test, label_column, data_dir):
    """Export a model, with its standardisation, for other programs, or as a page for a browser.

    \b
    hw5 export model.npz --out model.onnx
    hw5 export model.npz --out model.html
    """
    format = format or _format_of(out)
    _require_format(format, given_options(ctx))
    model = Checkpoint.load(checkpoint)
    if os.path.realpath(out) == os.path.realpath(checkpoint):
        raise InputError(f"--out {out} is the checkpoint itself; choose another file")
    options.require_another_file(out, "--out", data, test, model.data.source, model.data.test)
    tested, lacking = _tested(model, data, test, label_column, data_dir) if format == "html" else (None, None)
    export(model, format, out, tested, float16, float64)
    say(f"saved {out}")
    if lacking:
        warn(f"{out} shows no test examples: {lacking}")
    if format != "onnx" and columns_to_encode(model):
        warn(
            f"{out} has the network alone, whose {model.columns.width} features are made of the "
            f"{len(model.columns.each)} columns of the table; --format onnx takes the columns themselves"
        )


_FORMAT_OF = dict.fromkeys(("float16", "data", "test", "label_column", "data_dir"), "html") | {"float64": "onnx"}


def _require_format(format, given):
    """Raise InputError if an option is given that another format has."""
    for name, needed in _FORMAT_OF.items():
        if name in given and format != needed:
            raise InputError(f"--{name.replace('_', '-')} needs --format {needed}; leave it out")


def _tested(model, data, test, *arguments):
    """What the model makes of the test split, or None, and the reason if the data of the training are not there."""
    if data is None and model.data.source == STANDARD_INPUT:  # of which nothing is left
        return None, "the model was trained on standard input; pass the data with --data"
    try:
        _, subset = options.load_split(model, data, test, *arguments, "test")
    except InputError as error:
        if data is not None or test is not None:
            raise
        return None, str(error)
    rows = subset.rows[:_MOST_EXAMPLES]
    X, y = subset.examples.X[rows], subset.examples.y[rows]
    return Predicted(X, y, Predictor(options.open_named("cpu"), model).predict(X)), None


def _format_of(path):
    """The format that the suffix of a file names. Raises InputError."""
    suffix = os.path.splitext(path)[1].lower()
    found = [name for name, its in FORMATS.items() if suffix in its.suffixes]
    if not found:
        known = ", ".join(f"{name} ({its.suffixes[0]})" for name, its in FORMATS.items())
        raise InputError(f"--out {path} does not say which format; add --format, or one of the suffixes: {known}")
    return found[0]
