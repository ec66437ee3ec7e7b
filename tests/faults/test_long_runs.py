"""Tables with a long run of characters somewhere: the time to read them does not grow with the square of its length.

Some patterns look for what follows a run from each of its characters on, to its end, which takes minutes here.
"""

import signal
from contextlib import contextmanager, suppress

import pytest

from hw5.datasets import load
from hw5.errors import InputError

pytestmark = pytest.mark.slow

LENGTH = 300_000
SECONDS = 60  # the slowest takes less than one
RUNS = (" ", "\t", "\n", "-", ":", '"', ",", "total ", "1,")


def delimited(delimiter):
    return [
        delimiter.join(cells) for cells in [("a", "b", "label"), *((f"{i}.5", "xy"[i % 2], "no") for i in range(30))]
    ]


TABLES = {
    "comma.csv": delimited(","),
    "tab.tsv": delimited("\t"),
    "blanks.txt": delimited(" "),
    "quotes.csv": [line.replace("x", '"x"').replace("y", '"y"') for line in delimited(",")],
    "markdown.md": ["| a | label |", "| --- | --- |", *(f"| {i}.5 | {'xy'[i % 2]} |" for i in range(30))],
    "relation.arff": [
        "@relation r",
        "@attribute a numeric",
        "@attribute b {x,y}",
        "@attribute label {no}",
        "@data",
        *delimited(",")[1:],
    ],
    "sparse.arff": [
        "@relation r",
        "@attribute a numeric",
        "@attribute b {x,y}",
        "@data",
        *["{0 1.5, 1 x}", "{1 y}"] * 15,
    ],
    "vectors.svm": [f"{i % 2} 1:{i}.5 2:3" for i in range(30)],
    "pairs.log": [f"a={i}.5 label={'xy'[i % 2]}" for i in range(30)],
    "fixed.txt": ["name      value  label", *(f"n {i:<7d} {i:6.2f}  {'xy'[i % 2]}" for i in range(30))],
    "objects.json": [
        "[",
        *(f'{{"a": {i}.5, "label": "{"xy"[i % 2]}"}},' for i in range(30)),
        '{"a": 1, "label": "x"}]',
    ],
}
PLACES = {
    "before all": lambda lines, run: run + "\n".join(lines),
    "in the header": lambda lines, run: "\n".join([lines[0] + run, *lines[1:]]),
    "in a cell": lambda lines, run: "\n".join([*lines[:9], lines[9][:-2] + run + lines[9][-2:], *lines[10:]]),
    "in a line": lambda lines, run: "\n".join([*lines[:9], run, *lines[9:]]),
    "after a line": lambda lines, run: "\n".join([*lines[:9], lines[9] + run, *lines[10:]]),
}


@contextmanager
def limited(what):
    def stop(*_):
        raise TimeoutError(what)

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("name", TABLES)
def test_a_table(tmp_path, name):
    for run in RUNS:
        for place, write in PLACES.items():
            path = tmp_path / name
            path.write_text(write(TABLES[name], run * (LENGTH // len(run))))
            with limited(f"{run!r} {place}"), suppress(InputError):
                load(path)
