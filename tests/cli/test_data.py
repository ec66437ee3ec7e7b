"""hw5 data list, show and fetch."""

import gzip
import hashlib
import json

import numpy as np
import pytest

from hw5.datasets import BUILT_IN
from hw5.datasets.fetch import SOURCES, File, Source
from hw5.datasets.idx import FILES
from tests.cli.helpers import hw5, refused
from tests.datasets.helpers import idx_bytes


def rows_of(text):
    return [line.split() for line in text.splitlines() if line.strip()]


@pytest.fixture
def mnist(tmp_path, monkeypatch):
    """A small MNIST, in a directory that is its only mirror, and an empty data directory."""
    mirror, files = tmp_path / "mirror", []
    mirror.mkdir()
    for name, n in zip(FILES, (30, 30, 20, 20)):
        y = (np.arange(n) % 10).astype(np.uint8)
        content = gzip.compress(idx_bytes(y[:, None, None] * np.ones((5, 4), np.uint8) if "images" in name else y))
        (mirror / f"{name}.gz").write_bytes(content)
        files.append(File(f"{name}.gz", len(content), hashlib.sha256(content).hexdigest()))
    monkeypatch.setitem(SOURCES, "mnist", Source((f"{mirror.as_uri()}/",), tuple(files), "public domain"))
    return mirror, tmp_path / "data"


def test_list_shows_data_sets_and_their_location(mnist):
    mirror, data_dir = mnist
    before = {row[0]: " ".join(row) for row in rows_of(hw5("data", "list", "--data-dir", data_dir).stdout)}
    assert set(BUILT_IN) <= set(before)
    assert "built in" in before["digits"] and "hw5 data fetch mnist" in before["mnist"]
    hw5("data", "fetch", "mnist", "--data-dir", data_dir)
    after = {row[0]: " ".join(row) for row in rows_of(hw5("data", "list", "--data-dir", data_dir).stdout)}
    assert after["mnist"].endswith(str(data_dir / "mnist")) and "hw5 data fetch kmnist" in after["kmnist"]


def test_fetch_then_train(mnist, tmp_path):
    mirror, data_dir = mnist
    said = hw5("data", "fetch", "mnist", "--data-dir", data_dir).stdout
    assert said == f"saved {data_dir / 'mnist'} (licence: public domain)\n"
    assert {path.name for path in (data_dir / "mnist").iterdir()} == {f"{name}.gz" for name in FILES}
    again = hw5("data", "fetch", "mnist", "--data-dir", data_dir).stdout
    assert again.startswith(f"mnist is already in {data_dir / 'mnist'}; delete that directory")
    trained = hw5("train", "--data", "mnist", "--data-dir", data_dir, "--epochs", 1).stdout
    assert trained.startswith("mnist: 20 features, 10 classes; 30 train, 20 test examples")


def test_a_failed_download_is_one_sentence(mnist):
    mirror, data_dir = mnist
    for path in mirror.iterdir():
        path.unlink()
    failed = hw5("data", "fetch", "mnist", "--data-dir", data_dir, code=1).stderr
    assert failed.startswith("hw5: train-images") and failed.count("\n") == 1 and "cannot be fetched" in failed
    unknown = hw5("data", "fetch", "digits", "--data-dir", data_dir, code=2).stderr
    assert unknown.startswith("hw5: there is no data set to fetch 'digits'") and "choose from mnist, " in unknown
    missing = hw5("train", "--data", "mnist", "--data-dir", data_dir, code=2).stderr
    assert "hw5 data fetch mnist" in missing and missing.count("\n") == 1


def test_show_counts_the_classes_of_both_splits(mnist):
    mirror, _ = mnist
    headline, *rows = rows_of(hw5("data", "show", mirror).stdout)
    assert " ".join(headline) == "mirror: 30 train, 20 test examples; images of 5 x 4 pixels, 10 classes"
    assert [str(c) for c in range(10)] == [row[0] for row in rows if row[1:] == ["3", "2"]]
    assert rows[-1] == ["all", "0", "4.5", "9"]


def test_show_gives_the_ranges_of_columns(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("height,width,kind\n1,-2,rose\n2,5.5,rose\n6,1,tulip\n")
    headline, *rows = rows_of(hw5("data", "show", path).stdout)
    assert " ".join(headline) == "a.csv: 3 examples; 2 features, 2 classes"
    for row in (["rose", "2"], ["tulip", "1"], ["height", "1", "3", "6"], ["width", "-2", "1.5", "5.5"]):
        assert row in rows
    path.write_text("height,price\n1,10\n2,20\n")
    headline, *rows = rows_of(hw5("data", "show", path, "--task", "regression").stdout)
    assert " ".join(headline) == "a.csv: 2 examples; 1 feature, regression"
    assert ["train", "10", "15", "20"] in rows and ["height", "1", "1.5", "2"] in rows


def test_show_summarises_large_tables(tmp_path):
    np.savez(tmp_path / "a.npz", X=np.arange(40 * 50).reshape(40, 50), y=np.arange(40))
    rows = rows_of(hw5("data", "show", tmp_path / "a.npz").stdout)
    assert ["...", "10", "more", "10"] in rows and ["all", "0", "999.5", "1999"] in rows


def test_data_show_draws_samples(tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    assert hw5("data", "show", "digits", "--plot", "digits").stdout.splitlines()[-1] == "saved digits"
    (tmp_path / "a.csv").write_text("a,b,c,kind\n1,2,3,x\n4,5,6,y\n")
    assert "is also an input" in refused("data", "show", "a.csv", "--plot", "a.csv")
    assert (tmp_path / "a.csv").read_text().startswith("a,b,c")


@pytest.mark.parametrize("out", [".", "..", "/", "X", "trees.npy"])
def test_data_convert_needs_a_name_for_features(out):
    assert f"--out {out}: choose a name such as X_" in refused("data", "convert", "xor", "--out", out)


def test_data_convert_replaces_both_files_or_none(tmp_path, monkeypatch):
    """Else new features would have old labels."""
    hw5("data", "convert", "xor", "--out", tmp_path / "X.npy")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}

    def full(file, array, save=np.save, **options):
        if array.ndim == 1:
            raise OSError(28, "No space left on device")
        save(file, array, **options)

    monkeypatch.setattr(np, "save", full)
    assert "y.npy: no space left on device" in refused(
        "data", "convert", "spirals", "--out", tmp_path / "X.npy", code=1
    )
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_data_as_json(tmp_path):
    shown = json.loads(hw5("data", "show", "digits", "--json").stdout)
    assert shown["examples"] == {"train": 1797} and shown["image_shape"] == [8, 8] and shown["features"] == 64
    assert sum(shown["classes"]["train"].values()) == 1797
    table = tmp_path / "a.csv"
    table.write_text("x,site,y\n1,n,2.5\n2,s,3.5\n3,n,4.5\n")
    shown = json.loads(hw5("data", "show", table, "--task", "regression", "--json").stdout)
    assert shown["targets"] == {"train": {"min": 2.5, "mean": 3.5, "max": 4.5}}
    assert [column["name"] for column in shown["columns"]] == ["x", "site"]
    sets = json.loads(hw5("data", "list", "--json", "--data-dir", tmp_path).stdout)
    assert {"name": "mnist", "location": None}.items() <= next(s for s in sets if s["name"] == "mnist").items()
