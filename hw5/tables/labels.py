"""Decode labels: to class names and class indices, or to the targets of a regression."""

import math
import re
import unicodedata
from collections.abc import Callable
from contextlib import suppress

import numpy as np

from hw5.errors import InputError
from hw5.tables.missing import is_missing_label
from hw5.tables.numeric import offsets
from hw5.tables.table import Table, number
from hw5.text import listed, quoted

UNKNOWN = -1  # the class of an example whose label training did not have: any prediction is a mistake
_WHOLE = re.compile(r"[-+]?(0|[1-9]\d*)(\.0*)?|[-+]?\d\.\d+e[-+]\d\d")  # also as numpy.savetxt writes them


def class_names(table: Table) -> tuple[str, ...]:
    """The two or more classes of a table, sorted as numbers if all are numbers and as text otherwise."""
    _require_one_label(table)
    names = sorted(set(_names(table)))
    if len(names) < 2:
        raise InputError(f"{table.where}: all labels are {quoted(names[0])}; a classifier needs at least two classes")
    try:
        return tuple(sorted(names, key=int))
    except ValueError:
        return tuple(names)


def class_indices(table: Table, class_names: tuple[str, ...]) -> np.ndarray:
    """The class of every row, (N,) int32 indices into class_names, or UNKNOWN. InputError if no label is a class."""
    _require_one_label(table)
    find, names = class_finder(class_names), set(class_names)
    spelled = _convert(table, lambda label: label if label in names else class_name(label))
    found = list(map(find, spelled))
    y = np.array(found, np.int32)[table.codes]
    if y.max() == UNKNOWN:
        raise InputError(
            f"{table.label_location(0)}: the training data have no class {quoted(spelled[table.codes[0]])}, only "
            f"{listed(class_names)}; correct the labels, or choose their column with --label-column"
        )
    return y


def class_finder(class_names: tuple[str, ...]) -> Callable[[str], int]:
    """A function that gives the index of a label in class_names, or UNKNOWN."""
    index = {name: y for y, name in enumerate(class_names)}
    numbers = dict(index)  # also by the number that a name spells
    for y, name in enumerate(class_names):
        with suppress(ValueError):  # a class from Python may be named as a fraction
            numbers.setdefault(_number_or_text(name), y)
    return lambda label: index[label] if label in index else numbers.get(_number_or_text(label), UNKNOWN)


def unknown_classes(table: Table) -> list[str]:
    """A sentence about the labels that are UNKNOWN in table.y, if there are any; targets have none."""
    rows = np.flatnonzero(table.y == UNKNOWN) if table.y.dtype.kind == "i" else ()
    if not len(rows):
        return []
    names = sorted({str(table.labels[code]) for code in np.unique(table.codes[rows])})
    of = "it" if len(names) == 1 else "them"
    count = (
        f"1 example of {of} counts as a mistake"
        if len(rows) == 1
        else f"{len(rows):,} examples of {of} count as mistakes"
    )
    return [f"{table.label_location(int(rows[0]))}: training had no class {listed(names)}; {count}"]


def _names(table: Table) -> list[str]:
    """The name of each of table.labels.

    Labels keep their spelling, so that 01 and 1e3 stay what they are. But if all are plain numbers, or two spell the
    same number (9 and 9.0), numbers are written as whole numbers.
    """
    spelled = _convert(table, class_name)
    numbers = {name: number for name in spelled if (number := _number_or_text(name)).lstrip("-").isdigit()}
    if all(_WHOLE.fullmatch(name) for name in spelled) or _are_spelled_twice(numbers):
        return [numbers.get(name, name) for name in spelled]
    return spelled


def _are_spelled_twice(numbers: dict[str, str]) -> bool:
    has_zeros = any(re.match(r"[-+]?0\d", name) for name in numbers)
    return not has_zeros and len(set(numbers.values())) < len(numbers)


def classes_and_y(table: Table, task: str) -> tuple[tuple[str, ...], np.ndarray]:
    """The class_names of a table, () without classes, and its y as decoded gives it. Raises InputError."""
    names = class_names(table) if task == "classification" else ()
    return names, decoded(table, task, names)


def decoded(table: Table, task: str, class_names: tuple[str, ...]) -> np.ndarray:
    """y of a table for a task: indices into class_names, labels that are 0 or 1, or targets. Raises InputError."""
    if task == "classification":
        return class_indices(table, class_names)
    return targets(table) if task == "regression" else indicators(table)


