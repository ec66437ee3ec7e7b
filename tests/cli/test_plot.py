"""hw5 plot, and the pictures of hw5 data show."""

import sys

import pytest
from click.testing import CliRunner

from hw5.cli import main

pytest.importorskip("matplotlib")


def hw5(*arguments, code=0):
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output + repr(result.exception)
    return result


def refused(*arguments):
    """Standard error of a command that must fail: one sentence, no traceback."""
    result = hw5(*arguments, code=2)
    assert result.stderr.startswith("hw5: ") and result.stderr.count("\n") == 1, result.stderr
    return result.stderr


@pytest.fixture
def xor(tmp_path):
    hw5("train", "--data", "xor", "--model", "linear", "--epochs", 2, "--out", tmp_path / "xor.npz")
    return tmp_path / "xor.npz"


def test_the_picture_lies_beside_the_checkpoint(xor):
    result = hw5("plot", xor)
    assert result.stdout == f"drew {xor.with_suffix('.png')}: curves, confusion, regions, mistakes\n"
    assert xor.with_suffix(".png").read_bytes().startswith(b"\x89PNG")


def test_what_and_where_can_be_chosen(xor, tmp_path):
    out = tmp_path / "new folder" / "a.png"
    assert hw5("plot", xor, "--what", "regions,curves", "--out", out).stdout == f"drew {out}: regions, curves\n"
    assert out.exists()
    hw5("plot", xor, "--split", "train", "--data", "xor", "--out", out)


def test_curves_need_no_data(tmp_path):
    table, out = tmp_path / "a.csv", tmp_path / "a.npz"
    table.write_text("a,b,c,kind\n" + "".join(f"{i},{i % 7},{i % 3},{i % 2}\n" for i in range(50)))
    hw5("train", "--data", table, "--epochs", 2, "--out", out)
    table.unlink()
    assert hw5("plot", out, "--what", "curves").stdout == f"drew {tmp_path / 'a.png'}: curves\n"
    assert "a.csv: no such file" in refused("plot", out)


def test_what_cannot_be_drawn_is_one_sentence(xor, tmp_path):
    assert "--what weights cannot be drawn: the model was not trained on images" in refused(
        "plot", xor, "--what", "weights"
    )
    assert "there is no panel 'region' (did you mean 'regions'?); choose from curves, " in refused(
        "plot", xor, "--what", "region"
    )
    assert "what is to be read" in refused("plot", xor, "--out", xor)
    assert "cannot be written" in refused("plot", xor, "--out", tmp_path)
    assert "no such file" in refused("plot", tmp_path / "none.npz")


def test_without_matplotlib_it_says_what_to_install(xor, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert "hw5 plot needs matplotlib: pip install 'hw5[plot]'" in refused("plot", xor)
    assert "--plot needs matplotlib" in refused("data", "show", "digits", "--plot", xor.with_suffix(".png"))


def test_data_show_draws_samples(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert hw5("data", "show", "digits", "--plot", "digits").stdout.splitlines()[-1] == "drew digits"
    (tmp_path / "a.csv").write_text("a,b,c,kind\n1,2,3,x\n4,5,6,y\n")
    assert "what is to be read" in refused("data", "show", "a.csv", "--plot", "a.csv")
    assert (tmp_path / "a.csv").read_text().startswith("a,b,c")
