"""Shared by all tests. BLAS keeps to one thread: its idle threads would slow the emulator down."""

import os

for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")
