"""hw5 data"""

import sys

import click
import numpy as np

from hw5.cli import options
from hw5.cli.display import is_terminal, print_tables, say, table
from hw5.datasets import BUILT_IN, load
from hw5.datasets.fetch import SOURCES, fetch, find_downloaded

_MANY = 30  # rows of a table that can still be read


@click.group("data")
def command():
    """List, show and fetch data sets.

    \b
    hw5 data list
    """


@command.command("list")
@options.data_dir
def list_sets(data_dir):
    """List the built-in data sets, and where they are."""
    listing = table("name", "holds", "where", numbers=False)
    for name, text in BUILT_IN.items():
        what, _, where = text.rpartition(", ") if name in SOURCES else (text, "", "part of hw5")
        if name in SOURCES:
            where = (
                find_downloaded(name, data_dir) or f"not here: hw5 data fetch {name} ({_megabytes(SOURCES[name].size)})"
            )
        listing.add_row(name, what, str(where))
    print_tables(listing)


@command.command("fetch")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@options.data_dir
def fetch_sets(names, data_dir):
    """Fetch MNIST and its kin into the data directory.

    These are mnist, fashion-mnist, kmnist, emnist-digits, emnist-letters and emnist-balanced.

    Every file is verified against the published SHA-256. A download that broke off goes on where it was. The three of
    EMNIST come in one archive, and all are unpacked.

    \b
    hw5 data fetch mnist
    """
    for name in names:
        before = find_downloaded(name, data_dir) if name in SOURCES else None
        _show_progress(fetch(name, data_dir))
        if before:
            say(f"{name} is already in {before}; remove that folder to fetch it anew")
        else:
            say(f"{name} is in {find_downloaded(name, data_dir)}; its licence is {SOURCES[name].licence}")


def _show_progress(arrivals):
    """A bar a file on standard error, where that is a terminal."""
    if not is_terminal(sys.stderr):
        for _ in arrivals:
            pass
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn(compact=True))
    with Progress(*columns, console=Console(stderr=True)) as display:
        tasks = {}
        for now in arrivals:
            if now.file not in tasks:
                tasks[now.file] = display.add_task(now.file.name, total=now.file.size)
            display.update(tasks[now.file], completed=now.bytes)


def _megabytes(size):
    return f"{size / 1e6:,.0f} MB"


@command.command("show")
@click.argument("source", metavar="NAME|PATH")
@options.test
@options.label_column
@options.data_dir
@options.task
@click.option("--plot", type=click.Path(), help="Draw samples into this PNG file.")
def show(source, test, label_column, data_dir, task, plot):
    """Show what a data set or a file holds.

    Its classes, how many examples each has, and the ranges of its features.

    \b
    hw5 data show digits --plot digits.png
    """
    if plot:
        from hw5.plots import require_matplotlib

        options.require_another_file(plot, "--plot", source, test)
        require_matplotlib()
    dataset = load(source, test=test, label_column=label_column, data_dir=data_dir, task=task)
    say(_headline(dataset))
    print_tables(_classes(dataset) if dataset.class_names else _targets(dataset), _features(dataset))
    if plot:
        from hw5.plots import plot_samples

        plot_samples(dataset, plot)
        say(f"drew {plot}")


def _headline(dataset):
    X, shape = dataset.train.X, dataset.image_shape
    what = f"images of {shape[0]} x {shape[1]} pixels" if shape else _count(X.shape[1], "feature")
    classes = f", {len(dataset.class_names)} classes" if dataset.class_names else ", numbers to predict"
    test = f", {len(dataset.test.y):,} test" if dataset.test else ""
    parts = f"{len(X):,} train{test} examples" if test else f"{len(X):,} examples"
    return f"{dataset.name}: {parts}; {what}{classes}"


def _count(n, noun):
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def _parts(dataset):
    """The labels of each part, by its name."""
    return {"train": dataset.train.y} | ({"test": dataset.test.y} if dataset.test else {})


def _classes(dataset):
    parts, m = _parts(dataset), len(dataset.class_names)
    counts = [np.bincount(y, minlength=m) for y in parts.values()]
    rows = table("class", *parts) if dataset.test else table("class", "examples")
    for name, *of_parts in list(zip(dataset.class_names, *counts))[:_MANY]:
        rows.add_row(name, *(f"{n:,}" for n in of_parts))
    if m > _MANY:
        rows.add_row(f"... {m - _MANY} more", *(f"{of_part[_MANY:].sum():,}" for of_part in counts))
    return rows


def _targets(dataset):
    rows = table("target", *_STATISTICS)
    for part, y in _parts(dataset).items():
        rows.add_row(part, *_statistics(y))
    return rows


def _features(dataset):
    X = dataset.train.X
    names = dataset.feature_names or [str(i) for i in range(1, X.shape[1] + 1)]
    if dataset.image_shape or len(names) > _MANY:
        rows = table("features" if not dataset.image_shape else "pixels", *_STATISTICS)
        rows.add_row("all", *_statistics(X))
        return rows
    rows = table("feature", *_STATISTICS)
    for name, column in zip(names, X.T):
        rows.add_row(name, *_statistics(column))
    return rows


_STATISTICS = ("lowest", "mean", "highest")


def _statistics(values):
    return [f"{x:.5g}" for x in (values.min(), values.mean(dtype=np.float64), values.max())]
