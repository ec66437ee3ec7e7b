"""hw5 train"""

import json
import signal
from contextlib import contextmanager
from dataclasses import asdict

import click

from hw5.activations import ACTIVATIONS
from hw5.checkpoint import DataSource
from hw5.cli import options
from hw5.cli.display import show_progress
from hw5.cli.options import Number, Sizes
from hw5.datasets import load
from hw5.devices import open_device
from hw5.errors import RunError
from hw5.files import require_writable
from hw5.plots import plot_training, require_matplotlib
from hw5.run import Run
from hw5.training import Settings

_DEFAULT = Settings()
_RATE, _FRACTION = Number(min=0), Number(min=0, max=1, max_open=True)


@click.command("train")
@click.option("--model", type=click.Choice(["linear", "mlp"]), default="mlp", show_default=True, help="With or without hidden layers.")
@click.option("--hidden", type=Sizes(), help="Units of each hidden layer, such as 128 or 256,128.  [default: 128]")
@click.option("--activation", type=click.Choice(list(ACTIVATIONS)), default=_DEFAULT.activation, show_default=True, help="Of the hidden layers.")
@options.data("digits", "A built-in set (digits, xor, spirals), or a path to IDX, NPZ, NPY or CSV.")
@click.option("--epochs", type=click.IntRange(min=1), default=_DEFAULT.epochs, show_default=True, help="Passes over the training examples.")
@click.option("--batch-size", type=click.IntRange(min=1), default=_DEFAULT.batch_size, show_default=True, help="Examples in a minibatch.")
@click.option("--lr", type=Number(min=0, min_open=True), default=_DEFAULT.lr, show_default=True, help="Learning rate.")
@click.option("--momentum", type=_FRACTION, default=_DEFAULT.momentum, show_default=True, help="Share of the last step that is kept.")
@click.option("--l1", type=_RATE, default=_DEFAULT.l1, show_default=True, help="L1 penalty on the weights.")
@click.option("--l2", type=_RATE, default=_DEFAULT.l2, show_default=True, help="L2 penalty on the weights.")
@click.option("--lr-decay", type=Number(min=0, max=1, min_open=True), default=_DEFAULT.lr_decay, show_default=True, help="Factor on the learning rate after every epoch.")
@click.option("--validation", type=_FRACTION, default=_DEFAULT.validation, show_default=True, help="Fraction of the training examples to watch, not train on.")
@click.option("--holdout", type=_FRACTION, default=_DEFAULT.holdout, show_default=True, help="Fraction to test on, of data without a test part.")
@click.option("--seed", type=click.IntRange(min=0), default=_DEFAULT.seed, show_default=True, help="Of initial weights, shuffling and held-out examples.")
@options.device
@options.precision
@click.option("--out", type=click.Path(), help="Save the trained model here, as an .npz checkpoint.")
@click.option("--log", type=click.Path(), help="Append one JSON line an epoch to this file.")
@click.option("--plot", type=click.Path(), help="Draw loss and accuracy into this PNG file.")
def command(model, hidden, data, test, label_column, data_dir, device_name, precision, out, log, plot, **settings):
    """Train a classifier and save it as a checkpoint.

    \b
    hw5 train --out model.npz                                the bundled digits
    hw5 train --data flowers.csv --label-column species      your own file
    hw5 train --model linear --data mnist --epochs 20
    """
    if model == "linear" and hidden:
        raise click.UsageError("--hidden needs --model mlp: a linear classifier has no hidden layers")
    settings = Settings(hidden=() if model == "linear" else hidden or _DEFAULT.hidden, **settings)
    _check_outputs(out, log, plot)
    dataset = load(data, test=test, label_column=label_column, data_dir=data_dir)
    run = Run(
        open_device(device_name, precision), dataset, settings, DataSource(dataset.source, test, label_column, len(dataset.train.y))
    )
    click.echo(_headline(run))
    with _interruptible() as interrupted:
        for progress in _logged(show_progress(run.train(), settings.epochs), log):
            if interrupted:
                break
    if "test" in run.parts:
        loss, accuracy = run.evaluate("test")
        click.echo(f"test accuracy {accuracy:.2%}, cross-entropy {loss:.4f} ({len(run.parts['test'].rows):,} examples)")
    _write(run, out, plot)
    if interrupted:
        raise RunError(f"interrupted in epoch {progress.epoch} of {settings.epochs}")


def _check_outputs(out, log, plot):
    for path, option in ((out, "--out"), (log, "--log"), (plot, "--plot")):
        if path:
            require_writable(path, option)
    if plot:
        require_matplotlib()


def _headline(run):
    counts = ", ".join(f"{len(part.rows):,} {name}" for name, part in run.parts.items())
    m = len(run.dataset.class_names)
    layers = "-".join(map(str, run.sizes))
    theta = f" {run.settings.activation}" if run.settings.hidden else ""
    return (
        f"{run.dataset.name}: {run.sizes[0]} features, {m} classes; {counts} examples\n"
        f"{run.settings.model} {layers}{theta}, minibatch {run.settings.batch_size}, "
        f"learning rate {run.settings.lr:g}, on {run.network.device.name}"
    )


@contextmanager
def _interruptible():
    """Within the block, the first Ctrl-C fills the list that it gives, and the second one is an exception."""
    interrupted = []

    def first(signum, frame):
        interrupted.append(signum)
        signal.signal(signum, signal.default_int_handler)

    before = signal.signal(signal.SIGINT, first)
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, before)


def _logged(progress, path):
    """Pass progress on, appending a JSON line to path at the end of every epoch."""
    for now in progress:
        if path and now.epoch_ends:
            with open(path, "a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(now) | {"examples_per_second": now.examples_per_second}) + "\n")
        yield now


def _write(run, out, plot):
    if out:
        run.checkpoint().save(out)
        click.echo(f"saved {out}")
    if plot and run.history:
        plot_training(run.history, plot, title=f"{run.dataset.name}, {run.settings.model}")
        click.echo(f"drew {plot}")
    if not out:
        click.echo("not saved; --out FILE keeps the model")
