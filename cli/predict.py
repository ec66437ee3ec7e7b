"""hw5 predict"""

import csv
import sys

import click

from hw5.checkpoint import Checkpoint
from hw5.cli import options
from hw5.datasets import load_inputs
from hw5.devices import open_device
from hw5.errors import InputError
from hw5.run import Model


@click.command("predict")
@click.argument("checkpoint", type=click.Path())
@click.argument("inputs", type=click.Path(), nargs=-1, required=True, metavar="INPUT...")
@options.device
def command(checkpoint, inputs, device_name):
    """Classify new examples: CSV, .npy or IDX files, one example a row. Prints CSV.

    \b
    hw5 predict model.npz new.csv
    """
    model = Checkpoint.load(checkpoint)
    files = [load_inputs(path, model.schema) for path in inputs]
    network = Model(open_device(device_name), model)
    table = csv.writer(sys.stdout, lineterminator="\n")
    table.writerow(_COLUMNS.get(model.settings.loss, ("class", "probability")))
    for path, X in zip(inputs, files):
        try:
            P = network.predict(X)
        except InputError as error:
            raise InputError(f"{path}: {error}") from error
        table.writerows(_rows(model, P))


_COLUMNS = {"squared": ("prediction",), "perceptron": ("class",)}


def _rows(model, P):
    """What is told of each example, in the columns of the header."""
    if model.settings.is_regression:
        return ((f"{number:.6g}",) for (number,) in P)
    classes = (model.class_names[c] for c in P.argmax(axis=1))
    return zip(classes) if model.settings.loss == "perceptron" else zip(classes, (f"{p:.6f}" for p in P.max(axis=1)))
