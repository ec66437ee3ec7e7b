"""hw5 data"""

import json
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import click
import numpy as np

from hw5.cli import options
from hw5.cli.display import can_draw, described, print_tables, say, table, waiting, warn
from hw5.cli.parameter_types import File
from hw5.datasets import BUILT_IN, load
from hw5.datasets.arrays import labels_beside
from hw5.datasets.fetch import SOURCES, fetch, find_downloaded
from hw5.errors import InputError
from hw5.files import atomic_write, temporary_prefix
from hw5.text import counted, shortened

_MOST_ROWS = 30  # of a table


@click.group("data")
def command():
    """List, show and download data sets.

    \b
    hw5 data list
    """


@command.command("list")
@options.data_dir
@options.as_json()
def list_sets(data_dir, as_json):
    """List the built-in data sets and where they are stored."""
    if as_json:
        found = {name: find_downloaded(name, data_dir) if name in SOURCES else "built in" for name in BUILT_IN}
        sets = ({"name": name, "contents": BUILT_IN[name], "location": at and str(at)} for name, at in found.items())
        say(json.dumps(list(sets)))
        return
    listing = table("name", "contents", "location", numbers=False)
    for name, text in BUILT_IN.items():
        what, _, where = text.rpartition(", ") if name in SOURCES else (text, "", "built in")
        if name in SOURCES:
            size = _megabytes(SOURCES[name].size)
            where = find_downloaded(name, data_dir) or f"not downloaded: hw5 data fetch {name} ({size})"
        listing.add_row(name, what, str(where))
    print_tables(listing)


@command.command("fetch")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@options.data_dir
def fetch_sets(names, data_dir):
    """Download data sets to the data directory.

    NAME is mnist, fashion-mnist, kmnist, emnist-digits, emnist-letters or emnist-balanced.

    Each file is verified against its published SHA-256. An interrupted download is resumed. The three EMNIST sets are
    in one archive, and all are unpacked.

    \b
    hw5 data fetch mnist
    """
    for name in names:
        before = find_downloaded(name, data_dir) if name in SOURCES else None
        _show_progress(fetch(name, data_dir))
        if before:
            say(f"{name} is already in {before}; delete that directory to download it again")
        else:
            say(f"saved {find_downloaded(name, data_dir)} (licence: {SOURCES[name].licence})")


def _show_progress(arrivals):
    """Show a progress bar per file on standard error, if it is a terminal."""
    if not can_draw(sys.stderr):
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
@options.reading
@click.option("--plot", type=File(), help="Plot samples to this PNG file.")
@options.as_json()
def show(source, test, label_column, data_dir, task, plot, as_json, **columns):
    """Show the classes and features of a data set or file.

    \b
    hw5 data show digits --plot digits.png
    """
    if plot:
        from hw5.plots import require_matplotlib

        options.require_picture(plot, "--plot", source, test)
        require_matplotlib()
    reading = options.reading_of(**columns)
    with waiting(f"reading {source}"):
        dataset = load(source, test=test, label_column=label_column, data_dir=data_dir, task=task, reading=reading)
    options.warn_of(dataset)
    if as_json:
        say(json.dumps(_as_json(dataset)))
    else:
        for line in (_headline(dataset), *described(dataset)):
            say(line)
        print_tables(_classes(dataset) if dataset.class_names else _targets(dataset), _features(dataset))
    if plot:
        from hw5.plots import plot_samples

        plot_samples(dataset, plot)
        (warn if as_json else say)(f"saved {plot}")


def _counts(dataset):
    """The examples of each class, by split."""
    names, labels = dataset.class_names, _labels(dataset)
    return {split: dict(zip(names, np.bincount(y, minlength=len(names)).tolist())) for split, y in labels.items()}


def _of_targets(dataset):
    """The statistics of the targets, by split."""
    return {split: _named_numbers(y, dataset.target_names) for split, y in _labels(dataset).items()}


def _named_numbers(y, names):
    if names:
        return {name: dict(zip(_STATISTICS, _numbers(column))) for name, column in zip(names, y.T)}
    return dict(zip(_STATISTICS, _numbers(y)))


def _as_json(dataset):
    """What a data set holds, for JSON."""
    return {
        "name": dataset.name,
        "examples": {split: len(y) for split, y in _labels(dataset).items()},
        "features": dataset.train.X.shape[1],
        "feature_names": dataset.feature_names,
        "image_shape": dataset.image_shape,
        "labels": dataset.label,
        "columns": asdict(dataset.columns)["each"] if dataset.columns else None,
    } | ({"classes": _counts(dataset)} if dataset.class_names else {"targets": _of_targets(dataset)})


