"""Small synthetic sets, always the same, that no linear model can learn."""

from collections.abc import Callable

import numpy as np

from hw5.tables.table import Table, make_table

_SEED = 179


def xor() -> tuple[Table, Table]:
    """The corners (±1, ±1) with Gaussian noise; class 1 if the signs differ. 400 training, 200 test examples."""

    def sample(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        corner = np.arange(n) % 4
        bits = np.stack([corner // 2, corner % 2], axis=1)
        return 2 * bits - 1 + rng.normal(scale=0.25, size=(n, 2)), bits[:, 0] ^ bits[:, 1]

    return _train_and_test("xor", sample, 400, 200)


def spirals() -> tuple[Table, Table]:
    """Three noisy interleaved arms, whose radius grows to 1 over 4 radians. 900 training, 300 test examples."""

    def sample(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        arm = np.arange(n) % 3
        t = rng.random(n)
        radius, angle = 0.1 + 0.9 * t, 2 * np.pi / 3 * arm + 4 * t + rng.normal(scale=0.1, size=n)
        return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1), arm

    return _train_and_test("spirals", sample, 900, 300)


def sine() -> tuple[Table, Table]:
    """For regression: y = sin(x) for x in [-π, π), with noise of 0.1. 400 training, 200 test examples."""

    def sample(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        x = rng.uniform(-np.pi, np.pi, n)
        return x[:, np.newaxis], np.sin(x) + rng.normal(scale=0.1, size=n)

    return _train_and_test("sine", sample, 400, 200)


def _train_and_test(name: str, sample: Callable, train: int, test: int) -> tuple[Table, Table]:
    """Sample, shuffle, and split."""
    rng = np.random.default_rng(_SEED)
    X, labels = sample(train + test, rng)
    order = rng.permutation(train + test)
    X, labels = X[order].astype(np.float32), labels[order]
    return make_table(name, X[:train], labels[:train]), make_table(name, X[train:], labels[train:])
