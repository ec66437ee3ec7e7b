"""hw5 train --folds and --restarts: train several models, and report each and their spread."""

import math
import signal
from functools import partial

from hw5.cli.display import in_words, say, show_progress, warn
from hw5.datasets import STANDARD_INPUT
from hw5.errors import InputError, Interrupted, RunError
from hw5.train.advice import worse_than_guessing
from hw5.train.figures import figures_on, mean_and_std
from hw5.train.folds import folds_of
from hw5.train.log import Log
from hw5.train.restarts import restarts
from hw5.train.saving import Saver

# Options that a training of several models cannot have, by the option that asks for them
_REFUSED = {
    "folds": {"resume": "which trains new models", "restarts": "which tests models instead of choosing one"},
    "restarts": {
        "resume": "which trains new models",
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
    """What watches several trainings: the bar, --log and --tensorboard."""

    def __init__(self, log, tensorboard):
        """log: a path or None. tensorboard: a function of a name, for the directory of a training."""
        self.log, self.tensorboard, self.errors = log, tensorboard, []

    def watch(self, run, **which):
        """Train a run, such as watch(run, fold=1), and return its last Progress. Raises RunError."""
        ((name, number),) = which.items()
        logs, progress = [Log(self.log, warn, which), self.tensorboard(f"{name}{number}")], None
        try:
            for progress in show_progress(run.train(), run.settings.epochs, lines=False):
                for log in logs:
                    log.update(progress)
        except RunError as error:
            raise RunError(f"{name} {number}: {error}") from error
        self.errors += [log.error for log in logs if log.error]
        return progress


def cross_validate(device, dataset, plan, source, n, load_for, observers, announce):
    """Train and test n folds; return their figures for JSON. load_for(rows) gives the data with columns fitted on rows."""
    rows = []
    for fold in folds_of(dataset, n, plan.settings):
        run = fold.run(device, load_for(fold.rows["train"]), plan.given, source)
        if fold.number == 1:
            announce(run, f"{n} folds; the first: ")
        observers.watch(run, fold=fold.number)
        rows.append({"fold": fold.number} | figures_on(run, "test"))
        say(f"fold {fold.number} of {n}: {in_words(rows[-1], run.settings)} ({rows[-1]['examples']:,} examples)")
    mean, std = mean_and_std([{name: x for name, x in row.items() if name != "fold"} for row in rows])
    say(f"mean of {n} folds: {in_words(mean, plan.settings, std)} (± standard deviation)")
    guessing = dataset.class_names and worse_than_guessing(
        mean["accuracy"], dataset.train.y, dataset.train.y, dataset.class_names
    )
    if guessing or mean.get("r2", 1) <= 0:
        say(guessing or "no better than always predicting the mean: check the features")
    return {"folds": rows, "mean": mean, "std": std}


def best_of(device, dataset, plan, source, n, out, observers, announce):
    """Train n seeds; return the Run with the lowest validation loss, its last Progress, its Saver, and their figures.

    The best so far is saved, so that an interrupt loses at most one training.
    """
    rows, best, save = [], None, partial(Saver, path=out, warn=warn) if out else lambda run: None
    try:
        for run in restarts(device, dataset, plan.settings, source, n):
            if not rows:
                announce(run)
            try:
                progress = observers.watch(run, seed=run.settings.seed)
            except RunError as error:
                say(str(error))
                rows.append({"seed": run.settings.seed, "loss": None})
                continue
            rows.append({"seed": run.settings.seed} | figures_on(run, "validation"))
            say(f"seed {run.settings.seed}: validation {in_words(rows[-1], run.settings)}")
            if best is None or _order(rows[-1]) < _order(best[-1]):
                best = run, progress, save(run), rows[-1]
                if out:
                    best[2].save()
    except KeyboardInterrupt:
        where = f"; the best of the finished ones was saved to {out}" if out and best else "; nothing was saved"
        raise Interrupted(f"interrupted in training {len(rows) + 1} of {n}{where}", signal.SIGINT) from None
    if best is None:
        raise RunError(f"all {n} trainings diverged; try a smaller --lr")
    _say_spread(rows, best[-1], plan.settings)
    if out and best[2].error:
        best[2].finish()
    return *best[:3], {"restarts": rows, "seed": best[-1]["seed"]}


def _order(row):
    """The loss; infinity if it is NaN, as where a validation example is beyond float32."""
    return row["loss"] if row["loss"] == row["loss"] else math.inf


def _say_spread(rows, best, settings):
    finished = [row for row in rows if row["loss"] is not None]
    if len(finished) > 1:
        mean, std = mean_and_std([{name: x for name, x in row.items() if name != "seed"} for row in finished])
        say(f"mean of {len(finished)} seeds: validation {in_words(mean, settings, std)} (± standard deviation)")
    say(f"kept seed {best['seed']}, whose validation loss is the lowest")
