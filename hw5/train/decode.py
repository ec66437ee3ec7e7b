"""JSON into the types that it was written from: what comes out of a file is what its dataclasses say, or is refused."""

import sys
from dataclasses import MISSING, fields, is_dataclass
from types import UnionType
from typing import get_args, get_origin, get_type_hints

from hw5.errors import InputError


def decode(kind, value):
    """value, as json.loads gave it, as a kind: a dataclass, tuple[X, ...], list[X], dict[str, X], X | Y, or a scalar.

    A number may be an int where the kind says float, and what a dataclass has defaults for may lack. Raises ValueError
    where the value is of another kind.
    """
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is UnionType:
        return _first_that_fits(arguments, value)
    if is_dataclass(kind):
        names = {field.name for field in fields(kind)}
        required = {field.name for field in fields(kind) if field.default is MISSING}
        if type(value) is not dict or not required <= set(value) <= names:
            raise ValueError(f"the entries are not those of {kind.__name__}")
        hints = get_type_hints(kind)
        entries = {name: decode(hints[name], each) for name, each in value.items()}
        try:
            return kind(**entries)
        except InputError as error:  # they do not go together
            raise ValueError(str(error)) from error
    if origin in (tuple, list) and type(value) is list:
        return origin(decode(arguments[0], each) for each in value)
    if origin is dict and type(value) is dict:  # the keys of a JSON object are strings
        return {name: decode(arguments[1], each) for name, each in value.items()}
    if type(value) is not kind and not (kind is float and type(value) is int and abs(value) <= sys.float_info.max):
        raise ValueError(f"{str(value)[:40]!r} is not of the kind {kind}")
    return value


def _first_that_fits(kinds, value):
    for kind in kinds[:-1]:
        try:
            return decode(kind, value)
        except ValueError:
            pass
    return decode(kinds[-1], value)
