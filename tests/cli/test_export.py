"""hw5 export."""

import numpy as np
import pytest

from tests.cli.helpers import hw5, refused


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    path = tmp_path_factory.mktemp("trained") / "model.npz"
    hw5("train", "--epochs", 2, "--hidden", 8, "--out", path)
    return path


def test_export_writes_a_file(trained, tmp_path):
    out = tmp_path / "new folder" / "weights.npz"
    assert hw5("export", trained, "--format", "numpy", "--out", out).stdout == f"saved {out}\n"
    with np.load(out) as file:
        assert file["W1"].shape == (64, 8) and list(file["class_names"]) == list("0123456789")


def test_the_data_of_the_training_are_not_replaced(tmp_path):
    table, model = tmp_path / "a.csv", tmp_path / "a.npz"
    table.write_text("a,b,kind\n" + "1,2,x\n3,4,y\n" * 10)
    hw5("train", "--data", table, "--epochs", 1, "--out", model)
    before = table.read_bytes()
    assert "is also an input" in refused("export", model, "--format", "numpy", "--out", table)
    assert table.read_bytes() == before


REFUSED = {
    "the checkpoint itself": (lambda model, folder: (model, "numpy", model), "is the checkpoint itself"),
    "no checkpoint": (lambda model, folder: (folder / "none.npz", "numpy", folder / "x"), "no such file"),
    "a folder": (lambda model, folder: (model, "numpy", folder), "is a directory"),
    "an unknown format": (lambda model, folder: (model, "onxn", folder / "x"), "did you mean 'onnx'?"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_is_one_sentence(trained, tmp_path, case):
    arguments, message = REFUSED[case]
    before = trained.read_bytes()
    checkpoint, format, out = arguments(trained, tmp_path)
    assert message in refused("export", checkpoint, "--format", format, "--out", out)
    assert trained.read_bytes() == before and not list(tmp_path.iterdir())


@pytest.mark.parametrize(("name", "kind"), [("m.npz", "PK"), ("m.NPZ", "PK")])
def test_the_suffix_says_which_format(trained, tmp_path, name, kind):
    hw5("export", trained, "--out", tmp_path / name)
    assert (tmp_path / name).read_bytes().startswith(kind.encode())


def test_a_suffix_that_says_nothing_is_refused_in_one_line(trained, tmp_path):
    sentence = refused("export", trained, "--out", tmp_path / "m.bin")
    assert "does not say which format; add --format, or one of the suffixes: onnx (.onnx)" in sentence
    assert len(refused("export", trained).strip().splitlines()) == 1
