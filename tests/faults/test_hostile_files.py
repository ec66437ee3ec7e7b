"""What is no file to read, IDX and gzip: each is refused in one sentence, and nothing waits for a pipe."""

import gzip
import os
import struct
import zlib

import numpy as np
import pytest

from hw5.datasets import Schema, load, load_inputs
from hw5.train.checkpoint import Checkpoint
from tests.datasets.helpers import idx_bytes, refused, write_idx

from .helpers import at_most

IMAGES = np.arange(48, dtype=np.uint8).reshape(4, 3, 4)
NAMES = ("a.csv", "a.npy", "a.npz", "train-images-idx3-ubyte", "train-images-idx3-ubyte.gz")


def readers(path):
    """Every way in which the program reads a file of that name."""
    yield lambda: load(str(path))
    yield lambda: load_inputs(str(path), Schema(12))
    yield lambda: Checkpoint.load(path)


@pytest.fixture
def labels(tmp_path):
    write_idx(tmp_path / "train-labels-idx1-ubyte", np.uint8([0, 1, 0, 1]))


@pytest.mark.parametrize("name", NAMES)
def test_pipes_devices_and_links(tmp_path, name, labels):
    path = tmp_path / name
    for make in (
        os.mkfifo,
        lambda path: os.symlink("/dev/zero", path),
        lambda path: os.symlink("/dev/stdin", path),
    ):
        make(path)
        for read in readers(path):
            with refused(path, "not a regular file"):
                read()
        path.unlink()
    os.symlink(path.name, path)  # to itself
    for read in readers(path):
        with refused(path, "no such file"):
            read()


@pytest.mark.parametrize("name", NAMES)
def test_folders_in_the_place_of_files(tmp_path, name, labels):
    (tmp_path / name).mkdir()
    for read in readers(tmp_path / name):
        with refused(tmp_path / name):
            read()
    if name.startswith("train"):
        with refused(tmp_path / name, "not a regular file"):
            load(str(tmp_path))


@pytest.mark.parametrize("path", ["a\0b.csv", "x" * 5000 + ".csv", "\udcff.csv", ""])
def test_paths_that_cannot_be(path):
    for read in readers(path):
        with refused():
            read()


@pytest.mark.parametrize(
    "sizes", [(10**6, 10**6), (2**32 - 1,) * 3, (2**32 - 1,) * 32, (1,) * 33, (1,) * 255, (0, 2**32 - 1)]
)
@pytest.mark.parametrize("gz", ["", ".gz"])
def test_idx_of_absurd_sizes(tmp_path, sizes, gz, labels):
    content = b"\0\0\x0e" + struct.pack(f">B{len(sizes)}I", len(sizes), *sizes) + bytes(100_000)
    path = tmp_path / f"train-images-idx3-ubyte{gz}"
    path.write_bytes(gzip.compress(content) if gz else content)
    with refused(path), at_most(1 << 20):
        load(str(path))


def test_a_gzip_bomb_is_not_inflated(tmp_path, labels):
    """4 GiB of zeros in 4 MB, told by the header as they are: a limit stops them before they are read."""
    path = tmp_path / "train-images-idx3-ubyte.gz"
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    path.write_bytes(packer.compress(struct.pack(">4B3I", 0, 0, 8, 3, 4, 1 << 15, 1 << 15)) + packer.flush())
    member = gzip.compress(bytes(1 << 28))
    with open(path, "ab") as file:
        for _ in range(16):
            file.write(member)
    assert path.stat().st_size < 1 << 23
    with refused(path, "4294967296 bytes", "decompress it"), at_most(1 << 20):
        load(str(path))


def test_a_thousandfold_compression_within_the_limit_is_read(tmp_path, labels):
    """A sound file of nothing but zeros is no attack: 64 MiB fit into the limit of any file."""
    path = tmp_path / "train-images-idx3-ubyte.gz"
    images = np.zeros((4, 4096, 4096), np.uint8)
    path.write_bytes(gzip.compress(idx_bytes(images)))
    assert path.stat().st_size * 900 < images.size
    assert load(str(path)).train.X.shape == (4, 4096 * 4096)


def test_many_empty_members_and_a_long_name(tmp_path, labels):
    path = tmp_path / "train-images-idx3-ubyte.gz"
    named = bytearray(gzip.compress(idx_bytes(IMAGES)))
    named[3] |= 8  # a file name follows the header
    named[10:10] = b"n" * 100_000 + b"\0"
    path.write_bytes(gzip.compress(b"") * 1000 + bytes(named) + gzip.compress(b"") * 1000)
    np.testing.assert_array_equal(load(str(path)).train.X, IMAGES.reshape(4, 12))
