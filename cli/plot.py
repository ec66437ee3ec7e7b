"""hw5 plot"""

from pathlib import Path

import click

from hw5.cli import options
from hw5.cli.display import say, waiting
from hw5.cli.parameter_types import File
from hw5.errors import require_known
from hw5.plots import plot_model, require_matplotlib
from hw5.train.checkpoint import Checkpoint
from hw5.train.predictor import Predictor


@click.command("plot")
@click.argument("checkpoint", type=File())
@click.option("--out", type=File(), help="PNG file to write.  [default: the checkpoint's name with .png]")
@click.option(
    "--what",
    metavar="PANEL,...",
    help="Panels to draw, see above.  [default: all that apply]",
)
@options.data(None, "Data to plot.  [default: the data the model was trained on]")
@options.split
@options.device
def command(checkpoint, out, what, data, test, label_column, data_dir, split, device_name):
    """Plot a model and its mistakes on one page, with these panels:

    \b
    curves       loss and accuracy by epoch
    confusion    confusion matrix
    regions      decision regions, for two features
    mistakes     the most confident mistakes
    weights      weights of the first layer, for images
    maps         feature maps of the first example, for convolutions
    predictions  predicted against true values, for a regression
    fit          the fitted curve, for a regression with one feature

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
    options.require_picture(out, "--out", checkpoint, data, test)
    if names and not any(PANELS[name].needs_examples for name in names):
        view = View(model, Path(model.data.source).name)
    else:
        dataset, subset = options.load_split(model, data, test, label_column, data_dir, split)
        view = View(model, f"{dataset.name}, {split} split", Predictor(options.open_named(device_name), model), subset)
    with waiting("drawing"):
        drawn = plot_model(view, names, out)
    say(f"saved {out}: {', '.join(drawn)}")
