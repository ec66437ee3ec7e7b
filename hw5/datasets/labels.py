"""What labels mean: the names of classes, or in a regression the numbers to predict."""

import math
import unicodedata
from collections.abc import Callable

import numpy as np

from hw5.datasets.rows import MISSING, Rows, listed, number, quoted
from hw5.errors import InputError


def class_names(rows: Rows) -> tuple[str, ...]:
    """The classes that the labels name, two or more: by number if all are numbers, else by alphabet."""
    names = sorted(set(_meanings(rows, class_name)))
    if len(names) < 2:
        raise InputError(
            f"{rows.where}: it holds one class only, {quoted(names[0])}; a classifier needs examples of at least two"
        )
    try:
        return tuple(sorted(names, key=int))
    except ValueError:
        return tuple(names)


def classes(rows: Rows, class_names: tuple[str, ...]) -> np.ndarray:
    """The class of every row (N,), int32, an index into class_names."""
    index = {name: y for y, name in enumerate(class_names)}
    names = _meanings(rows, class_name)
    y = np.array([index.get(name, -1) for name in names], np.int32)[rows.codes]
    if y.min() < 0:
        row = int(y.argmin())
        raise InputError(
            f"{rows.place(row)}: the class {quoted(names[rows.codes[row]])} is not one of those that were trained, "
            f"{listed(class_names)}; correct it or remove the row"
        )
    return y


def targets(rows: Rows) -> np.ndarray:
    """The label of every row (N,) as a number, finite float32."""
    return np.array(_meanings(rows, lambda label: number(label, "target")), np.float32)[rows.codes]


def _meanings(rows: Rows, meaning: Callable) -> list:
    """The meaning of each of rows.labels; the first row is reported where there is a ValueError instead of one."""
    meanings, faults = [], {}
    for code, label in enumerate(rows.labels):
        try:
            meanings.append(meaning(str(label)))
        except ValueError as error:
            faults[code] = error
    if faults:
        row = int(np.isin(rows.codes, list(faults)).argmax())
        raise InputError(f"{rows.place(row)}: {faults[rows.codes[row]]}")
    return meanings


def class_name(label: str) -> str:
    """The class that `label` names: "3" for "3", "3.0" and "3e0", and text as it is.

    ValueError with the reason for a missing label, and for a fraction: a column of measurements is
    not a column of classes.
    """
    label = label.strip()
    if label in MISSING:
        raise ValueError(f"the label is missing ({quoted(label)}); fill it in or remove the row")
    if not all(map(_is_text, label)):
        raise ValueError(f"the label {quoted(label)} holds characters that are not text; correct it or remove the row")
    if "_" in label:
        return label
    for exact in (int, float):  # int first: it keeps every digit of a long number
        try:
            value = exact(label)
        except ValueError:
            continue
        if math.isfinite(value) and value == int(value):
            return str(int(value))
        raise ValueError(
            f"the label {quoted(label)} is neither a whole number nor text; choose the column of the classes "
            "with --label-column, or learn to predict numbers with --task regression"
        )
    return label


def _is_text(character: str) -> bool:
    """Whether it is neither a control character, which would act on a terminal, nor half of a surrogate pair."""
    return character.isprintable() or character.isspace() or unicodedata.category(character) not in ("Cc", "Cs")
