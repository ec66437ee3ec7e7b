"""Tables for the tests of readers: 90 rows of three trees, told apart by their numbers."""

import numpy as np
import pytest

from hw5.tables.table import Schema

TREES = ("ash", "birch", "cedar")


def rows(n=90, seed=0):
    """(numbers (n, 3), names (n,)) of trees."""
    rng = np.random.default_rng(seed)
    kinds = rng.permutation(np.arange(n) % 3)
    return (rng.normal(size=(n, 3)) + 3 * np.eye(3)[kinds]).round(2), np.array(TREES)[kinds]


def schema_of(data):
    """The Schema of a model that is trained on the data."""
    return Schema(data.train.X.shape[1], data.class_names, data.feature_names, None, None, data.columns)


def text(cells, header="leaf,bark,height,tree", delimiter=",", end="\n"):
    """Rows of cells as a table."""
    lines = [header.replace(",", delimiter)] * bool(header) + [delimiter.join(map(str, row)) for row in cells]
    return end.join([*lines, ""])


@pytest.fixture
def write(tmp_path):
    """Write a file, and return its path."""

    def write(content, name="trees.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return write
