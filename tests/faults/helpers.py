"""Files written by hand from the descriptions of their formats, and a limit on the memory of reading one."""

import struct
import tracemalloc
import zipfile
import zlib
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


def add_zeros(path, name, head, n):
    """Add a deflated member to a zip archive: head, and n zeros, a multiple of 1 MiB.

    One MiB is deflated, and its bytes are repeated. What they inflate to is written where an archive says it: in the
    directory, which is made of the ZipInfo, and before the member.
    """
    packer, block = zlib.compressobj(9, zlib.DEFLATED, -15), bytes(1 << 20)
    begin, zeros = (packer.compress(part) + packer.flush(zlib.Z_FULL_FLUSH) for part in (head, block))
    checksum = zlib.crc32(head)
    for _ in range(n >> 20):
        checksum = zlib.crc32(block, checksum)
    with zipfile.ZipFile(path, "a") as archive:
        info = zipfile.ZipInfo(name)
        archive.writestr(info, begin + zeros * (n >> 20) + packer.flush())
        info.compress_type, info.file_size, info.CRC = zipfile.ZIP_DEFLATED, len(head) + n, checksum
    with open(path, "r+b") as file:
        file.seek(info.header_offset + 8)
        file.write(struct.pack("<H", info.compress_type))
        file.seek(info.header_offset + 14)
        file.write(struct.pack("<3L", info.CRC, info.compress_size, info.file_size))


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
