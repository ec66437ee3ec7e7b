"""hw5 plot"""

from pathlib import Path

import click

from hw5.train.checkpoint import Checkpoint
from hw5.cli import options
from hw5.cli.display import say
from hw5.devices import open_device
from hw5.errors import require_known
from hw5.plots import plot_model, require_matplotlib
from hw5.train.run import Model


@click.command("plot")
@click.argument("checkpoint", type=click.Path())
@click.option("--out", type=click.Path(), help="The PNG file to draw.  [default: beside the checkpoint, as .png]")
@click.option(
    "--what",
    metavar="PANEL,...",
    help="curves, confusion, regions, mistakes, weights; predictions, fit of a regression.  [default: all that fit]",
)
@options.data(None, "The examples to draw; by default what the checkpoint was trained on.")
@options.split
@options.device
def command(checkpoint, out, what, data, test, label_column, data_dir, split, device_name):
    """Draw what a checkpoint has learned, and where it errs, on one page.

    \b
    curves       loss and accuracy by epoch
    confusion    which classes it takes for which
    regions      of two features: the class that it finds at every point
    mistakes     those of which it is surest
    weights      of images: the first layer's, as images
    predictions  of a regression: predicted against true
    fit          of a regression with one feature: the curve through the examples

    \b
    hw5 plot model.npz
    hw5 plot model.npz --what confusion,mistakes --out errors.png
    """
    require_matplotlib("hw5 plot")
    from hw5.plots.panels import PANELS
    from hw5.plots.view import View

    names = what.split(",") if what else []
    for name in names:
        require_known("panel", name, PANELS)
    model = Checkpoint.load(checkpoint)
    out = out or Path(checkpoint).with_suffix(".png")
    options.require_another_file(out, "--out", checkpoint, data, test)
    if names and not any(PANELS[name].needs_examples for name in names):
        view = View(model, Path(model.data.source).name)
    else:
        dataset, part = options.part(model, data, test, label_column, data_dir, split)
        view = View(model, f"{dataset.name}, {split} part", Model(open_device(device_name), model), part)
    drawn = plot_model(view, names, out)
    say(f"drew {out}: {', '.join(drawn)}")
