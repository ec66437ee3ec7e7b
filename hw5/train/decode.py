"""Decode JSON into dataclasses and other types, and reject values of another type."""

import sys
from dataclasses import MISSING, fields, is_dataclass
from types import UnionType
from typing import get_args, get_origin, get_type_hints

from hw5.errors import InputError


def decode(kind, value):
    """Convert value, as returned by json.loads, to kind.

    kind is a dataclass, tuple[X, ...], list[X], dict[str, X], X | Y, or a scalar type. An int is accepted as a float,
    and fields of a dataclass with defaults may be missing. Raises ValueError if the value is of another type.
    """
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is UnionType:
        return _decode_union(arguments, value)
    if is_dataclass(kind):
        names = {field.name for field in fields(kind)}
        required = {field.name for field in fields(kind) if field.default is MISSING}
        if type(value) is not dict or not required <= set(value) <= names:
            raise ValueError(f"the entries are not the fields of {kind.__name__}")
        hints = get_type_hints(kind)
        entries = {name: decode(hints[name], each) for name, each in value.items()}
        try:
            return kind(**entries)
        except InputError as error:  # an invalid combination
            raise ValueError(str(error)) from error
    if origin in (tuple, list) and type(value) is list:
        return origin(decode(arguments[0], each) for each in value)
    if origin is dict and type(value) is dict:  # the keys of a JSON object are strings
        return {name: decode(arguments[1], each) for name, each in value.items()}
    if type(value) is not kind and not (kind is float and type(value) is int and abs(value) <= sys.float_info.max):
        raise ValueError(f"{str(value)[:40]!r} is not of type {kind}")
    return value


def _decode_union(kinds, value):
    for kind in kinds[:-1]:
        try:
            return decode(kind, value)
        except ValueError:
            pass
    return decode(kinds[-1], value)
