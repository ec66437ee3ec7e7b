"""Options shared by several commands."""

import os
import re

import pytest

from hw5.cli.options import require_another_file
from hw5.errors import InputError
from tests.cli.helpers import hw5, refused

BAD_OPTIONS = {
    "a layer without units": (("--hidden", "0"), "0 is not a layer; give the units of a layer, conv:FILTERSxSIZE"),
    "no layer": (("--hidden", "12,x"), "'x' is not a layer"),
    "a convolution without a window": (("--hidden", "conv:6"), "'conv:6' is not a layer"),
    "a window without pixels": (("--hidden", "conv:6x0"), "'conv:6x0' is not a layer"),
    "no filters": (("--hidden", "conv:0x3"), "'conv:0x3' is not a layer"),
    "a stride of 0": (("--hidden", "conv:6x3/0"), "'conv:6x3/0' is not a layer"),
    "a window in the padding": (("--hidden", "pool:2+2"), "'pool:2+2' is not a layer"),
    "a window of thousands of digits": (("--hidden", f"pool:{'9' * 5000}"), "is not a layer"),
    "all units dropped": (("--hidden", "dropout:1"), "'dropout:1' is not a layer"),
    "a share that is no number": (("--hidden", "dropout:nan"), "'dropout:nan' is not a layer"),
    "a window larger than the image": (
        ("--hidden", "conv:6x5+2,pool:2,conv:16x5"),
        "--hidden, layer 3: conv:16x5 does not fit: the image there has 4 x 4 pixels, and the window 5 x 5",
    ),
    "a convolution after units": (("--hidden", "9,conv:6x3"), "layer 2: conv:6x3 needs images"),
    "a convolution of no images": (("--data", "spirals", "--hidden", "conv:6x1"), "layer 1: conv:6x1 needs images"),
    "lenet for small images": (("--model", "lenet"), "layer 3: conv:16x5 does not fit"),
    "lenet with other layers": (("--model", "lenet", "--hidden", "8"), "--hidden cannot be used with --model lenet"),
    "negative rate": (("--lr", "-0.1"), "-0.1 is not in the range"),
    "rate of zero": (("--lr", "0"), "not in the range"),
    "rate that is no number": (("--lr", "nan"), "not a finite number"),
    "infinite rate": (("--l2", "inf"), "not a finite number"),
    "negative penalty": (("--l1", "-1"), "not in the range"),
    "momentum of 1": (("--momentum", "1"), "not in the range"),
    "negative momentum": (("--momentum", "-0.5"), "not in the range"),
    "no examples in a minibatch": (("--batch-size", "0"), "not in the range"),
    "no epochs": (("--epochs", "0"), "not in the range"),
    "unknown loss": (("--loss", "squard"), "did you mean 'squared'?"),
    "unknown task": (("--task", "regresion"), "did you mean 'regression'?"),
    "unknown model": (("--model", "percepton"), "did you mean 'perceptron'?"),
    "unknown device": (("--device", "emulater"), "did you mean 'emulator'?"),
    "a GPU by name": (("--device", "cuda:one"), "did you mean 'cuda'?"),
    "a GPU that does not exist": (("--device", "cuda:-1"), "did you mean 'cuda'?"),
    "unknown schedule": (("--lr-schedule", "cosin"), "did you mean 'cosine'?"),
    "neither a number nor all": (("--batch-size", "al"), "is not an integer or all"),
    "half a minibatch": (("--batch-size", "2.5"), "is not an integer or all"),
    "no patience": (("--patience", "0"), "not in the range"),
    "no tolerance": (("--tolerance", "0"), "not in the range"),
    "unknown option": (("--foo",), "No such option"),
    "layer larger than any machine": (("--hidden", "8,2147483648"), "2147483648 is not a layer"),
    "no threads": (("--threads", "0"), "not in the range"),
    "no column alone": (("--data", "xor", "--only", " ,"), "--only ' ,' names no column; give names or positions"),
    "unknown precision": (("--precision", "tf23"), "did you mean 'tf32'?"),
}


@pytest.mark.parametrize("case", BAD_OPTIONS)
def test_bad_options_are_one_sentence(case):
    arguments, words = BAD_OPTIONS[case]
    assert words in refused("train", *arguments)


def test_a_split_that_does_not_exist_is_one_sentence(digits):
    assert "did you mean 'train'?" in refused("eval", digits, "--split", "trian")


def test_an_output_cannot_be_an_input(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.symlink(tmp_path, tmp_path / "link")
    for same in ("a.csv", "./a.csv", tmp_path / "a.csv", "link/a.csv"):
        with pytest.raises(InputError, match=re.escape(f"--out {same}")):
            require_another_file(same, "--out", None, "a.csv")
    require_another_file("digits", "--out", "digits", None)  # a built-in set, not the file
    with pytest.raises(InputError, match="--out .* cannot be written"):
        require_another_file(tmp_path, "--out")


def test_the_training_data_is_the_default(tmp_path):
    """Also with another test set."""
    data, other, out = tmp_path / "a.csv", tmp_path / "b.csv", tmp_path / "model.npz"
    data.write_text("u,v,kind\n" + "".join(f"{i},{i % 7},{'xy'[i % 2]}\n" for i in range(50)))
    other.write_text("u,v,kind\n1,2,x\n2,3,y\n3,4,x\n")
    hw5("train", "--data", data, "--epochs", 1, "--out", out)
    assert "a.csv, test split: " in hw5("eval", out).stdout
    assert "(10 examples)" in hw5("eval", out).stdout and "(3 examples)" in hw5("eval", out, "--test", other).stdout
