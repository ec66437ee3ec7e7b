"""Where training data come from, and whether data are the same: by a digest."""

import hashlib
import os
from dataclasses import dataclass, replace

import numpy as np

from hw5.datasets import BUILT_IN, memory
from hw5.errors import InputError
from hw5.tables.table import Reading

IN_MEMORY = memory.SOURCE  # the DataSource.source of arrays


@dataclass(frozen=True)
class DataSource:
    """The arguments of hw5.datasets.load that give the training data, and properties of the data.

    is_held_out: whether the test set was held out from the training data. digest: hash of the training data. darkest
    and brightest: the lowest and highest pixel of images. reading: the options for the columns of a table.
    """

    source: str
    test: str | None
    label_column: str | None
    is_held_out: bool
    digest: str
    darkest: float | None = None
    brightest: float | None = None
    reading: Reading | None = None

    def require_loadable(self):
        """Raise InputError if the data were arrays, which cannot be loaded again."""
        if self.source == IN_MEMORY:
            raise InputError("this model was trained on in-memory arrays; pass the data with --data")

    def beside(self, checkpoint):
        """The source, with paths in the checkpoint's folder for files that were moved there together with it."""
        folder = os.path.dirname(os.path.abspath(checkpoint))
        paths = {name: _moved(getattr(self, name), folder) for name in ("source", "test")}
        return replace(self, **paths)

    @classmethod
    def of(cls, dataset, test, label_column, reading=None):
        """The source of a data set that was loaded with these arguments."""
        if test is not None and test not in BUILT_IN:
            test = os.path.abspath(os.path.expanduser(test))
        X = dataset.train.X
        if dataset.columns:
            label_column = label_column or dataset.columns.label_option or None
        return cls(
            source=dataset.source,
            test=test,
            label_column=label_column,
            is_held_out=dataset.test is None,
            digest=_digest(dataset.train),
            darkest=float(X.min()) if dataset.image_shape else None,
            brightest=float(X.max()) if dataset.image_shape else None,
            reading=reading if dataset.columns and reading != Reading() else None,
        )


def _moved(path, folder):
    """The path, or that of the same name in the folder if only that exists."""
    if path is None or path in BUILT_IN or os.path.exists(path):
        return path
    beside = os.path.join(folder, os.path.basename(path))
    return beside if os.path.exists(beside) else path


def has_digest(examples, digest):
    """Whether this is the digest of the examples. Whole numbers up to 255 may have been float32 when it was made."""
    return digest in (_digest(examples), examples.X.dtype == np.uint8 and _digest(examples, np.float32))


def _digest(examples, dtype=None):
    digest = hashlib.blake2b(np.ascontiguousarray(examples.X, dtype), digest_size=16)
    digest.update(np.ascontiguousarray(examples.y))
    return digest.hexdigest()
