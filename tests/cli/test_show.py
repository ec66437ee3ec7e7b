"""hw5 show."""

import json
import sys

import pytest

from hw5.cli.show import _option
from tests.cli.helpers import hw5

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


TRAININGS = {
    "defaults": (),
    "linear": ("--model", "linear", "--data", "spirals", "--lr-decay", 0.9),
    "perceptron": ("--model", "perceptron", "--data", "xor", "--seed", 3),
    "regression": ("--task", "regression", "--data", "sine", "--activation", "elu:0.5"),
    "sigmoid": ("--data", "xor", "--loss", "binary-cross-entropy", "--class-weight", "0=2"),
    "layers": ("--hidden", "conv:3x3/2+1, pool:2,dropout:0.25,7"),
    "all": (
        *("--hidden", "16,8", "--activation", "maxout:3", "--batch-size", "all", "--lr", 0.3, "--momentum", 0.5),
        *("--nesterov", "--l1", 1e-5, "--l2", 1e-4, "--lr-schedule", "step", "--lr-decay", 0.5, "--lr-step", 2),
        *("--warmup", 1, "--tolerance", 1e-9, "--patience", 7, "--validation", 0.2, "--holdout", 0.3, "--seed", 5),
        *("--split-seed", 2),
    ),
}


@pytest.mark.parametrize("name", TRAININGS)
def test_the_output_of_show_trains_the_same_model(name, tmp_path):
    """The checkpoints are identical files."""
    first, again, config = tmp_path / "first.npz", tmp_path / "again.npz", tmp_path / "again.toml"
    hw5("train", *TRAININGS[name], "--epochs", 3, "--out", first)
    shown = hw5("show", first).stdout
    config.write_text(shown, encoding="utf-8")
    hw5("train", "--config", config, "--out", again)
    assert first.read_bytes() == again.read_bytes()
    assert tomllib.loads(shown)["epochs"] == 3 and shown.startswith(f"# {first}: ")


def test_show_reports_the_progress(tmp_path):
    out = tmp_path / "model.npz"
    hw5("train", "--epochs", 2, "--out", out, "--checkpoint-every", "30steps", "--keep", 9)
    assert "# trained 2 of at most 2 epochs\n" in hw5("show", out).stdout
    shown = hw5("show", tmp_path / "model.step30.npz").stdout
    assert "# trained 0 of at most 2 epochs, and 960 examples of epoch 1\n" in shown
    assert "# 10 classes: 0, 1, 2, 3" in shown and "64-128-10, 9,610 parameters" in shown


WEIGHTS = {  # given in Python, and as an option
    '{"a": 2.0, "b": 0.5}': 'class-weight = "a=2.0,b=0.5"',
    '{"a = 1": 2.0}': 'class-weight = "a = 1=2.0"',
    '{"a,b": 2.0}': r'class-weight = "\"a,b\"=2.0"',
    '{"a\\"b": 2.0}': '# class-weight has a name with a quote, so it can only be given in Python: a"b=2.0',
}


@pytest.mark.parametrize("weights", WEIGHTS)
def test_weights_of_classes_from_python(weights):
    lines = list(_option("class-weight", json.loads(weights)))
    assert lines == [WEIGHTS[weights]]
    tomllib.loads("\n".join(lines))


def test_text_that_toml_cannot_hold_is_shown_with_a_comment():
    lines = list(_option("data", "caf\udce9.csv"))
    assert lines == [
        "# data is not UTF-8; give it on the command line instead",
        r'data = "caf\\udce9.csv"',
    ]


def test_show_as_json(tmp_path):
    out = tmp_path / "model.npz"
    hw5("train", "--hidden", "conv:3x3,pool:2,7", "--epochs", 2, "--out", out)
    shown = json.loads(hw5("show", out, "--json").stdout)
    assert shown["layers"] == "8x8x1-conv:3x3-pool:2-7-10" and shown["image_shape"] == [8, 8]
    assert shown["settings"]["hidden"] == ["conv:3x3", "pool:2", 7] and shown["epochs_trained"] == 2
    assert shown["parameters"] == 3 * 10 + 7 * 28 + 10 * 8 and len(shown["history"]) == 2
    assert shown["class_names"] == list("0123456789") and shown["data"]["source"] == "digits"
