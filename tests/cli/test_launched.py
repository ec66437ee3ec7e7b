"""What hw5 does in a process of an MPI launcher, before MPI is used."""

import subprocess
import sys

import pytest

from tests.cli.helpers import refused


@pytest.mark.parametrize("verb", ["eval", "predict", "check"])
def test_other_commands_work_in_one_process(verb, monkeypatch):
    monkeypatch.setenv("PMI_RANK", "0")
    monkeypatch.setenv("PMI_SIZE", "4")
    assert refused(verb, "model.npz") == (
        f"hw5: hw5 {verb} works in one process, and the MPI launcher started 4; start it without the launcher\n"
    )
    monkeypatch.setenv("PMI_SIZE", "1")
    assert "the MPI launcher" not in refused("eval", "model.npz")


@pytest.mark.parametrize("arguments", [["--version"], ["train", "--epochs", "0"], ["eval", "model.npz"], ["trian"]])
def test_only_rank_0_prints(arguments, monkeypatch):
    monkeypatch.setenv("PMI_SIZE", "2")
    for rank in range(2):
        monkeypatch.setenv("PMI_RANK", str(rank))
        done = subprocess.run([sys.executable, "-m", "hw5.cli", *arguments], capture_output=True, text=True)
        assert done.returncode == (0 if "--version" in arguments else 2)
        assert bool(done.stdout + done.stderr) == (rank == 0)
