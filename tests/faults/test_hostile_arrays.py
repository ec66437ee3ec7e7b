"""NPY headers and zip archives with false contents."""

import io
import struct
import zipfile

import numpy as np
import pytest

from hw5.datasets import load
from tests.datasets.helpers import input_error

from .helpers import CENTRAL, END, LOCAL, X, Y, add_zeros, at_most, npy, npz, patched


def saved(array):
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


FLOATS = bytes(4 * 12)
HEADERS = {
    "10^12 values": ("'<f4'", "(1000000, 1000000)"),
    "sizes beyond any integer of C": ("'<f4'", f"({10**40}, {10**40})"),
    "sizes whose product cannot be printed": ("'<f4'", f"(1{'0' * 3000}, 1{'0' * 3000})"),
    "a size that cannot be parsed": ("'<f4'", f"(1{'0' * 5000}, 2)"),
    "a product of 2^64": ("'<f4'", f"({2**32}, {2**32})"),
    "negative sizes": ("'<f4'", "(-3, -4)"),
    "nothing": ("'<f4'", "(0, 4)"),
    "no dimension": ("'<f4'", "()"),
    "33 dimensions": ("'<f4'", f"({'1, ' * 33})"),
    "a thousand dimensions": ("'<f4'", f"({'1, ' * 1000})"),
    "sizes that are a list": ("'<f4'", "[3, 4]"),
    "sizes that are fractions": ("'<f4'", "(3.0, 4.0)"),
    "sizes that are booleans": ("'<f4'", "(True, 12)"),
    "sizes that are text": ("'<f4'", "('3', '4')"),
    "Python objects": ("'|O'", "(3, 4)"),
    "records": ("[('a', '<f4')]", "(3, 4)"),
    "records of objects": ("[('a', '|O')]", "(3, 4)"),
    "raw bytes": ("'|V4'", "(3, 4)"),
    "arrays as elements": ("('<f4', (3, 4))", "(1, 1)"),
    "huge arrays as elements": ("('<f4', (1000000, 1000000))", "(3, 4)"),
    "values of no size": ("'<U0'", "(3, 4)"),
    "values of 2 GB": ("'<U536870911'", "(3, 4)"),
    "dates": ("'<M8[s]'", "(3, 2)"),
    "complex numbers": ("'<c8'", "(3, 2)"),
    "an unknown type": ("'<q9'", "(3, 4)"),
    "a type that is a call": ("__import__('os').getpid()", "(3, 4)"),
    "deep nesting": ("'<f4'", "(" * 900 + ")" * 900),
    "many signs": ("'<f4'", f"({'-' * 9000}3, 4)"),
    "an outdated escape": ("'<f4\\d'", "(3, 4)"),
    "NUL": ("'<f4'", "(3, 4)\0"),
}


@pytest.mark.parametrize("name", HEADERS)
@pytest.mark.parametrize("version", [1, 2])
def test_npy_headers(tmp_path, name, version, recwarn):
    content = npy(*HEADERS[name], FLOATS, version=version)
    (tmp_path / "a.npy").write_bytes(content)
    npz(tmp_path / "a.npz", [("X.npy", content), ("y.npy", saved(Y[:3]))])
    for path in (tmp_path / "a.npy", tmp_path / "a.npz"):
        with at_most(1 << 22), input_error(path):  # Python's parser alone takes a megabyte for 9,000 signs
            load(str(path))
    assert not recwarn.list


@pytest.mark.parametrize(
    "content", [b"\x93NUMPY\2\0\xff\xff\xff\xff{", b"\x93NUMPY\3\0\0\0\0\0", b"\x93NUMPY\1", b"\x93NUMPY\1\0\xff\xff"]
)
def test_npy_that_ends_in_its_header(tmp_path, content):
    (tmp_path / "a.npy").write_bytes(content)
    with input_error(tmp_path / "a.npy", "header"), at_most(1 << 20):
        load(str(tmp_path / "a.npy"))


def test_an_overlong_header_of_version_2(tmp_path):
    (tmp_path / "a.npy").write_bytes(b"\x93NUMPY\2\0" + (1 << 23).to_bytes(4, "little") + b" " * (1 << 23))
    with input_error("header"), at_most(1 << 20):
        load(str(tmp_path / "a.npy"))


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize(
    "points, word", [([0x110000], "characters"), ([0xFFFFFFFF], "characters"), ([0xD800], "not text")]
)
def test_text_with_invalid_characters(tmp_path, order, points, word):
    labels = np.array([65, 66, *points] * 2, f"{order}u4").tobytes()
    npz(tmp_path / "a.npz", [("X.npy", saved(X)), ("y.npy", npy(f"'{order}U1'", "(6,)", labels))])
    with input_error(tmp_path / "a.npz", word):
        load(str(tmp_path / "a.npz"))


def test_fortran_order_and_big_endian(tmp_path):
    npz(tmp_path / "a.npz", [("X.npy", saved(np.asfortranarray(X.astype(">f8")))), ("y.npy", saved(Y.astype(">i2")))])
    data = load(str(tmp_path / "a.npz"))
    np.testing.assert_array_equal(data.train.X, X)
    np.testing.assert_array_equal(data.train.y, Y)


