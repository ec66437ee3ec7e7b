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
from hw5.cli.display import loss_name, say, show_progress
from hw5.cli.options import BatchSize, Number, Sizes
from hw5.datasets import BUILT_IN, load
from hw5.devices import open_device
from hw5.errors import InputError, Interrupted
from hw5.files import require_writable
from hw5.losses import LOSSES
from hw5.plots import plot_training, require_matplotlib
from hw5.run import Run
from hw5.schedules import SCHEDULES
from hw5.training import Settings

_DEFAULT = Settings()
_COUNT, _RATE, _FRACTION = click.IntRange(min=1), Number(min=0), Number(min=0, max=1, max_open=True)
_POSITIVE = Number(min=0, min_open=True)

# The options that are Settings of the same name, and have their defaults
_SETTINGS = (
    ("activation", str, f"Of the hidden layers: {', '.join(ACTIVATIONS)}; leaky_relu:0.01 gives a parameter."),
    ("epochs", _COUNT, "Passes over the training examples, at most."),
    ("batch_size", BatchSize(), "Examples in a minibatch."),
    ("lr", _POSITIVE, "Learning rate."),
    (
        "lr_schedule",
        click.Choice(list(SCHEDULES)),
        "How the learning rate falls; exponential where --lr-decay is given.",
    ),
    ("lr_decay", _POSITIVE, "Factor on the learning rate after every epoch (step: after every --lr-step)."),
    ("lr_step", _COUNT, "Epochs from step to step."),
    ("warmup", click.IntRange(min=0), "Epochs in which the learning rate rises to its full height."),
    ("momentum", _FRACTION, "Share of the last step that is kept."),
    ("nesterov", bool, "Look ahead along the momentum."),
    ("l1", _RATE, "L1 penalty on the weights."),
    ("l2", _RATE, "L2 penalty on the weights."),
    ("class_weight", str, "balanced, or NAME=WEIGHT,...: how much the examples of a class count."),
    ("tolerance", _POSITIVE, "End when an epoch changes the weights by less than this share."),
    ("patience", _COUNT, "End after so many epochs without a better validation loss, with the best weights."),
    ("validation", _FRACTION, "Fraction of the training examples to watch, not train on."),
    ("holdout", _FRACTION, "Fraction to test on, of data without a test part."),
    ("seed", click.IntRange(min=0), "Of initial weights, shuffling and held-out examples."),
)
_OF_PERCEPTRON = {"batch_size": 1, "lr": 1.0}  # its defaults where they are not those of the others


def _settings(verb):
    for name, kind, text in reversed(_SETTINGS):
        flag, default = "--" + name.replace("_", "-"), getattr(_DEFAULT, name)
        if name in _OF_PERCEPTRON:
            default, text = None, f"{text}  [default: {default}; {_OF_PERCEPTRON[name]:g} for a perceptron]"
        shown = default is not None and kind is not bool
        verb = click.option(flag, type=kind, is_flag=kind is bool, default=default, show_default=shown, help=text)(verb)
    return verb


@click.command("train")
@click.option(
    "--model",
    type=click.Choice(["linear", "mlp", "perceptron"]),
    default="mlp",
    show_default=True,
    help="Without or with hidden layers, or by the perceptron's rule.",
)
@click.option("--hidden", type=Sizes(), help="Units of each hidden layer, such as 128 or 256,128.  [default: 128]")
@click.option(
    "--task",
    type=click.Choice(["classification", "regression"]),
    default="classification",
    show_default=True,
    help="Find a class, or a number.",
)
@click.option(
    "--loss",
    type=click.Choice([name for name in LOSSES if name != "perceptron"]),
    help="What is minimised.  [default: cross-entropy; squared in a regression]",
)
@options.data("digits", f"A built-in set ({', '.join(BUILT_IN)}), or a path to IDX, NPZ, NPY or CSV.")
@_settings
@options.device
@options.precision
@click.option("--out", type=click.Path(), help="Save the trained model here, as an .npz checkpoint.")
@click.option("--log", type=click.Path(), help="Append one JSON line an epoch to this file.")
@click.option("--plot", type=click.Path(), help="Draw loss and accuracy into this PNG file.")
def command(
    model, hidden, task, loss, data, test, label_column, data_dir, device_name, precision, out, log, plot, **settings
):
    """Train a model and save it as a checkpoint.

    \b
    hw5 train --out model.npz                                the bundled digits
    hw5 train --data flowers.csv --label-column species      your own file
    hw5 train --model linear --data mnist --epochs 20
    hw5 train --task regression --data houses.csv --label-column price
    """
    settings = _read_settings(model, hidden, task, loss, settings)
    _check_outputs({"--out": out, "--log": log, "--plot": plot}, {"--data": data, "--test": test})
    dataset = load(data, test=test, label_column=label_column, data_dir=data_dir, task=task)
    run = Run(open_device(device_name, precision), dataset, settings, DataSource.of(dataset, test, label_column))
    say(_headline(run))
    with _interruptible() as interrupted:
        for progress in _logged(show_progress(run.train(), settings.epochs), log):
            if interrupted:
                break
    if progress.ending:
        say(progress.ending)
    if "test" in run.parts:
        say(_test_figures(run))
    _write(run, out, plot)
    if interrupted:
        raise Interrupted(f"interrupted in epoch {progress.epoch} of {settings.epochs}")


def _read_settings(model, hidden, task, loss, settings):
    """The Settings that the options ask for; a combination that makes no sense is an InputError."""
    if model != "mlp" and hidden:
        raise InputError(f"--hidden needs --model mlp: a {model} has no hidden layers")
    if model == "perceptron" and (loss or task == "regression"):
        raise InputError(
            f"--model perceptron finds classes by a rule of its own; leave {'--loss' if loss else '--task'} out"
        )
    if (task == "regression") != (loss == "squared") and loss:
        raise InputError(f"--loss {loss} is not for --task {task}; leave it out for the usual one")
    loss = "perceptron" if model == "perceptron" else loss or ("squared" if task == "regression" else "cross-entropy")
    for name, its_default in _OF_PERCEPTRON.items():
        if settings[name] is None:
            settings[name] = its_default if model == "perceptron" else getattr(_DEFAULT, name)
    return Settings(hidden=hidden or _DEFAULT.hidden if model == "mlp" else (), loss=loss, **settings)


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
    settings, counts = run.settings, ", ".join(f"{len(part.rows):,} {name}" for name, part in run.parts.items())
    classes = "regression" if settings.is_regression else f"{len(run.dataset.class_names)} classes"
    layers = "-".join(map(str, run.sizes))
    theta = f" {settings.activation}" if settings.hidden else ""
    return (
        f"{run.dataset.name}: {run.sizes[0]} features, {classes}; {counts} examples\n"
        f"{settings.model} {layers}{theta}, minibatch {settings.batch_size}, "
        f"learning rate {settings.lr:g}, on {run.network.device.name}"
    )


def _test_figures(run):
    n = len(run.parts["test"].rows)
    if run.settings.is_regression:
        _, r2, rmse = run.regression_figures("test")
        return f"test R² {r2:.4f}, RMSE {rmse:.4g} ({n:,} examples)"
    loss, accuracy = run.evaluate("test")
    return f"test accuracy {accuracy:.2%}, {loss_name(run.settings)} {loss:.4f} ({n:,} examples)"


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
