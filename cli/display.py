"""Training progress, messages and tables on the terminal. What data may have put into them is shown as text."""

import json
import math
import os
import sys
import threading
from contextlib import contextmanager

import click

from hw5.tables.descriptions import described as describe
from hw5.text import printable, shortened
from hw5.train.progress import with_bar


def show_progress(progress, epochs, lines=True):
    """Show training progress, and yield it.

    A bar is shown on standard error if it is a terminal. A line per epoch is printed to standard output if lines, and
    if it is not a terminal, or there is no bar.
    """
    bar = can_draw(sys.stderr)
    lines = lines and not (bar and is_terminal(sys.stdout))
    if bar:
        progress = with_bar(progress, epochs)
    for now in progress:
        if lines and now.epoch_ends:
            say(f"epoch {now.epoch:>{len(str(epochs))}}  {figures(now)}  {now.examples_per_second:,.0f} examples/s")
        yield now


def described(dataset):
    """Lines that say which column of a table has the labels, and how the others are used."""
    if dataset.label:
        kind = "labels" if dataset.class_names or dataset.train.y.dtype.kind == "i" else "targets"
        shown = ", ".join(map(shortened, dataset.class_names[:5])) + (", ..." if len(dataset.class_names) > 5 else "")
        yield printable(f"{kind}: {dataset.label}" + (f": {shown}" if shown else ""))
    if dataset.label and dataset.columns:
        yield from map(printable, describe(dataset.columns))


@contextmanager
def waiting(text):
    """Show on a terminal that something takes long, from its second second on, with the time that has passed.

    Yields a function that shows another text.
    """
    if not can_draw(sys.stderr):
        yield lambda text: None
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn()
    own = is_terminal(sys.stdout)  # else what is printed goes to a file, not above the line
    display = Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=own)
    task = display.add_task(printable(text))
    timer = threading.Timer(1, display.start)
    timer.daemon = True
    timer.start()
    try:
        yield lambda text: display.update(task, description=printable(text))
    finally:
        timer.cancel()
        timer.join()
        display.stop()


def is_terminal(stream):
    return stream is not None and stream.isatty()


def can_draw(stream):
    """Whether bars can be drawn on a stream: a terminal that is not dumb, and a thread that draws can start."""
    if not is_terminal(stream) or os.environ.get("TERM") == "dumb":
        return False
    thread = threading.Thread(target=int)
    try:
        thread.start()
    except RuntimeError:
        return False
    thread.join()
    return True


def say(text):
    """Print text to standard output, whose line breaks are the program's."""
    click.echo(printable(text, keep="\n"))


def warn(text):
    """Print a line to standard error."""
    click.echo(f"hw5: {printable(text)}", err=True)


def figures(now):
    """Loss and accuracy as text; a regression has no accuracy."""
    text = f"loss {now.loss:.4f}" + _accuracy(now.accuracy)
    if now.validation_loss is not None:
        text += f"  validation loss {now.validation_loss:.4f}" + _accuracy(now.validation_accuracy)
    return text


_FIGURES = {"accuracy": ("accuracy", ".2%"), "r2": ("R²", ".4f"), "rmse": ("RMSE", ".4g"), "loss": ("{}", ".4f")}


def in_words(figures, settings, std=None):
    """Figures by name, as those of hw5.train.figures, with standard deviations if given; no loss of a regression."""
    shown = [name for name in _FIGURES if name in figures and (name != "loss" or "r2" not in figures)]
    return ", ".join(_in_words(name, figures, std, loss_name(settings)) for name in shown)


def _in_words(name, figures, std, loss):
    label, form = _FIGURES[name]
    return f"{label.format(loss)} {figures[name]:{form}}" + (f" ± {std[name]:{form}}" if std else "")


def figures_as_json(figures):
    """Figures as JSON, in lists and dictionaries; nan and infinity become null."""
    return json.dumps(_finite(figures))


def _finite(x):
    if isinstance(x, dict):
        return {name: _finite(each) for name, each in x.items()}
    if isinstance(x, list):
        return list(map(_finite, x))
    return None if isinstance(x, float) and not math.isfinite(x) else x


def task_in_words(dataset, settings):
    """The task of a model without classes, and how many targets or labels an example has, if several."""
    q, word = len(dataset.target_names), "labels" if settings.task == "multilabel" else "targets"
    return f"{settings.task}, {q} {word}" if q else settings.task


def loss_name(settings):
    """The name of a model's loss in messages."""
    return "perceptron loss" if settings.loss == "perceptron" else "cross-entropy"


def _accuracy(accuracy):
    return "" if accuracy is None else f"  accuracy {accuracy:7.2%}"


def show_trials(done, study, trials):
    """Pass on the trials of hw5 tune that are done, with a bar on standard error if it is a terminal."""
    if not can_draw(sys.stderr):
        yield from done
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = MofNCompleteColumn(), BarColumn(bar_width=None), TextColumn("{task.fields[best]}"), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True)) as display:
        task = display.add_task("", total=trials, completed=len(study.finished()), best="")
        for index in done:
            best = study.best()
            shown = f"lowest validation loss {best.value:.4f}" if best else ""
            display.update(task, completed=len(study.finished()), best=shown)
            yield index


def print_tables(*tables):
    """Print rich tables at full width, even on a narrower terminal."""
    from rich.console import Console

    console = Console(markup=False, highlight=False, emoji=False)
    unbounded = console.options.update(width=10_000)
    console.width = max([console.width, *(console.measure(table, options=unbounded).maximum for table in tables)])
    for table in tables:
        console.print(table)


def table(*columns, numbers=True):
    """An empty table. All columns but the first are right-aligned if numbers."""
    from rich import box
    from rich.table import Table

    class Printable(Table):
        def add_row(self, *cells):
            super().add_row(*map(printable, cells))

    empty = Printable(*map(printable, columns), box=box.SIMPLE)
    for column in empty.columns[1:]:
        column.justify = "right" if numbers else "left"
    return empty
