"""hw5 lecture."""

import re
import sys

import pytest

from tests.cli.helpers import hw5, refused

pytest.importorskip("matplotlib")


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    path = tmp_path_factory.mktemp("lecture") / "digits.npz"
    hw5("train", "--hidden", 32, "--epochs", 5, "--out", path)
    return path


def drawn(path):
    return path.read_bytes().startswith(b"\x89PNG")


def test_an_adversarial_image_is_reported_and_drawn(digits, tmp_path):
    out = tmp_path / "a.png"
    first, sign, smallest, saved = hw5("lecture", "adversarial", digits, "--out", out).stdout.splitlines()
    assert re.fullmatch(r"test example 1: (\d), predicted \1", first)
    steps = [
        re.fullmatch(r"[\w ]+: \d by changes of up to ([\d.]+) of 16 \(([\d.]+)%\)", line) for line in (sign, smallest)
    ]
    assert 0 < float(steps[1][1]) <= float(steps[0][1]) < 16
    assert float(steps[0][2]) == pytest.approx(float(steps[0][1]) / 16 * 100, abs=0.02)
    assert saved == f"saved {out}" and drawn(out)
    assert hw5("lecture", "adversarial", digits, "--example", 3, "--out", out).stdout.startswith("test example 3: ")
    assert "the test split has 359 examples" in refused(
        "lecture", "adversarial", digits, "--example", 360, "--out", out
    )


def test_derivatives_of_a_model_and_without_one(digits, tmp_path):
    out = tmp_path / "a.png"
    line, saved = hw5("lecture", "activations", digits, "--out", out).stdout.splitlines()
    assert re.match(r"layer 1, 32: θ′ is 0 for [\d.]+% and below 0.01 for [\d.]+% of the units", line) and drawn(out)
    assert hw5("lecture", "activations", "--out", out).stdout == f"saved {out}\n"


def test_the_others_need_no_model(tmp_path):
    out = tmp_path / "a.png"
    lines = hw5("lecture", "xor", "--out", out).stdout.splitlines()
    assert lines[3:7] == [
        "0 XOR 0: OR 0, NAND 1, AND of both 0",
        "0 XOR 1: OR 1, NAND 1, AND of both 1",
        "1 XOR 0: OR 1, NAND 1, AND of both 1",
        "1 XOR 1: OR 1, NAND 0, AND of both 0",
    ]
    lines = hw5("lecture", "approximation", "--units", "1,8", "--out", out).stdout.splitlines()
    assert [line.partition(":")[0] for line in lines[:2]] == ["  1 hidden unit", "  8 hidden units"] and drawn(out)
    assert len(hw5("lecture", "descent", "--out", out).stdout.splitlines()) == 4


def test_bad_input_is_one_sentence(digits, tmp_path, monkeypatch):
    assert "--units 1,x: give up to 24 numbers" in refused("lecture", "approximation", "--units", "1,x")
    assert "is also an input" in refused("lecture", "adversarial", digits, "--out", digits)
    assert "cannot be written" in refused("lecture", "xor", "--out", tmp_path)
    hw5("train", "--data", "xor", "--epochs", 1, "--out", tmp_path / "xor.npz")
    assert "need a model that classifies images" in refused("lecture", "adversarial", tmp_path / "xor.npz")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert "hw5 lecture needs matplotlib: pip install 'hw5[plot]'" in refused("lecture", "xor")
