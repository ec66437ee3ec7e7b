"""hw5 tune"""

import math
import shlex
from contextlib import closing, nullcontext
from functools import partial

import click

from hw5.cli import ranks
from hw5.cli.display import (
    figures_as_json,
    in_words,
    print_tables,
    say,
    show_progress,
    show_trials,
    table,
    waiting,
    warn,
)
from hw5.cli.options import READING, as_json, reading_of, require_another_file, warn_of
from hw5.cli.parameter_types import File, Number
from hw5.cli.plan import given_options
from hw5.cli.signals import stoppable
from hw5.cli.train import command as train
from hw5.datasets import STANDARD_INPUT
from hw5.datasets.preprocessing import require_validation, split_dataset
from hw5.devices import open_device
from hw5.devices.cores import usable_cores
from hw5.errors import InputError, Interrupted, RunError
from hw5.files import write_lock
from hw5.train.data_source import DataSource
from hw5.train.figures import figures_on
from hw5.train.plan import new_plan
from hw5.train.run import Run
from hw5.train.saving import Saver
from hw5.train.space import SEARCHED, space_of
from hw5.train.study import Study, require_optuna, study_file
from hw5.train.trials import Task, TrialRunner, open_there, run_in_processes, run_in_turn, run_on_ranks

# Options of hw5 train about a single training, or about several; and those that change nothing of the trials
_NOT_HERE = (
    "resume out checkpoint_every keep folds restarts as_json log tensorboard plot watch config_file persistent".split()
)
_OWN = "trials time jobs study out as_json".split()
_FREE = [*_OWN, *"device_name threads precision data_dir data test".split()]  # the digest of the data decides


