"""benchmarks/gpu_check.py: steps have a time limit, their results are written at once, and a failure ends nothing.

tests/devices/cuda/test_driver.py runs its real steps on a driver without a GPU.
"""

import asyncio
import importlib.util
import io
import json
import os
import re
import subprocess
import sys

import pytest

from tests.pages import ROOT


@pytest.fixture
def check(monkeypatch):
    spec = importlib.util.spec_from_file_location("gpu_check", ROOT / "benchmarks" / "gpu_check.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def python(check, seconds, script):
    return check.Step(seconds, (sys.executable, "-c", script))


def test_every_outcome_is_recorded_and_the_run_goes_on(check, monkeypatch, tmp_path, capfd):
    """A step at its time limit is interrupted, as by Ctrl-C, so that it can report its results; then it is killed."""
    endless = "import time, sys\ntry:\n    print('begun', flush=True); time.sleep(60)\nexcept KeyboardInterrupt:\n    "
    steps = {
        "fails": python(check, 60, "print('some output'); raise SystemExit(3)"),
        "missing": check.Step(60, ("no-such-program",)),
        "endless": python(check, 3, f"{endless}sys.exit('interrupted')"),
        "stubborn": python(check, 3, f"{endless}time.sleep(60)"),
        "succeeds": python(check, 60, "import os; print(os.environ['HW5_COMMIT'])"),
    }
    monkeypatch.setenv("HW5_COMMIT", "abc")
    monkeypatch.setattr(check, "SECONDS_TO_STOP", 3)
    monkeypatch.setattr(check, "STEPS", steps)
    monkeypatch.setattr(check, "STAGES", {"some": ["fails", "missing", "endless"], "others": ["stubborn", "succeeds"]})
    monkeypatch.setattr(sys, "argv", ["gpu_check.py", "--results", str(tmp_path)])
    with pytest.raises(SystemExit) as end:
        check.main()
    assert end.value.code == 1
    records = [json.loads(line) for line in (tmp_path / "gpu_check.jsonl").read_text().splitlines()]
    assert [(record["step"], record["outcome"]) for record in records] == [
        ("fails", "failed with code 3"),
        ("missing", "skipped: no-such-program is not installed"),
        ("endless", "failed: stopped after 3 s"),
        ("stubborn", "failed: stopped after 3 s"),
        ("succeeds", "succeeded"),
    ]
    outputs = {path.stem: path.read_text() for path in (tmp_path / "gpu_check").iterdir()}
    assert outputs == {
        "fails": "some output\n", "endless": "begun\ninterrupted\n", "stubborn": "begun\n", "succeeds": "abc\n",
    }  # fmt: skip
    assert capfd.readouterr().out.splitlines()[-1].split() == ["succeeds", str(records[-1]["seconds"]), "succeeded"]


def test_joined_steps_run_at_the_same_time_and_only_their_files_have_the_output(check, monkeypatch, tmp_path, capfd):
    """Each waits for the file of the other."""
    script = "import time, pathlib; pathlib.Path({!r}).touch()\nwhile not pathlib.Path({!r}).exists(): time.sleep(0.01)\nprint(1)"
    ours, theirs = str(tmp_path / "a"), str(tmp_path / "b")
    steps = {
        "one": python(check, 60, script.format(ours, theirs)),
        "other": python(check, 60, script.format(theirs, ours)),
    }
    monkeypatch.setattr(check, "STEPS", steps)
    monkeypatch.setattr(sys, "argv", ["gpu_check.py", "--results", str(tmp_path), "one+other"])
    with pytest.raises(SystemExit) as end:
        check.main()
    assert not end.value.code and "\n1\n" not in capfd.readouterr().out
    assert [(tmp_path / "gpu_check" / f"{name}.txt").read_text() for name in steps] == ["1\n", "1\n"]


class CtrlC(io.BytesIO):
    """A stream that ends the task at the first output, a process number."""

    def write(self, some):
        self.process = int(some)
        self.task.cancel()


def test_an_interrupt_kills_what_runs(check):
    script = "import os, signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); print(os.getpid(), flush=True); time.sleep(60)"
    stream = CtrlC()

    async def main():
        stream.task = asyncio.current_task()
        await check.outcome(python(check, 60, script), [stream])

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(main())
    with pytest.raises(ProcessLookupError):
        os.kill(stream.process, 0)


def test_without_git_the_commit_is_given(check, monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    monkeypatch.setenv("HW5_COMMIT", "abc")
    monkeypatch.setenv("PATH", str(tmp_path))
    check.record("doctor", {"outcome": "succeeded"}, tmp_path)
    record = json.loads((tmp_path / "gpu_check.jsonl").read_text())
    assert record["commit"] == "abc" and record["gpu"] == "none" and record["step"] == "doctor"


def test_stages_and_steps_are_chosen_by_name(check):
    assert list(check.chosen([])) == [[step] for step in check.STEPS]
    assert list(check.chosen(["sanitize", "doctor"])) == [["memcheck"], ["racecheck"], ["synccheck"], ["doctor"]]
    sanitizers = ["memcheck", "racecheck", "synccheck"]
    assert list(check.chosen(["install", "sanitize+tests"])) == [["install"], [*sanitizers, "tests"]]
    command = [sys.executable, ROOT / "benchmarks" / "gpu_check.py", "tests+sanitise"]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 2 and "there is no stage or step 'sanitise'; choose from install," in result.stderr


def test_the_pages_name_stages_that_exist(check):
    pages = (ROOT / "README.md").read_text("utf-8") + (ROOT / "docs" / "benchmarks.md").read_text("utf-8")
    commands = re.findall(r"gpu_check\.py((?: [a-z0-9+-]+)+)", pages)
    assert commands and {name for names in commands for name in re.split("[ +]", names.strip())} <= {
        *check.STAGES,
        *check.STEPS,
    }


def test_a_step_fits_a_call_of_ten_minutes(check):
    assert all(step.seconds + check.SECONDS_TO_STOP <= 600 for step in check.STEPS.values())


def test_only_memcheck_allocates_exactly(check):
    exact = {name for name, step in check.STEPS.items() if "HW5_EXACT_MEMORY" in step.environment}
    assert exact == {"memcheck"} and "--padding=512" in check.STEPS["memcheck"].command


def test_wheels_are_installed_without_the_network(check, monkeypatch, tmp_path):
    for wheel in (
        "pycuda-2026.1-cp311-cp311-linux_x86_64.whl",
        "pycuda-2026.1-cp312-cp312-linux_x86_64.whl",
        "a-1.whl",
    ):
        (tmp_path / wheel).touch()
    monkeypatch.setattr(check, "WHEELS", tmp_path)
    _, _, script = check.install()
    offline, anyway = script.split(" || ")
    assert f"--no-index --find-links {tmp_path} --no-build-isolation a pycuda" in offline
    assert anyway == f"{offline} --no-deps"
    monkeypatch.setattr(check, "WHEELS", tmp_path / "none")
    assert "--no-index" not in check.install()
