"""hw5 train --folds and --restarts: train several models, and report each and their spread."""

import math
import os
import signal
from typing import NamedTuple

import numpy as np

from hw5.cli.display import in_words, say, show_progress, waiting, warn
from hw5.datasets import STANDARD_INPUT
from hw5.errors import InputError, Interrupted, RunError
from hw5.interrupts import is_interrupt
from hw5.train.advice import guessing
from hw5.train.figures import figures_on, mean_and_std
from hw5.train.folds import folds_of
from hw5.train.log import Log
from hw5.train.restarts import restarts
from hw5.train.run import Run
from hw5.train.saving import Saver
from hw5.train.tensorboard import TensorBoard
from hw5.train.training import Progress

# Options that a training of several models cannot have, by the option that asks for them
_REFUSED = {
    "folds": {
        "resume": "which trains new models",
        "restarts": "which tests models instead of choosing one",
        "watch": "which trains several models",
    },
    "restarts": {
        "resume": "which trains new models",
        "watch": "which trains several models",
        "checkpoint_every": "which saves the best of the finished trainings",
    },
}


def require_compatible(given):
    """Raise InputError if the options, by name, contradict --folds or --restarts."""
    for option in _REFUSED.keys() & given.keys():
        for other, why in _REFUSED[option].items():
            if other in given:
                raise InputError(f"--{other.replace('_', '-')} cannot be used with --{option}, {why}; leave one out")
    if "folds" in given and given.get("data") == STANDARD_INPUT:
        raise InputError(
            "--folds reads the data once per fold, and standard input can be read only once; save it to a file"
        )


class Observers:
    """What watches several trainings: the bar, --log and --tensorboard, which may be None. logs: those used so far."""

    def __init__(self, log, tensorboard):
        self.log, self.tensorboard, self.logs = log, tensorboard, []

    def watch(self, run, **which):
        """Train a run, such as watch(run, fold=1), and return its last Progress. Raises RunError."""
        ((name, number),) = which.items()
        board = self.tensorboard and os.path.join(self.tensorboard, f"{name}{number}")
        logs, progress = [Log(self.log, warn, which), TensorBoard(board, run.settings, warn)], None
        self.logs += logs
        try:
            for progress in show_progress(run.train(), run.settings.epochs, lines=False):
                for log in logs:
                    log.update(progress)
        except RunError as error:
            raise RunError(f"{name} {number}: {error}") from error
        return progress


def _fitted_on(dataset, load_data, rows):
    """The data set with its columns fitted on these rows; only a table has columns to fit, and is read again."""
    if dataset.columns is None:
        return dataset
    with waiting(f"reading {dataset.name}"):
        again = load_data(training_rows=lambda y: rows)
    if not np.array_equal(again.train.y, dataset.train.y):
        raise InputError(f"{dataset.name} has changed since it was first read; keep it unchanged during --folds")
    return again


def cross_validate(device, dataset, plan, source, n, load_data, observers, headline):
    """Train and test n folds; return their figures for JSON. load_data(training_rows=...) reads the data set again."""
    rows = []
    for fold in folds_of(dataset, n, plan.settings):
        run = fold.run(device, _fitted_on(dataset, load_data, fold.rows["train"]), plan.given, source)
        if fold.number == 1:
            say(headline(run, f"{n} folds; the first: "))
        observers.watch(run, fold=fold.number)
        rows.append({"fold": fold.number} | figures_on(run, "test"))
        say(f"fold {fold.number} of {n}: {in_words(rows[-1], run.settings)} ({rows[-1]['examples']:,} examples)")
    mean, std = mean_and_std(rows)
    say(f"mean of {n} folds: {in_words(mean, plan.settings, std)} (± standard deviation)")
    y = dataset.train.y
    if no_better := guessing(mean, y, y, dataset.class_names):
        say(no_better)
    return {"folds": rows, "mean": mean, "std": std}


class BestRun(NamedTuple):
    """The best of several trainings so far: its run, its last Progress, its Saver or None, and its figures."""

    run: Run
    progress: Progress
    saver: Saver | None
    row: dict

    @property
    def order(self):
        """The validation loss; infinity if it is NaN, as where an example is beyond float32."""
        return self.row["loss"] if self.row["loss"] == self.row["loss"] else math.inf


def best_of(device, dataset, plan, source, n, out, observers, announce):
    """Train n seeds; return the BestRun, by its validation loss, and the figures of all for JSON.

    The best so far is saved, so that an interrupt loses at most one training.
    """
    rows, best = [], None
    try:
        for run in restarts(device, dataset, plan.settings, source, n):
            if not rows:
                announce(run)
            tried = _tried(run, observers, out)
            rows.append(tried.row if tried else {"seed": run.settings.seed, "loss": None})
            if tried and (best is None or tried.order < best.order):
                best = tried
                if best.saver:
                    best.saver.save()
    except BaseException as error:
        if not is_interrupt(error):
            raise
        where = f"the best of the finished ones was saved to {out}" if out and best else "nothing was saved"
        raise Interrupted(f"interrupted in training {len(rows) + 1} of {n}; {where}", signal.SIGINT) from None
    if best is None:
        raise RunError(f"all {n} trainings diverged; try a smaller --lr")
    _say_spread(rows, best.row, plan.settings)
    if best.saver and best.saver.error:
        best.saver.finish()  # elsewhere
    return best, {"restarts": rows, "seed": best.row["seed"]}


def _tried(run, observers, out):
    """What came of training a run, as a BestRun, or None if it diverged, which is said."""
    seed = run.settings.seed
    try:
        progress = observers.watch(run, seed=seed)
    except RunError as error:
        say(str(error))
        return None
    row = {"seed": seed} | figures_on(run, "validation")
    say(f"seed {seed}: validation {in_words(row, run.settings)}")
    return BestRun(run, progress, Saver(run, out, warn=warn) if out else None, row)


def _say_spread(rows, best, settings):
    finished = [row for row in rows if row["loss"] is not None]
    if len(finished) > 1:
        mean, std = mean_and_std(finished)
        say(f"mean of {len(finished)} seeds: validation {in_words(mean, settings, std)} (± standard deviation)")
    say(f"kept seed {best['seed']}, whose validation loss is the lowest")
