"""hw5 plot."""

import os
import subprocess
import sys

import pytest

from tests.cli.helpers import hw5, refused

pytest.importorskip("matplotlib")


@pytest.fixture
def xor(tmp_path):
    hw5("train", "--data", "xor", "--model", "linear", "--epochs", 2, "--out", tmp_path / "xor.npz")
    return tmp_path / "xor.npz"


def test_the_plot_is_written_next_to_the_checkpoint(xor):
    result = hw5("plot", xor)
    assert result.stdout == f"saved {xor.with_suffix('.png')}: curves, confusion, regions, mistakes\n"
    assert xor.with_suffix(".png").read_bytes().startswith(b"\x89PNG")


def test_panels_and_file_can_be_chosen(xor, tmp_path):
    out = tmp_path / "new folder" / "a.png"
    assert hw5("plot", xor, "--what", "regions,curves", "--out", out).stdout == f"saved {out}: regions, curves\n"
    assert out.exists()
    hw5("plot", xor, "--split", "train", "--data", "xor", "--out", out)


def test_curves_need_no_data(tmp_path):
    table, out = tmp_path / "a.csv", tmp_path / "a.npz"
    table.write_text("a,b,c,kind\n" + "".join(f"{i},{i % 7},{i % 3},{i % 2}\n" for i in range(50)))
    hw5("train", "--data", table, "--epochs", 2, "--out", out)
    table.unlink()
    assert hw5("plot", out, "--what", "curves").stdout == f"saved {tmp_path / 'a.png'}: curves\n"
    assert "a.csv: no such file" in refused("plot", out)


def test_an_unsuitable_panel_is_one_sentence(xor, tmp_path):
    assert "--what weights cannot be drawn: the model was not trained on images" in refused(
        "plot", xor, "--what", "weights"
    )
    assert "there is no panel 'region' (did you mean 'regions'?); choose from curves, " in refused(
        "plot", xor, "--what", "region"
    )
    assert "is also an input" in refused("plot", xor, "--out", xor)
    assert "cannot be written" in refused("plot", xor, "--out", tmp_path)
    assert "no such file" in refused("plot", tmp_path / "none.npz")


def test_a_variable_that_matplotlib_refuses_is_one_sentence(tmp_path):
    """Before the training."""
    command = [sys.executable, "-m", "hw5.cli", "train", "--plot", str(tmp_path / "a.png")]
    environment = os.environ | {"MPLBACKEND": "nonsense"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 2 and done.stdout == "" and done.stderr.count("\n") == 1
    assert "--plot needs matplotlib, which does not load: Key backend: 'nonsense'" in done.stderr


def test_without_matplotlib_the_error_says_what_to_install(xor, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert "hw5 plot needs matplotlib: pip install 'hw5[plot]'" in refused("plot", xor)
    assert "--plot needs matplotlib" in refused("data", "show", "digits", "--plot", xor.with_suffix(".png"))
