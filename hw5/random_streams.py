"""The random streams of a run: np.random.default_rng((seed, stream)) makes one, and no two share numbers."""

from enum import IntEnum


class Stream(IntEnum):
    """The use of a stream. The values never change, so that old checkpoints are resumed with the same numbers."""

    WEIGHTS = 1
    TEST = 2
    VALIDATION = 3
    ORDER = 4
    FOLDS = 5
    TRIALS = 6
    WEIGHTED = 7
