"""Files of arrays are read for a prediction block by block, in little memory, with the values of reading them whole."""

import gzip
import tracemalloc

import numpy as np
import pytest

from hw5.datasets import Schema, load, load_inputs, open_inputs
from hw5.datasets import stored as stored_module
from tests.cli.helpers import hw5

from .helpers import idx_bytes, input_error, write_idx

RNG = np.random.default_rng(0)
X = RNG.normal(size=(103, 12)).astype(np.float32)
PIXELS = RNG.integers(0, 256, (103, 3, 4), np.uint8)
WIDE = RNG.integers(0, 256, (103, 49)).astype(np.float32)  # which look like the pixels of images


def _save(name, **options):
    return lambda path, values: np.save(path / name, values, **options) or path / name


def _npz(save, **more):
    return lambda path, values: save(path / "a.npz", X=values, **more) or path / "a.npz"


def _idx(name):
    return lambda path, values: write_idx(path / name, values) or path / name


NPY, ZIPPED, PLAIN = _save("a.npy"), _npz(np.savez_compressed, y=np.arange(103)), _npz(np.savez)
CASES = {
    "npy": (NPY, X, Schema(12)),
    "npy of float64": (NPY, X.astype(np.float64), Schema(12)),
    "npy of big-endian numbers": (NPY, X.astype(">f4"), Schema(12)),
    "npy of pixels": (NPY, PIXELS, Schema(12, image_shape=(3, 4))),
    "npy in Fortran's order": (NPY, np.asfortranarray(X), Schema(12)),
    "npy with labels": (NPY, X, Schema(11, label_column="3")),
    "npy of one image": (NPY, PIXELS[0], Schema(12, image_shape=(3, 4))),
    "npy that may be pixels": (NPY, WIDE, Schema(49)),
    "deflated npz": (ZIPPED, X, Schema(12)),
    "npz": (PLAIN, PIXELS, Schema(12)),
    "idx": (_idx("a-images-idx3-ubyte"), PIXELS, Schema(12)),
    "idx.gz": (_idx("a-images-idx3-ubyte.gz"), PIXELS, Schema(12, image_shape=(3, 4))),
}


@pytest.mark.parametrize(("write", "values", "schema"), CASES.values(), ids=CASES)
@pytest.mark.parametrize("rows", [1, 10, 1000])
def test_blocks_are_what_reading_gives(write, values, schema, rows, tmp_path):
    path = write(tmp_path, values)
    blocks = list(open_inputs(path, schema).blocks(rows))
    whole = load_inputs(str(path), schema)
    assert len(blocks) == -(-len(whole) // rows) and all(X.dtype in (np.uint8, np.float32) for X in blocks)
    np.testing.assert_array_equal(np.concatenate(blocks), whole)
    expected = np.delete(values, 2, axis=1) if schema.features == 11 else values
    np.testing.assert_array_equal(whole, expected.reshape(len(whole), -1).astype(np.float32))


@pytest.mark.parametrize("name", [name for name in CASES if name not in ("npy with labels", "npy of one image")])
def test_predictions_do_not_depend_on_the_blocks(name, tmp_path):
    """More rows than a block has; the classes and the six digits of probabilities that are printed."""
    write, values, _ = CASES[name]
    many = np.concatenate([values] * 12)
    path = write(tmp_path, np.asfortranarray(many) if np.isfortran(values) else many)
    flat = many.reshape(len(many), -1).astype(np.float32)
    np.savez(tmp_path / "train.npz", X=flat[:103], y=np.arange(103) % 3)
    hw5("train", "--data", tmp_path / "train.npz", "--hidden", 5, "--epochs", 1, "--out", tmp_path / "model.npz")
    lines = hw5("predict", tmp_path / "model.npz", path).stdout.splitlines()
    np.savetxt(tmp_path / "a.csv", flat, "%.9g", ",")
    of_table = hw5("predict", tmp_path / "model.npz", tmp_path / "a.csv").stdout.splitlines()
    assert len(lines) == len(many) + 1
    assert [line.rsplit(",", 2)[-2:] for line in of_table[1:]] == [line.split(",") for line in lines[1:]]


def test_errors_are_numbered_from_the_start_of_the_file(tmp_path):
    path, wrong = tmp_path / "a.npy", X.copy()
    wrong[57, 3] = np.inf
    np.save(path, wrong)
    with input_error("a.npy, row 58, column 4: inf"):
        list(open_inputs(path, Schema(12)).blocks(10))
    np.save(path, np.pad(wrong, ((0, 0), (1, 0))))
    with input_error("a.npy, row 58, column 5: inf"):
        list(open_inputs(path, Schema(12, label_column="1")).blocks(10))


def test_truncated_and_longer_files(tmp_path):
    """A plain file is refused when it is opened; of a compressed one, the blocks before the end are read."""
    content, path = idx_bytes(PIXELS), tmp_path / "a-images-idx3-ubyte.gz"
    for end, word in ((content[:-30], "only 1206"), (content + b"x", "more")):
        path.write_bytes(gzip.compress(end))
        blocks = open_inputs(path, Schema(12)).blocks(10)
        assert len(next(blocks)) == 10
        with input_error(path, "103 x 3 x 4 values in 1236 bytes", word):
            list(blocks)
    path.write_bytes(gzip.compress(content)[:-20])
    with input_error(path, "truncated"):
        list(open_inputs(path, Schema(12)).blocks(10))
    np.save(tmp_path / "a.npy", X)
    (tmp_path / "a.npy").write_bytes((tmp_path / "a.npy").read_bytes()[:-4])
    with input_error("a.npy", "only"):
        open_inputs(tmp_path / "a.npy", Schema(12))


@pytest.mark.parametrize("name", ["npy", "npy of float64", "deflated npz", "npz", "idx.gz"])
def test_a_block_is_all_that_is_in_memory(name, tmp_path):
    """Files of 1.2 MB or more, in blocks of at most 100 kB."""
    write, values, _ = CASES[name]
    values = np.tile(values, (970, *[1] * (values.ndim - 1)))
    path = write(tmp_path, values)
    blocks = open_inputs(path, Schema(12)).blocks(1024)
    assert len(next(blocks)) == 1024  # what is imported on first use is no memory of reading
    tracemalloc.start()
    try:
        assert 1024 + sum(map(len, blocks)) == len(values)
        assert tracemalloc.get_traced_memory()[1] < 6e5
    finally:
        tracemalloc.stop()


def test_float32_is_read_without_a_copy_but_never_shared_with_the_caller(tmp_path):
    """The features of a file are in memory once, and those of an array that somebody may change are copied."""
    values = np.tile(X, (1000, 1))
    np.savez(tmp_path / "a.npz", X=values, y=np.arange(len(values)) % 3)
    load(str(tmp_path / "a.npz"))
    tracemalloc.start()
    try:
        load(str(tmp_path / "a.npz"))
        assert tracemalloc.get_traced_memory()[1] < 2 * values.nbytes
    finally:
        tracemalloc.stop()
    assert not np.shares_memory(load((X, np.arange(103) % 3)).train.X, X)


def test_a_prediction_reads_a_large_file_in_blocks_too(tmp_path, monkeypatch):
    monkeypatch.setattr(stored_module, "LARGE", 1000)
    np.save(tmp_path / "a.npy", X)
    blocks = list(open_inputs(tmp_path / "a.npy", Schema(12)).blocks(40))
    assert not any(isinstance(block, np.memmap) for block in blocks) and [len(block) for block in blocks] == [
        40,
        40,
        23,
    ]
    assert isinstance(load_inputs(str(tmp_path / "a.npy"), Schema(12)), np.memmap)
