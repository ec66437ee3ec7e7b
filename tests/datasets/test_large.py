"""Data that are mapped from a file rather than read, and what is said if memory does not suffice."""

import mmap
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest

from hw5 import opening
from hw5.datasets import load, stored
from hw5.datasets import mapped as mapped_module
from hw5.datasets.mapped import read_ahead
from hw5.tables import delimited, features, gathering
from hw5.tables.blocks import Blocks
from hw5.tables.table import Reading
from hw5.train.checkpoint import Checkpoint
from hw5.train.order import epoch_order
from tests.cli.helpers import hw5, refused
from tests.datasets.helpers import input_error
from tests.tables.helpers import rows, text


@pytest.fixture
def mapped(tmp_path, monkeypatch):
    """X.npy and y.npy of 600 rows, which count as large."""
    monkeypatch.setattr(stored, "LARGE", 1000)
    X, names = rows(600)
    np.save(tmp_path / "X.npy", X.astype(np.float32))
    np.save(tmp_path / "y.npy", names)
    return tmp_path / "X.npy"


def test_a_large_file_is_mapped(mapped):
    X = load(str(mapped)).train.X
    assert isinstance(X, np.memmap) and not X.flags.writeable
    np.testing.assert_array_equal(X, rows(600)[0].astype(np.float32))


def test_training_evaluating_and_resuming_on_mapped_data(mapped, tmp_path):
    options = ("--data", mapped, "--hidden", 8, "--optimizer", "sgd", "--epochs", 6)
    hw5("train", *options, "--out", tmp_path / "a.npz")
    assert "accuracy 9" in hw5("eval", tmp_path / "a.npz").stdout
    hw5("train", *options[:-1], 3, "--out", tmp_path / "b.npz")
    hw5("train", "--resume", tmp_path / "b.npz", "--epochs", 6)
    a, b = (Checkpoint.load(tmp_path / name).parameters for name in ("a.npz", "b.npz"))
    for one, other in zip(sum(a, ()), sum(b, ())):
        np.testing.assert_array_equal(one, other)


def test_a_large_file_with_a_fault(mapped):
    X = np.load(mapped)
    X[417, 2] = np.nan
    np.save(mapped, X)
    with input_error(mapped, "row 418, column 3", "nan"):
        load(str(mapped))
    mapped.write_bytes(mapped.read_bytes()[:-4])
    with input_error(mapped, "only"):
        load(str(mapped))