@click.command("tune", params=[option for option in train.params if option.name not in _NOT_HERE])
@click.option("--trials", type=click.IntRange(min=1), default=50, show_default=True, help="Number of trials in all.")
@click.option("--time", metavar="SECONDS", type=Number(min=0, min_open=True), help="Start no trial after this time.")
@click.option(
    "--jobs",
    type=click.IntRange(1, 1024),
    default=1,
    show_default=True,
    help="Number of processes, which share the cores (--threads is for each).",
)
@click.option("--study", type=File(), help="Keep the trials in this file; if it exists, continue the search.")
@click.option("--out", type=File(), help="Save the best model to this checkpoint (.npz).")
@as_json("Print the trials as JSON.")
@click.pass_context
@ranks.pooled
def command(ctx, pool, trials, time, jobs, study, out, as_json, device_name, threads, precision, data_dir, **asked):
    """Search for the learning rate, hidden layers, minibatch and L2 penalty with the lowest validation loss.

    Options that are given are not searched. The test set is used for the best model only.

    \b
    hw5 tune --data flowers.csv --trials 50 --out best.npz
    hw5 tune --data flowers.csv --study flowers.study --jobs 4      stop it, and start it again to continue
    """
    require_optuna()
    given = given_options(ctx)
    plan = new_plan(reading=reading_of(*(asked.pop(name) for name in READING)), **asked)
    space = space_of(plan.settings, given)
    _check(plan, jobs, study, out, pool)
    with write_lock(out, "--out") if out else nullcontext(), study_file(study) as path:
        open_with = partial(open_device, device_name, precision)
        runner = _first_runner(plan, given, space, path, open_with, threads, data_dir)
        if pool:
            open_with = partial(open_there, device_name, precision)
        share = pool.threads if pool else threads or max(1, usable_cores() // jobs)
        task = runner.task._replace(open_device=partial(open_with, share))
        with stoppable() as signals, closing(_run(runner, task, jobs, pool, trials, time or math.inf, signals)) as done:
            for _ in show_trials(done, runner.study, trials):
                pass
        if signals:
            what_to_do = (
                "run the same command again to continue" if study else "add --study FILE to be able to continue"
            )
            raise Interrupted(f"stopped after {len(runner.study.finished())} trials; {what_to_do}", signals[0])
        _report(runner, _command_line(ctx, given), out, as_json)


def _check(plan, jobs, study, out, pool):
    """Raise InputError if the data cannot be read in each process, or an output is also an input."""
    if jobs > 1 and pool:
        raise InputError("--jobs starts processes, and the MPI launcher has done so; leave it out")
    if pool and plan.data == STANDARD_INPUT:
        raise InputError("each rank reads the data, but standard input can be read only once; use a file")
    if jobs > 1 and plan.data == STANDARD_INPUT:
        raise InputError("--jobs reads the data once per process, but standard input can be read only once; use a file")
    if out:
        require_another_file(out, "--out", plan.data, plan.test, study)
    if study:
        require_another_file(study, "--study", plan.data, plan.test)


def _first_runner(plan, given, space, path, open_with, threads, data_dir):
    """The TrialRunner of this process, and with it the study, new or to be continued."""
    load_data = partial(plan.loader(data_dir), test=plan.test, training_rows=plan.rows_to_train_on)
    with waiting(f"reading {plan.data}"):
        dataset = load_data()
    warn_of(dataset)
    plan = plan.for_data(dataset)
    settings = plan.settings
    splits = split_dataset(dataset, settings.validation, settings.holdout, settings.seed_of_splits)
    require_validation(splits, settings, "hw5 tune")
    source = DataSource.of(dataset, plan.test, plan.label_column, plan.reading)
    purpose = {"data": source.digest} | {name: value for name, value in given.items() if name not in _FREE}
    arguments = path, space, plan.settings.seed, plan.settings.epochs
    n = plan.examples_to_train_on(dataset)
    task = Task(arguments, partial(open_with, threads), load_data, plan.given, n, source)
    return TrialRunner(task, Study.open(*arguments, plan.settings, purpose), dataset=dataset)


def _run(runner, task, jobs, pool, trials, seconds, signals):
    """Make the trials that are missing, yielding after each, until there are signals."""
    missing, limits = range(len(runner.study.finished()), trials), (seconds, lambda: bool(signals))
    if pool:
        return run_on_ranks(task, missing, pool.executor, pool.size, *limits)
    return run_in_turn(runner, missing, *limits) if jobs == 1 else run_in_processes(task, missing, jobs, *limits)


def _report(runner, line, out, as_json):
    """Print the trials, and how to train the best again; train and save it if there is a file for it."""
    best, trials = runner.study.best(), runner.study.finished()
    if best is None:
        raise RunError("no trial was finished: all diverged, or --time is too short")
    rows = [_row(number, trial) for number, trial in enumerate(trials, start=1)]
    settings = runner.task.settings(best.user_attrs["settings"])
    figures = {"trials": rows, "best": rows[trials.index(best)]}
    say_unless_json = (lambda text: None) if as_json else say
    if not as_json:
        print_tables(_table(rows))
    if out:
        run = _train(runner, settings, out)
        say_unless_json(f"saved {out}")
        if "test" in run.splits:
            figures["test"] = figures_on(run, "test")
            say_unless_json(f"test {in_words(figures['test'], settings)} ({figures['test']['examples']:,} examples)")
    figures["command"] = line(best.user_attrs["settings"])
    say(figures_as_json(figures) if as_json else f"to train the best again: {figures['command']}")


def _train(runner, settings, out):
    """Train the best again, which takes one trial's time and gives the same bits, and save it."""
    run = Run(runner.device, runner.dataset, settings, runner.task.source)
    for _ in show_progress(run.train(), settings.epochs, lines=False):
        pass
    saver = Saver(run, out, warn=warn)
    saver.finish()
    if saver.error:
        raise RunError(f"training finished, but {saver.error}")
    return run


def _row(number, trial):
    """A trial for JSON; its loss is None if it diverged."""
    attributes = trial.user_attrs
    kept = {name: attributes[name] for name in ("accuracy", "r2", "rmse", "epochs") if name in attributes}
    loss = None if attributes.get("ending") == "diverged" else trial.value
    return {"trial": number, "loss": loss} | kept | attributes["settings"] | {"ending": attributes.get("ending")}


def _table(rows):
    """The trials, the best first, then those that were stopped, then those that diverged."""
    score = {"r2": "R²"} if any("r2" in row for row in rows) else {"accuracy": "accuracy"}
    tuned = {name: name.replace("_", " ") for name in SEARCHED if name in rows[0]}
    columns = {"trial": "trial", "loss": "validation loss"} | score | tuned | {"epochs": "epochs", "ending": ""}
    shown = table(*columns.values())
    for row in sorted(rows, key=lambda row: (row["ending"] or "", row["loss"] or 0)):
        shown.add_row(*(_cell(name, row.get(name)) for name in columns))
    return shown


def _cell(name, value):
    if name == "ending":
        return value or ""
    return "-" if value is None else f"{value:.4f}" if name in ("loss", "accuracy", "r2") else _written(value)


def _command_line(ctx, given):
    """A function of the tuned settings, by name, for the hw5 train that trains with them and the given options."""
    options = [option for option in ctx.command.params if option.name in given and option.name not in _OWN]

    def line(tuned):
        words = [word for option in options for word in _words(option.opts[0], given[option.name])]
        words += [word for name, value in tuned.items() for word in _words("--" + name.replace("_", "-"), value)]
        return shlex.join(["hw5", "train", *words])

    return line


def _words(flag, value):
    if isinstance(value, bool):
        return [flag] if value else []
    return [flag, _written(value)]


def _written(value):
    return ",".join(map(str, value)) if isinstance(value, (tuple, list)) else str(value)
