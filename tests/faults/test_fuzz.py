"""The readers on mutated files (fuzz.py), each in its own process. `make soak` reads many, with a new seed."""

import json
import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from .fuzz import READERS

_FEW = 300
COUNT = int(os.environ.get("HW5_FUZZ", _FEW))
SEED = 0 if COUNT == _FEW else secrets.randbits(32)


@pytest.mark.slow
@pytest.mark.parametrize("reader", READERS)
def test_a_mutated_file_is_read_or_rejected(reader):
    arguments = [reader, SEED, 0, COUNT]
    fuzz = subprocess.run(
        [sys.executable, "-m", "tests.faults.fuzz", *map(str, arguments)],
        cwd=Path(__file__).parents[2],
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert fuzz.returncode == 0, fuzz.stderr[-5000:]
    figures = json.loads(fuzz.stdout)
    print(*arguments, figures)
    # The mutations break some files, but not all.
    assert min(figures["read"], figures["rejected"]) > COUNT // 50
    assert figures["read"] + figures["rejected"] == COUNT
