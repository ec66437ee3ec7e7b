"""hw5 train"""

import os
import shlex
import signal
from contextlib import closing, contextmanager, nullcontext

import click

from hw5.devices.activations import ACTIVATIONS
from hw5.train.checkpoint import Checkpoint, DataSource
from hw5.cli import config, options
from hw5.cli.display import loss_name, say, show_progress, warn
from hw5.cli.options import BatchSize, OneOf, Sizes, number
from hw5.cli.plan import DEFAULT, DEFAULTS_BY_LOSS, given_options, new_plan, resumed_plan
from hw5.datasets import BUILT_IN, load
from hw5.devices import open_device
from hw5.errors import InputError, Interrupted, RunError
from hw5.files import require_writable, write_lock
from hw5.train.log import Log
from hw5.nn.losses import LOSSES
from hw5.plots import plot_training, require_matplotlib
from hw5.train.run import Run
from hw5.train.saving import Interval, Saver
from hw5.train.schedules import SCHEDULES
from hw5.train.tensorboard import TensorBoard

# The options that are Settings of the same name, and have their defaults
_SETTINGS = (
    ("activation", str, f"Of the hidden layers: {', '.join(ACTIVATIONS)}; leaky_relu:0.01 gives a parameter."),
    ("epochs", number("epochs"), "Passes over the training examples, at most."),
    ("batch_size", BatchSize(), "Examples in a minibatch; all: one step an epoch."),
    ("lr", number("lr"), "Learning rate."),
    (
        "lr_schedule",
        OneOf(list(SCHEDULES)),
        "How the learning rate falls; step where --lr-step is given, exponential where --lr-decay alone is.",
    ),
    (
        "lr_decay",
        number("lr_decay"),
        "Factor on the learning rate after every epoch (step: after every --lr-step; 1/t: it is lr / (1 + decay t)).",
    ),
    ("lr_step", number("lr_step"), "Epochs from step to step."),
    ("warmup", number("warmup"), "Epochs in which the learning rate rises to its full height."),
    ("momentum", number("momentum"), "Share of the last step that is kept."),
    ("nesterov", bool, "Look ahead along the momentum."),
    ("l1", number("l1"), "L1 penalty on the weights."),
    ("l2", number("l2"), "L2 penalty on the weights."),
    ("class_weight", str, "balanced, or NAME=WEIGHT,...: how much the examples of a class count."),
    ("tolerance", number("tolerance"), "End when an epoch changes the weights by less than this share."),
    (
        "patience",
        number("patience"),
        "End after so many epochs without a better validation loss, with the best weights.",
    ),
    ("validation", number("validation"), "Fraction of the training examples to watch, not train on."),
    ("holdout", number("holdout"), "Fraction to test on, of data without a test part."),
    ("seed", number("seed"), "Of initial weights, shuffling and held-out examples."),
)


def _settings(verb):
    for name, kind, text in reversed(_SETTINGS):
        flag, default = "--" + name.replace("_", "-"), getattr(DEFAULT, name)
        others = [f"{own[name]:g} for {loss} loss" for loss, own in DEFAULTS_BY_LOSS.items() if name in own]
        if others:
            default, text = None, f"{text}  [default: {default}; {', '.join(others)}]"
        shown = default is not None and kind is not bool
        verb = click.option(flag, type=kind, is_flag=kind is bool, default=default, show_default=shown, help=text)(verb)
    return verb


