"""Files written by hand from the descriptions of their formats, and a limit on the memory of reading one."""

import tracemalloc
import zipfile
from contextlib import contextmanager

import numpy as np

X = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
Y = np.arange(6) % 3


@contextmanager
def at_most(size):
    """Assert that the block allocates at most `size` bytes at any time."""
    tracemalloc.start()
    try:
        yield
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak <= size, f"{peak} bytes were allocated, but only {size} are allowed"


def npy(descr, shape, data=b"", *, fortran_order=False, version=1):
    """An .npy with this header; descr and shape are Python expressions."""
    header = f"{{'descr': {descr}, 'fortran_order': {fortran_order}, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY" + bytes([version, 0]) + len(header).to_bytes(2 * version, "little") + header + data


def npz(path, members, compression=zipfile.ZIP_DEFLATED):
    """A zip archive of (name, bytes)."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


def patched(path, signature, offset, value):
    """Overwrite bytes of every record of a zip archive that begins with `signature`."""
    content = bytearray(path.read_bytes())
    start = content.find(signature)
    while start >= 0:
        content[start + offset : start + offset + len(value)] = value
        start = content.find(signature, start + 4)
    path.write_bytes(content)
    return path


LOCAL, CENTRAL, END = b"PK\3\4", b"PK\1\2", b"PK\5\6"  # the records of a zip archive
