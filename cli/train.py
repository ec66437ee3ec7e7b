"""hw5 train"""

import json
import os
import signal
from contextlib import contextmanager
from dataclasses import asdict

import click

from hw5.activations import ACTIVATIONS
from hw5.checkpoint import DataSource
from hw5.cli import options
from hw5.cli.display import say, show_progress
from hw5.cli.options import Number, Sizes
from hw5.datasets import BUILT_IN, load
from hw5.devices import open_device
from hw5.errors import InputError, Interrupted
from hw5.files import require_writable
from hw5.plots import plot_training, require_matplotlib
from hw5.run import Run
from hw5.training import Settings

_DEFAULT = Settings()
_COUNT, _RATE, _FRACTION = click.IntRange(min=1), Number(min=0), Number(min=0, max=1, max_open=True)

# The options that are Settings of the same name, and have their defaults
_SETTINGS = (
    ("activation", click.Choice(list(ACTIVATIONS)), "Of the hidden layers."),
    ("epochs", _COUNT, "Passes over the training examples."),
    ("batch_size", _COUNT, "Examples in a minibatch."),
    ("lr", Number(min=0, min_open=True), "Learning rate."),
    ("momentum", _FRACTION, "Share of the last step that is kept."),
    ("l1", _RATE, "L1 penalty on the weights."),
    ("l2", _RATE, "L2 penalty on the weights."),
    ("lr_decay", Number(min=0, max=1, min_open=True), "Factor on the learning rate after every epoch."),
    ("validation", _FRACTION, "Fraction of the training examples to watch, not train on."),
    ("holdout", _FRACTION, "Fraction to test on, of data without a test part."),
    ("seed", click.IntRange(min=0), "Of initial weights, shuffling and held-out examples."),
)


def _settings(verb):
    for name, kind, text in reversed(_SETTINGS):
        flag, default = "--" + name.replace("_", "-"), getattr(_DEFAULT, name)
        verb = click.option(flag, type=kind, default=default, show_default=True, help=text)(verb)
    return verb


@click.command("train")
@click.option(
    "--model",
    type=click.Choice(["linear", "mlp"]),
    default="mlp",
    show_default=True,
    help="Without or with hidden layers.",
)
@click.option("--hidden", type=Sizes(), help="Units of each hidden layer, such as 128 or 256,128.  [default: 128]")
@options.data("digits", "A built-in set (digits, xor, spirals), or a path to IDX, NPZ, NPY or CSV.")
@_settings
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
    _check_outputs({"--out": out, "--log": log, "--plot": plot}, {"--data": data, "--test": test})
    dataset = load(data, test=test, label_column=label_column, data_dir=data_dir)
    run = Run(open_device(device_name, precision), dataset, settings, DataSource.of(dataset, test, label_column))
    say(_headline(run))
    with _interruptible() as interrupted:
        for progress in _logged(show_progress(run.train(), settings.epochs), log):
            if interrupted:
                break
    if "test" in run.parts:
        loss, accuracy = run.evaluate("test")
        say(f"test accuracy {accuracy:.2%}, cross-entropy {loss:.4f} ({len(run.parts['test'].rows):,} examples)")
    _write(run, out, plot)
    if interrupted:
        raise Interrupted(f"interrupted in epoch {progress.epoch} of {settings.epochs}")


def _check_outputs(outputs, inputs):
    """Each output can be written, and is neither another output nor an input."""
    files = {option: path for option, path in inputs.items() if path and path not in BUILT_IN}
    taken = {os.path.realpath(path): option for option, path in files.items()}
    for option, path in outputs.items():
        if path is None:
            continue
        other = taken.setdefault(os.path.realpath(path), option)
        if other != option:
            raise InputError(f"{option} and {other} are the same file, {path}; give each a file of its own")
        require_writable(path, option)
    if outputs["--plot"]:
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
        say(f"saved {out}")
    if plot and run.history:
        plot_training(run.history, plot, title=f"{run.dataset.name}, {run.settings.model}")
        say(f"drew {plot}")
    if not out:
        say("not saved; --out FILE keeps the model")
