"""Small sets that are drawn, always the same ones, and that no linear model can learn."""

from collections.abc import Callable

import numpy as np

from hw5.datasets.rows import Rows, labelled

_SEED = 179


def xor() -> tuple[Rows, Rows]:
    """The corners (±1, ±1) with Gaussian jitter: class 1 where the signs differ. 400 + 200."""

    def draw(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        corner = np.arange(n) % 4
        bits = np.stack([corner // 2, corner % 2], axis=1)
        return 2 * bits - 1 + rng.normal(scale=0.25, size=(n, 2)), bits[:, 0] ^ bits[:, 1]

    return _parts("xor", draw, 400, 200)


def spirals() -> tuple[Rows, Rows]:
    """Three interleaved arms: the radius grows to 1 over 4 radians, with jitter. 900 + 300."""

    def draw(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        arm = np.arange(n) % 3
        t = rng.random(n)
        radius, angle = 0.1 + 0.9 * t, 2 * np.pi / 3 * arm + 4 * t + rng.normal(scale=0.1, size=n)
        return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1), arm

    return _parts("spirals", draw, 900, 300)


def sine() -> tuple[Rows, Rows]:
    """One period of a sine wave, y = sin(x) for x in [-π, π), with jitter of 0.1: for regression. 400 + 200."""

    def draw(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        x = rng.uniform(-np.pi, np.pi, n)
        return x[:, np.newaxis], np.sin(x) + rng.normal(scale=0.1, size=n)

    return _parts("sine", draw, 400, 200)


def _parts(name: str, draw: Callable, train: int, test: int) -> tuple[Rows, Rows]:
    """A shuffled draw, parted in two."""
    rng = np.random.default_rng(_SEED)
    X, labels = draw(train + test, rng)
    order = rng.permutation(train + test)
    X, labels = X[order].astype(np.float32), labels[order]
    return labelled(name, X[:train], labels[:train]), labelled(name, X[train:], labels[train:])
