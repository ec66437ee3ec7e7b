"""Helpers for testing the readers: write IDX files, and expect an InputError."""

import gzip
import struct
from contextlib import contextmanager

import numpy as np
import pytest

from hw5.errors import InputError

_TYPES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}


def idx_bytes(values: np.ndarray) -> bytes:
    """`values` as IDX, written from the description of the format."""
    kind = values.dtype.str[1:]
    header = struct.pack(f">BBBB{values.ndim}I", 0, 0, _TYPES[kind], values.ndim, *values.shape)
    return header + values.astype(f">{kind}").tobytes()


def write_idx(path, values) -> None:
    content = idx_bytes(np.asarray(values))
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


@contextmanager
def input_error(*words):
    """Expect an InputError of one sentence that contains all of `words`."""
    with pytest.raises(InputError) as caught:
        yield caught
    message = str(caught.value)
    assert "\n" not in message and not message.endswith(".")
    for word in words:
        assert str(word) in message
