"""Decode labels: to class names and class indices, or to the targets of a regression."""

import math
import unicodedata
from collections.abc import Callable

import numpy as np

from hw5.datasets.table import MISSING, Table, listed, number, quoted
from hw5.errors import InputError


def class_names(table: Table) -> tuple[str, ...]:
    """The two or more classes of a table, sorted as numbers if all are numbers and as text otherwise."""
    names = sorted(set(_convert(table, class_name)))
    if len(names) < 2:
        raise InputError(f"{table.where}: all labels are {quoted(names[0])}; a classifier needs at least two classes")
    try:
        return tuple(sorted(names, key=int))
    except ValueError:
        return tuple(names)


def class_indices(table: Table, class_names: tuple[str, ...]) -> np.ndarray:
    """The class of every row, (N,) int32 indices into class_names."""
    index = {name: y for y, name in enumerate(class_names)}
    names = _convert(table, class_name)
    y = np.array([index.get(name, -1) for name in names], np.int32)[table.codes]
    if y.min() < 0:
        row = int(y.argmin())
        raise InputError(
            f"{table.label_location(row)}: the training data have no class {quoted(names[table.codes[row]])}, only "
            f"{listed(class_names)}; correct the label or remove the row"
        )
    return y


def targets(table: Table) -> np.ndarray:
    """The target of every row, (N,) finite float32."""
    return np.array(_convert(table, lambda label: number(label, "target")), np.float32)[table.codes]


def _convert(table: Table, function: Callable) -> list:
    """function(label) for each of table.labels; InputError names the first row with a ValueError."""
    values, errors = [], {}
    for code, label in enumerate(table.labels):
        try:
            values.append(function(str(label)))
        except ValueError as error:
            errors[code] = error
    if errors:
        row = int(np.isin(table.codes, list(errors)).argmax())
        raise InputError(f"{table.label_location(row)}: {errors[table.codes[row]]}")
    return values


def class_name(label: str) -> str:
    """The name of the class that `label` stands for: "3" for "3", "3.0" and "3e0", and text unchanged.

    Raises ValueError for a missing label, and for a fraction, since a column of measurements is no column of classes.
    """
    label = label.strip()
    if label in MISSING:
        raise ValueError(f"the label is missing ({quoted(label)}); fill it in or remove the row")
    if not all(map(_is_text, label)):
        raise ValueError(f"the label {quoted(label)} has characters that are not text; correct it or remove the row")
    if "_" in label:
        return label
    for convert in (int, float):  # int first, which keeps every digit of a long number
        try:
            value = convert(label)
        except ValueError:
            continue
        if isinstance(value, int) or math.isfinite(value) and value == int(value):
            return str(int(value))
        raise ValueError(
            f"the label {quoted(label)} is neither a whole number nor text; select the column of the classes with "
            "--label-column, or predict numbers with --task regression"
        )
    return label


def _is_text(character: str) -> bool:
    """False for control characters, which could change a terminal, and for lone surrogates."""
    return character.isprintable() or character.isspace() or unicodedata.category(character) not in ("Cc", "Cs")