def targets(table: Table) -> np.ndarray:
    """The finite targets of every row, (N,) or (N, q): float32, or float64 where float32 cannot tell them apart."""
    y = table.targets
    if y is None:
        y = np.array(_convert(table, lambda label: number(label, "target")), np.float64)[table.codes]
    return y if offsets(np.atleast_2d(y.T)).any() else y.astype(np.float32)


def indicators(table: Table) -> np.ndarray:
    """The labels of every row, (N, q) int32 of 0 and 1. Raises InputError if there is one column, or another number."""
    y = table.targets
    if y is None or y.ndim == 1:
        raise InputError(
            f"{table.where}: --task multilabel needs several columns of labels, each 0 or 1; give them as "
            "--label-column a,b"
        )
    wrong = np.argwhere(~np.isin(y, (0, 1)))
    if len(wrong):
        row, column = wrong[0].tolist()
        name = quoted(table.target_names[column]) if table.target_names else column + 1
        raise InputError(
            f"{table.label_location(row)}: label {name} is {y[row, column]:g}, and must be 0 or 1; correct it, "
            "or use --task regression"
        )
    return y.astype(np.int32)


def _require_one_label(table: Table) -> None:
    if table.codes is None:
        raise InputError(
            f"{table.where} has shape {table.targets.shape}, but not a single 1 and otherwise 0 in each row; give one "
            "label per example, such as y.argmax(axis=1), or use --task multilabel or regression"
        )


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
    """`label` itself, if it can be the name of a class.

    Raises ValueError for a missing label, and for a fraction, since a column of measurements is no column of classes.
    """
    if is_missing_label(label):
        raise ValueError(f"the label is missing ({quoted(label)}); fill it in or remove the row")
    if not is_text(label):
        raise ValueError(f"the label {quoted(label)} has characters that are not text; correct it or remove the row")
    _number_or_text(label)
    return label


def _number_or_text(label: str) -> str:
    """ "3" for "3", "3.0" and "3e0", and text unchanged. Raises ValueError for a fraction."""
    label = label.strip()
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


def is_text(label: str) -> bool:
    """Whether a label has no control characters, which could change a terminal, and no lone surrogates."""
    return all(map(_is_text, label))


def _is_text(character: str) -> bool:
    return character.isprintable() or character.isspace() or unicodedata.category(character) not in ("Cc", "Cs")


_AS_OBJECTS, _AS_TEXT, _AS_BOOLEANS = "object", "str", "bool"
_NUMBERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64")
LABEL_TYPES = (_AS_OBJECTS, _AS_TEXT, _AS_BOOLEANS, *_NUMBERS)


def values_of(names, label_type=None) -> np.ndarray:
    """The classes as an array of a type in LABEL_TYPES; names of numbers are whole.

    By default they are integers if all names are, booleans if the names are False and True, else text. Raises
    ValueError or OverflowError if the names are not of the type.
    """
    if label_type is None:
        label_type = _usual_type(names)
    if label_type == _AS_BOOLEANS:
        return np.array([name == "True" for name in names])
    if label_type in (_AS_OBJECTS, _AS_TEXT):
        return np.array(names, label_type)
    return np.array([int(name) for name in names], label_type)


def _usual_type(names):
    if set(names) == {"False", "True"}:
        return _AS_BOOLEANS
    try:
        numbers = np.array([int(name) for name in names])
    except ValueError:
        return _AS_TEXT
    is_usual = numbers.dtype == np.int64 and list(names) == list(map(str, numbers.tolist()))
    return "int64" if is_usual else _AS_TEXT


def names_and_type(classes: np.ndarray) -> tuple[tuple[str, ...], str | None]:
    """The names of classes, and their type for values_of, or None if it is the usual one. Raises InputError.

    classes: distinct whole numbers, booleans or text.
    """
    values = classes.tolist()
    is_text_type = all(isinstance(value, str) for value in values)
    label_type = (_AS_OBJECTS if classes.dtype == object else _AS_TEXT) if is_text_type else classes.dtype.name
    if label_type not in LABEL_TYPES:
        raise InputError(f"classes of type {classes.dtype} cannot be stored; convert them to text or whole numbers")
    names = tuple(str(int(value) if isinstance(value, float) else value) for value in values)
    for name in names:
        if not is_text(name):
            raise InputError(f"the class {quoted(name)} has characters that are not text; remove them")
    return names, None if _is_usual(classes, names) else label_type


def _is_usual(classes, names):
    usual = values_of(names)
    is_same_type = usual.dtype.kind == "U" == classes.dtype.kind or usual.dtype == classes.dtype
    return bool(is_same_type and (usual == classes).all())