@click.command("train")
@click.option(
    "--model",
    type=OneOf(["linear", "mlp", "perceptron"]),
    default="mlp",
    show_default=True,
    help="Without or with hidden layers, or by the perceptron's rule.",
)
@click.option("--hidden", type=Sizes(), help="Units of each hidden layer, such as 128 or 256,128.  [default: 128]")
@options.task
@click.option(
    "--loss",
    type=OneOf([name for name in LOSSES if name != "perceptron"]),
    help="What is minimised.  [default: cross-entropy; squared in a regression]",
)
@options.data("digits", f"A built-in set ({', '.join(BUILT_IN)}), or a path to IDX, NPZ, NPY or CSV.")
@_settings
@options.device
@options.threads
@options.precision
@click.option("--out", type=click.Path(), help="Save the trained model here, as an .npz checkpoint.")
@click.option(
    "--checkpoint-every", metavar="N[steps|epochs|s]", help="Also save it during the training: 500steps, 5epochs, 60s."
)
@click.option(
    "--keep",
    type=click.IntRange(min=1),
    help="Keep the last so many checkpoints beside --out, and the best by validation loss.",
)
@click.option("--resume", metavar="CHECKPOINT", type=click.Path(), help="Go on with the training that wrote this file.")
@click.option("--log", type=click.Path(), help="Append one JSON line an epoch to this file.")
@click.option("--tensorboard", metavar="DIR", type=click.Path(), help="Write the figures for TensorBoard there.")
@click.option("--plot", type=click.Path(), help="Draw loss and accuracy into this PNG file.")
@config.option
@click.pass_context
def command(
    ctx, resume, out, checkpoint_every, keep, log, tensorboard, plot, device_name, threads, precision, data_dir, **asked
):
    """Train a model and save it as a checkpoint.

    \b
    hw5 train --out model.npz                                the bundled digits
    hw5 train --data flowers.csv --label-column species      your own file
    hw5 train --model linear --data mnist --epochs 20
    hw5 train --task regression --data houses.csv --label-column price
    hw5 train --resume model.npz --epochs 100                what was interrupted, or goes on
    hw5 train --config model.toml --seed 7                   options from a file, as hw5 show prints them
    """
    checkpoint = Checkpoint.load(resume) if resume else None
    plan = resumed_plan(checkpoint, resume, given_options(ctx)) if resume else new_plan(**asked)
    out = out or resume
    every = _interval(checkpoint_every, keep, out)
    _check_outputs({"--out": out, "--log": log, "--plot": plot}, {"--data": plan.data, "--test": plan.test})
    with write_lock(out, "--out") if out else nullcontext():
        dataset = load(plan.data, test=plan.test, label_column=plan.label_column, data_dir=data_dir, task=plan.task)
        source = DataSource.of(dataset, plan.test, plan.label_column)
        pause_every = every.n if every and every.unit == "steps" else None
        run = Run(open_device(device_name, precision, threads), dataset, plan.settings, source, checkpoint, pause_every)
        say(_headline(run))
        saver = Saver(run, out, every, keep or 0, warn) if out else None
        with closing(TensorBoard(tensorboard)) as board:
            _train(run, saver, Log(log, warn), board, plot)


def _train(run, saver, log, board, plot):
    """Train to the end or to a signal, and write what there is to keep."""
    progress = None
    with _stoppable() as signals:
        for progress in show_progress(run.train(), run.settings.epochs):
            log.see(progress)
            board.see(progress)
            if saver:
                saver.see(progress)
            if signals:
                break
    if signals and progress:
        _stop(saver, progress, signals[0])
    if progress is None:
        ending = run.training.ending
        say("there is nothing left to train" + (f": {ending}" if ending else "; a larger --epochs goes on"))
    elif progress.ending:
        say(progress.ending)
    if "test" in run.parts:
        say(_test_figures(run))
    _write(run, saver, plot)
    trouble = saver and saver.trouble or log.trouble
    if trouble:
        raise RunError(f"the training has ended, but {trouble}")


def _stop(saver, progress, signum):
    """Save, and end with the exit code of the signal."""
    where = f"stopped in epoch {progress.epoch}, after {progress.examples:,} of {progress.of:,} examples"
    if saver is None:
        raise Interrupted(f"{where}; nothing is saved, as there is no --out", signum)
    saver.save()
    if saver.trouble:
        raise Interrupted(f"{where}; {saver.trouble}", signum)
    raise Interrupted(f"{where}; hw5 train --resume {shlex.quote(str(saver.path))} goes on from there", signum)


def _interval(text, keep, out):
    """The Interval of --checkpoint-every, None where there is none. Raises InputError where an option lacks another."""
    if keep and not text:
        raise InputError("--keep needs --checkpoint-every, which says when there is a checkpoint to keep")
    if text and not out:
        raise InputError("--checkpoint-every needs --out, the file to write")
    return Interval.of(text) if text else None


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
        f"learning rate {settings.lr:g}, on {run.network.device.description}" + _going_on(run.training)
    )


def _going_on(training):
    if not training.steps or training.is_over:
        return ""
    return f"\ngoing on in epoch {training.epoch}, after {training.done:,} of {len(training.rows):,} examples"


def _test_figures(run):
    n = len(run.parts["test"].rows)
    if run.settings.is_regression:
        _, r2, rmse = run.regression_figures("test")
        return f"test R² {r2:.4f}, RMSE {rmse:.4g} ({n:,} examples)"
    loss, accuracy = run.evaluate("test")
    return f"test accuracy {accuracy:.2%}, {loss_name(run.settings)} {loss:.4f} ({n:,} examples)"


@contextmanager
def _stoppable():
    """Within the block, the first Ctrl-C or SIGTERM fills the list that it gives, and the second ends the program."""
    signals = []

    def first(signum, frame):
        signals.append(signum)
        for each in before:
            signal.signal(each, signal.SIG_DFL)
        warn("stopping after this step; once more to leave at once")

    before = {signum: signal.signal(signum, first) for signum in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield signals
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)


def _write(run, saver, plot):
    if saver:
        saver.save()
        if not saver.trouble:
            say(f"saved {saver.path}")
    if plot and run.history:
        plot_training(run.history, plot, title=f"{run.dataset.name}, {run.settings.model}")
        say(f"drew {plot}")
    if not saver:
        say("not saved; --out FILE keeps the model")
