"""hw5 train"""

import os
import shlex
import signal
import sys
from contextlib import contextmanager, nullcontext, redirect_stdout

import click

from hw5.cli import config, options, output, ranks, several
from hw5.cli.display import figures_as_json, say, show_progress, waiting, warn
from hw5.cli.parameter_types import File, Layers, OneOf
from hw5.cli.plan import given_options, require_same_arithmetic, resumed_plan
from hw5.cli.run_report import announce, headline, report
from hw5.cli.setting_options import settings
from hw5.cli.signals import stoppable
from hw5.datasets import BUILT_IN
from hw5.errors import InputError, Interrupted, RunError
from hw5.files import require_writable, write_lock
from hw5.interrupts import is_interrupt
from hw5.nn.losses import LOSSES
from hw5.plots import require_matplotlib
from hw5.train.checkpoint import Checkpoint
from hw5.train.data_source import DataSource
from hw5.train.log import Log, require_log
from hw5.train.plan import MODELS, new_plan
from hw5.train.run import Run
from hw5.train.saving import Interval, Saver
from hw5.train.tensorboard import TensorBoard


@click.command("train")
@click.option(
    "--model",
    type=OneOf(MODELS),
    default="mlp",
    show_default=True,
    help="Model type: no hidden layer, hidden layers, the hidden layers of LeNet-5, or the perceptron.",
)
@click.option(
    "--hidden",
    type=Layers(),
    help="Units of each hidden layer, such as 256,128; for images also convolutions and pooling, such as "
    "conv:6x5+2,pool:2,conv:16x5,pool:2,120,dropout:0.5.  [default: 128]",
)
@options.task
@click.option(
    "--loss",
    type=OneOf([name for name in LOSSES if name != "perceptron"]),
    help="Loss function.  [default: cross-entropy; multilabel-cross-entropy for multilabel, squared for regression]",
)
@options.data(
    "digits",
    f"Built-in data set ({', '.join(BUILT_IN)}), or path to a table, or to IDX, NPZ or NPY data; - reads standard "
    "input.",
)
@options.reading
@settings
@options.device
@options.threads
@options.precision
@options.persistent
@click.option("--out", type=File(), help="Save the model to this checkpoint (.npz).")
@click.option(
    "--checkpoint-every", metavar="N[steps|epochs|s]", help="Also save during training, every 500steps, 5epochs or 60s."
)
@click.option(
    "--keep",
    type=click.IntRange(min=1),
    help="Also keep the last N checkpoints, next to --out, and the one with the lowest validation loss.",
)
@click.option("--resume", metavar="CHECKPOINT", type=File(), help="Resume training from this checkpoint.")
@click.option(
    "--folds",
    metavar="N",
    type=click.IntRange(min=2),
    help="Cross-validate: split the examples into N folds, and test a model on each that was trained on the others. "
    "With --out, also train a model on all of them. --holdout is 0 unless given.",
)
@click.option(
    "--restarts",
    metavar="N",
    type=click.IntRange(min=1),
    help="Train with N seeds, from --seed on, and keep the model with the lowest validation loss.",
)
@options.as_json("Print the figures as JSON, and all else to standard error.")
@click.option("--log", type=File(), help="Append one JSON line per epoch to this file.")
@click.option("--tensorboard", metavar="DIR", type=File(), help="Write TensorBoard events to this directory.")
@click.option("--plot", type=File(), help="Plot loss and accuracy to this PNG file.")
@click.option(
    "--watch", is_flag=True, help="Serve a page that follows the training, at a local address that is printed."
)
@config.option
@click.pass_context
@ranks.shared
def command(
    ctx,
    together,
    resume,
    out,
    checkpoint_every,
    keep,
    folds,
    restarts,
    as_json,
    log,
    tensorboard,
    plot,
    watch,
    device_name,
    threads,
    precision,
    persistent,
    data_dir,
    config_file,
    **asked,
):
    """Train a model and save it as a checkpoint.

    \b
    hw5 train --out model.npz                                the bundled digits
    hw5 train --data flowers.csv --label-column species      your own data
    hw5 train --model linear --data mnist --epochs 20
    hw5 train --task regression --data houses.csv --label-column price
    hw5 train --resume model.npz --epochs 100                resume a stopped or finished run
    hw5 train --config model.toml --seed 7                   options from a file, as printed by hw5 show
    hw5 train --data flowers.csv --folds 5                   cross-validation
    """
    given, target, out = given_options(ctx), "--out" if out else "--resume", out or resume
    several.require_compatible(given)
    if folds and "holdout" not in given:
        asked["holdout"] = 0.0
    every = _interval(checkpoint_every, keep, out)
    reading = options.reading_of(*(asked.pop(name) for name in options.READING))
    asked["slices"] = asked["slices"] or (ranks.SLICES if together else None)
    plan, checkpoint = (None if resume else new_plan(reading=reading, **asked)), None
    if resume and not os.path.exists(resume):
        Checkpoint.load(resume)  # says what is wrong, before a folder is made for the lock
    if out:
        require_writable(out, target)
    with output.guarded() as streams, write_lock(out, target) if out else nullcontext(), _json(as_json) as figures:
        if resume:  # read under the lock, when no other run writes it
            checkpoint = Checkpoint.load(resume)
            plan = resumed_plan(checkpoint, resume, given)
        others = {"--config": config_file, "--resume": resume, "--tensorboard": tensorboard}
        _check_outputs(
            {"--out": out, "--log": log, "--plot": plot}, {"--data": plan.data, "--test": plan.test} | others
        )
        device = ranks.open_device(together, plan.settings, device_name, precision, threads, persistent)
        load_data = plan.loader(data_dir)
        dataset = _read(plan, load_data, checkpoint)
        plan = plan if checkpoint else plan.for_data(dataset)
        source = DataSource.of(dataset, plan.test, plan.label_column, plan.reading)
        observers, common = several.Observers(log, tensorboard), (device, dataset, plan, source)
        if folds:
            options.warn_of(dataset)
            figures |= several.cross_validate(*common, folds, load_data, observers, headline)
        if restarts:
            _train_seeds(common, restarts, out, observers, plot, figures)
        elif folds and not (out or plot):
            say("not saved; use --out FILE to train a model on all of these examples and save it")
            output.require_written(*observers.logs)
        else:
            pause_every = every.n if every and every.unit == "steps" else None
            run = Run(device, dataset, plan.settings, source, checkpoint, pause_every)
            if checkpoint:
                require_same_arithmetic(checkpoint, resume, run.stepper, given)
            if folds:
                say(headline(run, "a model of all folds: "))
            else:
                announce(run)
            saver = Saver(run, out, every, keep or 0, warn) if out else None
            with _followers(run, log, tensorboard, watch) as followers:
                _train(run, saver, followers, plot, figures)
    lost = output.failure(streams)
    if lost:
        raise RunError(f"training finished, but {lost}")


