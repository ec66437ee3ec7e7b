"""hw5 tour: every step is a command that works by itself."""

import os
import shlex
import subprocess
import sys

import numpy as np
import pytest

from hw5.cli.tour import STEPS, _no_compiler
from tests.cli.helpers import refused
from tests.environment import python_path
from tests.pages import ROOT

pytest.importorskip("matplotlib")


def tour(folder, *arguments, **environment):
    """What the tour prints, in a process of its own: its commands print directly."""
    done = subprocess.run(
        [sys.executable, "-m", "hw5", "tour", *map(str, arguments)],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": python_path(ROOT), "HW5_DATA": str(folder / "nothing")} | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.slow
def test_the_tour_runs_to_its_end_and_shows_what_it_promises(tmp_path):
    code, out, err = tour(tmp_path)
    assert code == 0, out + err
    for number, step in enumerate(STEPS, start=1):
        assert f"{number} of {len(STEPS)}. {step.title}" in out
    assert "left out: MNIST is not here: hw5 data fetch mnist" in out
    if _no_compiler() is None:
        assert "race in total: thread (1,0,0)" in err
    assert "test accuracy 100.00%" in out  # two layers
    predicted = out.split("--top 3\n")[1].splitlines()[1]
    assert predicted.startswith("7,0.")
    pictures = {path.name for path in (tmp_path / "hw5-tour").iterdir()}
    assert {
        "xor-linear.png",
        "xor-mlp.png",
        "xor-gates.png",
        "digits.html",
        "adversarial.png",
        "filters.png",
    } <= pictures


@pytest.mark.slow
def test_each_command_is_shown_and_works_by_itself_in_its_folder(tmp_path):
    code, out, _ = tour(tmp_path, "--step", 1, "--out", "there")
    assert code == 0 and out.count("$ hw5 ") == 2 and "2 of " not in out
    shown = [line.removeprefix("$ hw5 ") for line in out.splitlines() if line.startswith("$ hw5 ")]
    environment = os.environ | {"PYTHONPATH": python_path(ROOT)}
    for command in shown:
        subprocess.run(
            [sys.executable, "-m", "hw5", *shlex.split(command)], cwd=tmp_path / "there", env=environment, check=True
        )


def test_the_drawn_digit_is_an_image_of_the_data_s_kind(tmp_path):
    tour(tmp_path, "--step", 3)
    image = np.load(tmp_path / "hw5-tour" / "seven.npy")
    assert image.shape == (1, 8, 8) and set(np.unique(image)) == {0, 16}


def test_bad_input_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    assert "--step" in refused("tour", "--step", 99)
    assert str(tmp_path / "file") in refused("tour", "--out", tmp_path / "file")
