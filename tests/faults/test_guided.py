"""The readers under the coverage-guided fuzz of guided.py, if Atheris is installed.

HW5_GUIDED sets the inputs (make soak).
"""

import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from .fuzz import READERS

pytest.importorskip("atheris", reason="pip install 'hw5[fuzz]'")
_FEW = 200
COUNT = int(os.environ.get("HW5_GUIDED", _FEW))
SEED = 1 if COUNT == _FEW else secrets.randbits(31)


@pytest.mark.slow
@pytest.mark.parametrize("reader", READERS)
def test_an_input_that_reaches_new_code_is_read_or_rejected(reader, tmp_path):
    """A failing input is left in tmp_path."""
    arguments = [reader, f"-runs={COUNT}", f"-seed={SEED}", f"-artifact_prefix={tmp_path}/", "-print_final_stats=1"]
    fuzz = subprocess.run(
        [sys.executable, "-m", "tests.faults.guided", *arguments],
        cwd=Path(__file__).parents[2],
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    assert fuzz.returncode == 0, fuzz.stdout[-5000:]
    figures = dict(line[6:].split(":") for line in fuzz.stdout.splitlines() if line.startswith("stat::"))
    print(*arguments[:3], {name: int(value) for name, value in figures.items() if name in _SHOWN})
    assert int(figures["number_of_executed_units"]) >= COUNT
    assert int(figures["new_units_added"]) > 0  # or the code of hw5 is not instrumented


_SHOWN = ("number_of_executed_units", "new_units_added", "peak_rss_mb")