@contextmanager
def _json(wanted):
    """Yield a dict, which is printed as JSON at the end if wanted.

    What is printed meanwhile goes to standard error.
    """
    figures = {}
    with redirect_stdout(sys.stderr) if wanted else nullcontext():
        yield figures
    if wanted:
        say(figures_as_json(figures))


def _read(plan, load_data, checkpoint):
    """The Dataset of a plan, for the schema of a checkpoint if there is one."""
    schema = checkpoint.schema if checkpoint else None
    with waiting(f"reading {plan.data}"):
        return load_data(test=plan.test, schema=schema, training_rows=plan.rows_to_train_on)


def _train_seeds(common, restarts, out, observers, plot, figures):
    """Train several seeds, and keep and report the best; the figures of all are added to figures."""
    best, of_all = several.best_of(*common, restarts, out, observers, announce)
    figures |= of_all
    report(best.run, best.progress, best.saver, plot, figures)
    output.require_written(best.saver, *observers.logs)


@contextmanager
def _followers(run, log, tensorboard, watch):
    """Yield what follows a run besides its Saver: the logs, and a page if it is to be watched."""
    logs = [Log(log, warn), TensorBoard(tensorboard, run.settings, warn)]
    if not watch:
        yield logs
        return
    from hw5.watch import watching

    with watching(run, run.dataset.name, lambda address: say(f"watch it at {address}"), warn) as page:
        yield [*logs, page] if page else logs


def _train(run, saver, followers, plot, figures):
    """Train until the end or a signal; save before anything else is done."""
    progress, signals = _train_until_a_signal(run, saver, followers)
    if signals and progress:
        _stop(saver, progress, signals[0])
    try:
        report(run, progress, saver, plot, figures)
    except BaseException as error:
        if not is_interrupt(error):
            raise
        where = f"; {saver.error or f'the model was saved to {saver.path}'}" if saver else ""
        raise Interrupted(f"interrupted after the training{where}", signal.SIGINT) from None
    output.require_written(saver, *followers)


def _train_until_a_signal(run, saver, followers):
    """The last Progress, or None if nothing was left to train, and the signals; the model is saved."""
    progress = None
    with stoppable() as signals:
        for progress in show_progress(run.train(), run.settings.epochs):
            for follower in (*followers, saver) if saver else followers:
                follower.update(progress)
            if signals:
                break
        if saver:
            saver.finish()
    return progress, signals


def _stop(saver, progress, signum):
    """Exit with the code for the signal."""
    where = f"stopped in epoch {progress.epoch}, after {progress.examples:,} of {progress.of:,} examples"
    if saver is None:
        raise Interrupted(f"{where}; not saved, because there is no --out", signum)
    if saver.error:
        raise Interrupted(f"{where}; {saver.error}", signum)
    raise Interrupted(f"{where}; to resume: hw5 train --resume {shlex.quote(str(saver.path))}", signum)


def _interval(text, keep, out):
    """The Interval of --checkpoint-every, or None. Raises InputError if an option that it needs is missing."""
    if keep and not text:
        raise InputError("--keep needs --checkpoint-every; add it")
    if text and not out:
        raise InputError("--checkpoint-every needs --out; add it")
    return Interval.of(text) if text else None


def _check_outputs(outputs, inputs):
    """Raise InputError if an output cannot be written, or is also another output or an input; --out may be --resume."""
    outputs = {option: path for option, path in outputs.items() if path is not None}
    files = {option: path for option, path in inputs.items() if path and path not in BUILT_IN}
    taken = {os.path.realpath(path): option for option, path in files.items()}
    for option, path in outputs.items():
        other = taken.setdefault(os.path.realpath(path), option)
        if other != option and (option, other) != ("--out", "--resume"):
            raise InputError(f"{option} and {other} are the same file, {path}; choose different files")
    if "--plot" in outputs:
        options.require_png(outputs["--plot"], "--plot")
        require_matplotlib()
    for option, path in outputs.items():  # which makes folders
        require_writable(path, option)
    require_log(outputs.get("--log"))
