"""The trials of a study: each trains a network and is judged on the validation set, in this process or several."""

import math
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from time import monotonic
from typing import Any, NamedTuple

from hw5.errors import InputError, RunError
from hw5.train.data_source import DataSource
from hw5.train.defaults import settings_for
from hw5.train.figures import figures_on
from hw5.train.ranks import open_here
from hw5.train.run import Run
from hw5.train.study import Study

_SECONDS_BETWEEN_QUESTIONS = 0.2
_REPORTS = 20  # of a trial at most: each is written to disk


class Task(NamedTuple):
    """What the trials of a study have in common: the arguments of Study, how to get device and data, and settings.

    It can be sent to another process, which opens and loads for itself.
    """

    study: tuple
    open_device: Callable[[], Any]
    load: Callable[[], Any]
    given: dict[str, Any]  # as for settings_for
    n: int  # training examples
    source: DataSource

    def settings(self, tuned):
        """The Settings with the tuned ones, by name."""
        return settings_for(self.n, **self.given | tuned)


class TrialRunner:
    """Runs trials of a Task, one after the other."""

    def __init__(self, task, study=None, device=None, dataset=None):
        self.task, self.study = task, study or Study(*task.study)
        self.device, self.dataset = device or task.open_device(), dataset or task.load()

    def run(self, index, is_stopped=lambda: False):
        """Make the index-th trial, from 0; is_stopped() is asked often, and if it is true, the trial is given up."""
        trial, tuned = self.study.ask(index)
        run = Run(self.device, self.dataset, self.task.settings(tuned), self.task.source)
        try:
            ending = _train(run, trial, is_stopped)
        except RunError:
            self.study.tell(trial, ending="diverged")
            return
        if ending == _GIVEN_UP:
            return
        figures = figures_on(run, "validation") | {"epochs": len(run.history)}
        loss = figures.pop("loss")
        if ending is None and math.isfinite(loss):
            self.study.tell(trial, loss, **figures)
        else:
            self.study.tell(trial, ending=ending or "diverged", **figures)


_GIVEN_UP = "given up"


def _train(run, trial, is_stopped):
    """Train, and report some of the epochs; return why the training ended before its end, or None.

    The study stops a trial that is worse than others.
    """
    every = -(-run.settings.epochs // _REPORTS)
    for progress in run.train():
        if is_stopped():
            return _GIVEN_UP
        if progress.epoch_ends and progress.epoch % every == 0 and progress.epoch < run.settings.epochs:
            trial.report(progress.validation_loss, progress.epoch)
            if trial.should_prune():
                return "stopped early"
    return None


def run_in_turn(runner, indices, seconds, is_stopped):
    """Make the trials in this process, yielding after each; none begins after this number of seconds.

    It ends if is_stopped(), without an exception, which could hit Optuna while it writes.
    """
    deadline = monotonic() + seconds
    for index in indices:
        if monotonic() >= deadline or is_stopped():
            return
        runner.run(index, is_stopped)
        yield index


def run_in_processes(task, indices, jobs, seconds, is_stopped):
    """As run_in_turn, in several processes at once, which end when the generator is closed."""
    context, is_over = multiprocessing.get_context("spawn"), False  # threads and GPUs do not survive a fork
    with ProcessPoolExecutor(jobs, context, _start, (task,)) as pool:
        try:
            with _signals_wait():
                for _ in range(jobs):  # each starts a process
                    pool.submit(os.getpid)
            yield from _share_out(partial(pool.submit, _run), indices, jobs, seconds, is_stopped)
            is_over = not is_stopped()
        except BrokenProcessPool as error:
            raise RunError("a process of --jobs was killed, perhaps for lack of memory; try fewer") from error
        finally:
            for child in () if is_over else multiprocessing.active_children():
                child.terminate()


@contextmanager
def _signals_wait():
    """Hold back the signals of a terminal: a process that is started meanwhile gets none before it can ignore them."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def run_on_ranks(task, indices, pool, jobs, seconds, is_stopped):
    """As run_in_turn, on several ranks at once (jobs), to which an executor of mpi4py (pool) sends the trials."""
    yield from _share_out(partial(pool.submit, _run_there, task), indices, jobs, seconds, is_stopped)


def _share_out(submit, indices, jobs, seconds, is_stopped):
    """Submit the trials, yielding after each; at most `jobs` of them run at once."""
    deadline, left = monotonic() + seconds, iter(indices)
    running = {submit(index) for _, index in zip(range(jobs), left)}
    while running and not is_stopped():
        done, running = wait(running, _SECONDS_BETWEEN_QUESTIONS, FIRST_COMPLETED)
        for future in done:
            yield future.result()
            if monotonic() < deadline:
                running |= {submit(index) for _, index in zip(range(1), left)}


@dataclass
class _Process:
    """This process, if another gives it trials.

    task: its Task. runner: its TrialRunner. signals: those that it got. number: its number on the machine.
    """

    task: Task | None = None
    runner: TrialRunner | None = None
    signals: list = field(default_factory=list)
    number: int = 0

    def runner_for(self, task):
        """The TrialRunner, made at the first trial: here, and not at the start, an error reaches the parent."""
        self.runner = self.runner or TrialRunner(task)
        return self.runner


_here = _Process()


def _start(task):
    """Begin a process of run_in_processes. It leaves the signals of a terminal to its parent, and dies with it."""
    for name in {"SIGINT", "SIGHUP"} & set(signal.Signals.__members__):
        signal.signal(signal.Signals[name], signal.SIG_IGN)
    threading.Thread(target=_die_with, args=(multiprocessing.parent_process(),), daemon=True).start()
    _here.task = task


def _die_with(parent):
    parent.join()
    os._exit(1)


def _run(index):
    _here.runner_for(_here.task).run(index)
    return index


def _run_there(task, index):
    """Make a trial at another rank.

    A signal of the launcher gives it up. Raises InputError without the study's file.
    """
    path, *_ = task.study
    if not os.path.exists(path):
        raise InputError(f"the ranks of another machine do not see {path}; give --study a file that all of them share")
    _here.runner_for(task).run(index, lambda: bool(_here.signals))
    return index


def take_part(number):
    """Be a rank that rank 0 tells what to do: signals end trials, not the process.

    number: among those of its machine.
    """
    _here.number = number
    for name in {"SIGINT", "SIGTERM", "SIGHUP"} & set(signal.Signals.__members__):
        signal.signal(signal.Signals[name], lambda signum, frame: _here.signals.append(signum))


def open_there(name, precision, threads):
    """The device of this name at a rank; with cuda, each of a machine has a GPU of its own, if there are enough."""
    return open_here(name, precision, threads, _here.number)