@command.command("convert")
@click.argument("source", metavar="NAME|PATH")
@click.option("--out", type=File(), required=True, help="Write the features to this file, such as X_trees.npy.")
@options.label_column
@options.data_dir
@options.task
@options.reading
def convert(source, out, label_column, data_dir, task, **columns):
    """Convert a data set to .npy files, which hw5 train reads in pieces, even if they are larger than memory.

    The labels are written to a file next to it: y_trees.npy for X_trees.npy.

    \b
    hw5 data convert trees.csv --out X_trees.npy
    hw5 train --data X_trees.npy
    """
    of_labels = labels_beside(Path(out)) if Path(out).suffix == ".npy" else None
    if of_labels is None:
        raise InputError(
            f"--out {out}: choose a name such as X_{Path(out).stem}.npy, whose labels are y_{Path(out).stem}.npy"
        )
    for path in (out, of_labels):
        options.require_another_file(path, "--out", source)
    reading = options.reading_of(**columns)
    where = {"label_column": label_column, "data_dir": data_dir, "task": task, "reading": reading}
    folder = Path(out).absolute().parent
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=temporary_prefix(Path(out))) as temporary:
        with _room_for(out), waiting(f"reading {source}"):
            dataset = load(source, out=Path(temporary, "X.npy"), **where)
        options.warn_of(dataset)
        y = dataset.train.y
        names = np.array(dataset.class_names)[y] if dataset.class_names else y
        with atomic_write(out) as of_X, atomic_write(of_labels) as of_y:  # both, or neither of them
            np.save(of_X, dataset.train.X, allow_pickle=False)
            np.save(of_y, names, allow_pickle=False)
        for path in (out, of_labels):
            say(f"saved {path}")
    if dataset.test:
        warn(f"{dataset.name} also has a test set, which was left out")


@contextmanager
def _room_for(out):
    """Let an OSError without a file, as of a full disk, name the file out."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or out
        raise


def _headline(dataset):
    X, shape = dataset.train.X, dataset.image_shape
    colours = f" of {shape[2]} channels" if shape and len(shape) == 3 else ""
    what = f"images of {shape[0]} x {shape[1]} pixels{colours}" if shape else counted(X.shape[1], "feature")
    kind = "labels" if dataset.train.y.dtype.kind == "i" else "targets"
    several = f", {len(dataset.target_names)} {kind}" if dataset.target_names else ", regression"
    classes = f", {len(dataset.class_names)} classes" if dataset.class_names else several
    test = f", {len(dataset.test.y):,} test" if dataset.test else ""
    counts = f"{len(X):,} train{test} examples" if test else f"{len(X):,} examples"
    return f"{dataset.name}: {counts}; {what}{classes}"


def _labels(dataset):
    """The labels of each split, by its name."""
    return {"train": dataset.train.y} | ({"test": dataset.test.y} if dataset.test else {})


def _classes(dataset):
    labels, m = _labels(dataset), len(dataset.class_names)
    counts = [np.bincount(y, minlength=m) for y in labels.values()]
    rows = table("class", *labels) if dataset.test else table("class", "examples")
    for name, *numbers in list(zip(dataset.class_names, *counts))[:_MOST_ROWS]:
        rows.add_row(shortened(name), *(f"{n:,}" for n in numbers))
    if m > _MOST_ROWS:
        rows.add_row(f"... {m - _MOST_ROWS} more", *(f"{of_split[_MOST_ROWS:].sum():,}" for of_split in counts))
    return rows


def _targets(dataset):
    rows = table("target", *_STATISTICS)
    for split, y in _labels(dataset).items():
        for name, column in zip(dataset.target_names, y.T):
            rows.add_row(f"{name}, {split}" if dataset.test else name, *_statistics(column))
        if not dataset.target_names:
            rows.add_row(split, *_statistics(y))
    return rows


def _features(dataset):
    X = dataset.train.X
    offsets = dataset.columns.offsets if dataset.columns else np.zeros(X.shape[1])
    names = dataset.feature_names or [str(i) for i in range(1, X.shape[1] + 1)]
    if dataset.image_shape or len(names) > _MOST_ROWS:
        rows = table("features" if not dataset.image_shape else "pixels", *_STATISTICS)
        rows.add_row("all", *_statistics(X + offsets if offsets.any() else X))
        return rows
    rows = table("feature", *_STATISTICS)
    for name, column, offset in zip(names, X.T, offsets):
        rows.add_row(name, *_statistics(column + offset))
    return rows


_STATISTICS = ("min", "mean", "max")


def _statistics(values):
    return [f"{x:.5g}" for x in _numbers(values)]


def _numbers(values):
    return float(values.min()), float(values.mean(dtype=np.float64)), float(values.max())
