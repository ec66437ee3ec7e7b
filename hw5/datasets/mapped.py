"""Features that are mapped from a file: which of its blocks belong together, and reading them ahead."""

import mmap

import numpy as np

_BLOCK = 1 << 20  # bytes, which a disk reads in about the time that it takes to find them


def block_of(X: np.ndarray | None) -> int | None:
    """The rows in a block of features (N, d) that are mapped from a file; None for features in memory."""
    return max(1, _BLOCK // X[0].nbytes) if isinstance(X, np.memmap) else None


def read_ahead(X: np.ndarray | None, rows: np.ndarray) -> None:
    """Ask the system to read the blocks of these rows, without waiting for them, if X is mapped from a file."""
    advice = getattr(mmap, "MADV_WILLNEED", None)
    if not isinstance(X, np.memmap) or X._mmap is None or advice is None or not len(rows):
        return
    block, row_bytes = block_of(X), X[0].nbytes
    first = X.offset % mmap.ALLOCATIONGRANULARITY  # in the mapping, which begins at a page
    blocks = np.unique(rows // block)
    for run in np.split(blocks, np.flatnonzero(np.diff(blocks) > 1) + 1):
        start = first + int(run[0]) * block * row_bytes
        stop = min(first + (int(run[-1]) + 1) * block * row_bytes, len(X._mmap))
        start -= start % mmap.PAGESIZE
        X._mmap.madvise(advice, start, stop - start)