def test_the_order_of_blocks():
    """Every row once, from few blocks at a time, and another order each epoch."""
    kept = np.setdiff1d(np.arange(100_000), np.arange(0, 100_000, 7))
    first, second = (epoch_order(kept, 0, epoch, block=100) for epoch in (1, 2))
    np.testing.assert_array_equal(np.sort(first), kept)
    assert (first != second).mean() > 0.99 and (first == epoch_order(kept, 0, 1, block=100)).all()
    blocks = [len(np.unique(first[i : i + 6400] // 100)) for i in range(0, 80_000, 6400)]
    assert max(blocks) < 6400 / 100 * 2.5  # each block of rows touches two or three of the file
    assert np.corrcoef(first, np.arange(len(first)))[0, 1] < 0.2


class _Advised:
    """In place of a mapping: what it was asked to read."""

    def __init__(self, size):
        self.size, self.ranges = size, []

    def __len__(self):
        return self.size

    def madvise(self, advice, start, length):
        assert advice == mmap.MADV_WILLNEED and start % mmap.PAGESIZE == 0 and start + length <= self.size
        self.ranges.append((start, start + length))


@pytest.mark.skipif(not hasattr(mmap, "MADV_WILLNEED"), reason="the system takes no advice")
def test_what_is_read_ahead_covers_the_rows_and_little_else(tmp_path, monkeypatch):
    monkeypatch.setattr(mapped_module, "_BLOCK", 1 << 14)
    np.save(tmp_path / "X.npy", np.zeros((20_000, 25), np.float32))
    X = np.load(tmp_path / "X.npy", mmap_mode="r")
    rows = np.concatenate([np.arange(5000, 5600), [19_999], np.arange(12_000, 12_005), [0]])
    read_ahead(X, rows)  # the system takes it
    X._mmap = _Advised(len(X._mmap))
    read_ahead(X, rows)
    at = X.offset % mmap.ALLOCATIONGRANULARITY + 100 * rows
    covered = [any(start <= a and a + 100 <= stop for start, stop in X._mmap.ranges) for a in at]
    assert all(covered) and len(X._mmap.ranges) == 4
    assert sum(stop - start for start, stop in X._mmap.ranges) < 100 * 606 + 5 * ((1 << 14) + mmap.PAGESIZE)
    read_ahead(X, rows[:0])
    read_ahead(np.zeros((3, 2), np.float32), np.arange(3))  # in memory: nothing to read
    assert len(X._mmap.ranges) == 4


def test_convert(tmp_path):
    X, names = rows(60)
    cells = [[*x, ("north", "south")[i % 2], name] for i, (x, name) in enumerate(zip(X.tolist(), names))]
    (tmp_path / "trees.csv").write_text(text(cells, "leaf,bark,height,site,tree"))
    hw5("data", "convert", tmp_path / "trees.csv", "--out", tmp_path / "X_trees.npy")
    a, b = load(str(tmp_path / "trees.csv")), load(str(tmp_path / "X_trees.npy"))
    np.testing.assert_array_equal(a.train.X, b.train.X)
    np.testing.assert_array_equal(a.train.y, b.train.y)
    assert a.class_names == b.class_names
    assert "X_trees.npy" in refused("data", "convert", tmp_path / "trees.csv", "--out", tmp_path / "trees.npy")


def _without_labels(cells):
    return [[*row[:-1], "" if i % 7 == 3 else row[-1]] for i, row in enumerate(cells)]


CONVERTED = {  # cells of a table of several blocks
    "numbers": lambda X, names: [[*x, name] for x, name in zip(X, names)],
    "rows without a label": lambda X, names: _without_labels([[*x, name] for x, name in zip(X, names)]),
    "gaps, text and dates": lambda X, names: [
        [a, b if i % 5 else "", f"2024-0{i % 9 + 1}-01", ("north", "south", "")[i % 3], name]
        for i, ((a, b, _), name) in enumerate(zip(X, names))
    ],
    "pixels": lambda X, names: [
        [*(min(255, int(abs(x) * 90)) if j else 255 * (i % 2) for j, x in enumerate(np.tile(row, 20))), name]
        for i, (row, name) in enumerate(zip(X, names))
    ],
}


@pytest.mark.parametrize("name", CONVERTED)
def test_a_table_is_converted_as_it_is_loaded(tmp_path, monkeypatch, name):
    """Blocks on disk and slices give the bits of blocks in memory."""
    X, names = rows(600)
    cells = CONVERTED[name](X.tolist(), names)
    header = ",".join([*(f"x{i}" for i in range(len(cells[0]) - 1)), "tree"])
    (tmp_path / "trees.csv").write_text(text(cells, header))
    whole = load(str(tmp_path / "trees.csv"))
    monkeypatch.setattr(delimited, "_BLOCK", 1 << 10)
    in_blocks = load(str(tmp_path / "trees.csv"))
    monkeypatch.setattr(features, "_AT_ONCE", 100)
    hw5("data", "convert", tmp_path / "trees.csv", "--out", tmp_path / "new" / "X_trees.npy")
    X, y = (np.load(tmp_path / "new" / name) for name in ("X_trees.npy", "y_trees.npy"))
    np.testing.assert_array_equal(X, in_blocks.train.X)
    assert X.dtype == whole.train.X.dtype == (np.uint8 if name == "pixels" else np.float32)
    np.testing.assert_allclose(X, whole.train.X, rtol=1e-6)
    assert y.tolist() == [whole.class_names[i] for i in whole.train.y]
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == ["X_trees.npy", "y_trees.npy"]


def test_converting_keeps_no_features_in_memory(tmp_path, monkeypatch):
    """What grows with the rows is what one column takes, some 200 bytes.

    200 features would take 800, and twice that.
    """
    monkeypatch.setattr(delimited, "_BLOCK", 1 << 16)  # of which pyarrow reads some ahead
    values = np.random.default_rng(0).integers(0, 9999, (8000, 200))
    lines = [",".join(map(str, row)) + f",{'ab'[i % 2]}" for i, row in enumerate(values)]
    peaks = []
    for n in (3000, 3000, 8000):  # the first fills caches
        (tmp_path / "a.csv").write_text("\n".join(lines[:n]))
        tracemalloc.start()
        hw5("data", "convert", tmp_path / "a.csv", "--out", tmp_path / "X_a.npy")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] - peaks[1] < 400 * 5000, peaks
    np.testing.assert_array_equal(np.load(tmp_path / "X_a.npy"), values)


def test_the_numbers_of_a_table_are_in_memory_once(tmp_path, monkeypatch):
    """The array into which they are read becomes the features; it is at most an eighth too large meanwhile.

    It is resized without a copy. NumPy 2.5 tells tracemalloc of both sizes at once, so that the peak is taken around
    it.
    """
    resize, peaks = Blocks._resize, []

    def peak():
        return tracemalloc.get_traced_memory()[1]

    def resized_in_place(blocks, n, k):
        peaks.append(peak())
        before = id(blocks._rows) if blocks._rows.size else None
        resize(blocks, n, k)
        assert before in (None, id(blocks._rows))
        tracemalloc.reset_peak()

    monkeypatch.setattr(Blocks, "_resize", resized_in_place)
    monkeypatch.setattr(delimited, "_BLOCK", 1 << 14)  # of which pyarrow reads some ahead
    values, path = np.arange(300_000)[:, np.newaxis] * np.arange(1, 21) % 1009, tmp_path / "a.csv"
    path.write_text("\n".join(",".join(map(str, row)) + f",{i % 2}" for i, row in enumerate(values.tolist())))
    load(str(path))
    tracemalloc.start()
    peaks.clear()
    X = load(str(path)).train.X
    peaks.append(peak())
    tracemalloc.stop()
    np.testing.assert_array_equal(X, values)
    assert len(peaks) > 10 and max(peaks) < 1.7 * X.nbytes, max(peaks)


def test_pandas_is_not_imported_to_read_a_table(tmp_path):
    """pyarrow imports it for some of its functions, which takes longer than to read most tables."""
    path = tmp_path / "a.csv"
    path.write_text("1.5,2,a\n3,4,b\n" * 9)
    code = f"import sys; from hw5.datasets import load; load({str(path)!r}); print('pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"


def test_what_does_not_fit_says_so(tmp_path, monkeypatch):
    np.savez(tmp_path / "a.npz", X=np.ones((100, 50)), y=np.arange(100) % 2)
    monkeypatch.setattr(opening, "free_memory", lambda: 10_000)
    with input_error(tmp_path / "a.npz", "GB of memory", "X.npy"):
        load(str(tmp_path / "a.npz"))


def test_a_table_that_does_not_fit_says_so(tmp_path, monkeypatch):
    """At the row where the memory ends, and before text becomes features; small tables are read whatever is free."""
    X, names = rows(60)
    path = tmp_path / "a.csv"
    path.write_text(text([[*x, name] for x, name in zip(X.tolist(), names)], "leaf,bark,height,tree"))
    monkeypatch.setattr(opening, "free_memory", lambda: 1 << 26)
    load(str(path))
    monkeypatch.setattr(gathering, "_LARGE", 0)
    with input_error(path, "row 60: needs 0.1 GB of memory", "X.npy"):
        load(str(path))
    monkeypatch.setattr(opening, "free_memory", lambda: 1 << 10)
    path.write_text(text([[f"place {i // 2}", name] for i, name in enumerate([*names] * 3)], "place,tree"))
    monkeypatch.setattr(gathering, "_LARGE", 1 << 30)
    with input_error(path, "needs 0.0 GB of memory", "X.npy"):
        load(str(path), reading=Reading(categorical=("place",)))


def test_what_cannot_be_allocated_is_said_of_the_data(tmp_path, monkeypatch):
    path = tmp_path / "a.csv"
    path.write_text("1,2,a\n3,4,b\n" * 9)

    def allocate(*_):
        raise MemoryError("Unable to allocate 9. GiB")

    monkeypatch.setattr("hw5.tables.reading.encoded", allocate)
    message = refused("train", "--data", path)
    assert f"{path}: does not fit into memory (Unable to allocate 9. GiB)" in message and "--hidden" not in message


def test_free_memory(tmp_path):
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal: 9 kB\nMemAvailable:   4096 kB\n")
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text("1000\n")
    assert opening.free_memory(meminfo, tmp_path) == 4096 * 1024
    (tmp_path / "memory.max").write_text("3000\n")
    assert opening.free_memory(meminfo, tmp_path) == 2000
    (tmp_path / "memory.stat").write_text("anon 500\nactive_file 200\ninactive_file 100\n")
    assert opening.free_memory(meminfo, tmp_path) == 2300  # cached files are given up
    assert opening.free_memory(tmp_path / "none", tmp_path / "none") == np.inf
