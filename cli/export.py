"""hw5 export"""

import os

import click

from hw5.cli.display import say, warn
from hw5.cli.options import OneOf
from hw5.errors import InputError
from hw5.export import FORMATS, columns_to_encode, export
from hw5.files import require_writable
from hw5.train.checkpoint import Checkpoint


@click.command("export")
@click.argument("checkpoint", type=click.Path())
@click.option("--format", type=OneOf(FORMATS), help="Format of the file.  [default: that of the suffix of --out]")
@click.option("--out", type=click.Path(), required=True, help="File to write.")
def command(checkpoint, format, out):
    """Export a model, with its standardisation, for other programs.

    \b
    hw5 export model.npz --out model.onnx
    """
    format = format or _format_of(out)
    model = Checkpoint.load(checkpoint)
    if os.path.realpath(out) == os.path.realpath(checkpoint):
        raise InputError(f"--out {out} is the checkpoint itself; choose another file")
    require_writable(out, "--out")
    export(model, format, out)
    say(f"saved {out}")
    if format != "onnx" and columns_to_encode(model):
        warn(
            f"{out} has the network alone, whose {model.columns.width} features are made of the {len(model.columns.each)} "
            "columns of the table; --format onnx takes the columns themselves"
        )


def _format_of(path):
    """The format that the suffix of a file names. Raises InputError."""
    suffix = os.path.splitext(path)[1].lower()
    found = [name for name, its in FORMATS.items() if suffix in its.suffixes]
    if not found:
        known = ", ".join(f"{name} ({its.suffixes[0]})" for name, its in FORMATS.items())
        raise InputError(f"--out {path} does not say which format; add --format, or one of the suffixes: {known}")
    return found[0]
