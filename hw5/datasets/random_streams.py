"""The random streams of a run: np.random.default_rng((seed, stream)) makes one, and no two share numbers."""

from enum import IntEnum


class Stream(IntEnum):
    """What the numbers are for. A checkpoint is resumed with the same streams, so the values never change."""

    WEIGHTS = 1
    TEST = 2
    VALIDATION = 3
    ORDER = 4