VALID = (("X.npy", saved(X)), ("y.npy", saved(Y)))


def size(bytes_):
    return struct.pack("<I", bytes_)


ARCHIVES = {
    "sizes that are too large": lambda path: patched(npz(path, VALID), CENTRAL, 24, size(10**6)),
    "sizes of 4 GB": lambda path: patched(npz(path, VALID), CENTRAL, 24, size(2**32 - 2)),
    "sizes that are too small": lambda path: patched(npz(path, VALID), CENTRAL, 24, size(100)),
    "stored sizes of 4 GB": lambda path: patched(npz(path, VALID, 0), CENTRAL, 20, size(2**32 - 2) * 2),
    "members beyond the end": lambda path: patched(npz(path, VALID), CENTRAL, 42, size(2**31)),
    "a directory beyond the end": lambda path: patched(npz(path, VALID), END, 16, size(2**31)),
    "a directory of 4 GB": lambda path: patched(npz(path, VALID), END, 12, size(2**32 - 2)),
    "an encrypted member": lambda path: patched(patched(npz(path, VALID), CENTRAL, 8, b"\1"), LOCAL, 6, b"\1"),
    "strong encryption": lambda path: patched(patched(npz(path, VALID), CENTRAL, 8, b"\x41"), LOCAL, 6, b"\x41"),
    "a patched member": lambda path: patched(patched(npz(path, VALID), CENTRAL, 8, b"\x20"), LOCAL, 6, b"\x20"),
    "an unknown method": lambda path: patched(patched(npz(path, VALID), CENTRAL, 10, b"\x63"), LOCAL, 8, b"\x63"),
    "a future version": lambda path: patched(npz(path, VALID), CENTRAL, 6, b"\xff"),
    "inconsistent names": lambda path: patched(npz(path, VALID), LOCAL, 30, b"Z"),
    "a name that is not UTF-8": lambda path: patched(
        patched(npz(path, VALID), CENTRAL, 9, b"\x08"), CENTRAL, 46, b"\xff"
    ),
    "LZMA": lambda path: npz(path, VALID, zipfile.ZIP_LZMA),
    "bzip2": lambda path: npz(path, VALID, zipfile.ZIP_BZIP2),
    "a folder": lambda path: npz(path, [("X.npy/", b""), ("y.npy", b"")]),
    "names outside the folder": lambda path: npz(path, [("../X.npy", saved(X)), ("/y.npy", saved(Y))]),
    "names with line breaks": lambda path: npz(path, [("a\nb\x1b[2J.npy", saved(X))]),
    "ten thousand names": lambda path: npz(path, [(f"{i}.npy", b"") for i in range(10_000)]),
    "no array": lambda path: npz(path, []),
    "arrays that are empty files": lambda path: npz(path, [("X.npy", b""), ("y.npy", b"")]),
}


@pytest.mark.parametrize("name", ARCHIVES)
def test_archives(tmp_path, name):
    path = ARCHIVES[name](tmp_path / "a.npz")
    limit = (1 << 21) + 20 * path.stat().st_size  # zipfile keeps a few hundred bytes for each entry of 46 bytes or more
    with input_error(path) as caught, at_most(limit):
        load(str(path))
    assert len(str(caught.value)) < 700


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_members_with_the_same_name(tmp_path):
    path = npz(tmp_path / "a.npz", [*VALID, ("y.npy", saved(Y[::-1]))])
    with input_error(path, "same name"):
        load(str(path))


@pytest.mark.parametrize("sizes", [(6, 1 << 27), (6, 1 << 20)])
def test_a_zip_bomb_is_not_inflated(tmp_path, sizes):
    """Zeros, compressed a thousandfold: 768 MiB are rejected before anything is read, and 6 MiB are read."""
    path = npz(tmp_path / "a.npz", [("y.npy", saved(Y))])
    add_zeros(path, "X.npy", npy("'|u1'", sizes), sizes[0] * sizes[1])
    if sizes[1] == 1 << 20:
        assert load(str(path)).train.X.shape == sizes
    else:
        with input_error(path, "uncompressed"), at_most(1 << 20):
            load(str(path))


def test_overlapping_members_count_separately(tmp_path):
    """A bomb without compression: a thousand names for one array of a megabyte."""
    path = npz(tmp_path / "a.npz", [("X.npy", saved(np.zeros((256, 1024), np.float32)))], zipfile.ZIP_STORED)
    content = path.read_bytes()
    directory = content.index(CENTRAL)
    end = content.index(END)
    entry = content[directory:end]
    entries = b"".join(entry.replace(b"X.npy", f"{i:05}".encode()) for i in range(1000))
    counts = struct.pack("<HHII", 1000, 1000, len(entries), directory)
    path.write_bytes(content[:directory] + entries + content[end : end + 8] + counts + b"\0\0")
    with input_error(path, "too many for the size"), at_most(1 << 21):
        load(str(path))
