"""Cross-validation: each fold of the examples is predicted by a model that was trained on the other folds alone."""

from dataclasses import dataclass

import numpy as np

from hw5.datasets.preprocessing import Subset, split_folds
from hw5.errors import InputError
from hw5.train.defaults import settings_for
from hw5.train.run import Run


@dataclass(frozen=True)
class Fold:
    """Fold `number`, from 1, and its rows by name: train, validation and test, without empty ones."""

    number: int
    rows: dict[str, np.ndarray]

    def run(self, device, dataset, given, source):
        """The Run of this fold, with the given settings, and defaults for its number of examples.

        The columns of a table must be fitted on rows["train"]; standardisation, class weights and network are here. So
        a fold depends on the data, the settings and its number, and not on what was trained before.
        """
        splits = {name: Subset(dataset.train, rows) for name, rows in self.rows.items()}
        return Run(device, dataset, settings_for(len(self.rows["train"]), **given), source, splits=splits)


def folds_of(dataset, n, settings):
    """The n >= 2 Folds of the examples that are not held out for testing. Raises InputError, as split_folds does."""
    folds = split_folds(dataset, n, settings.validation, settings.holdout, settings.seed_of_splits)
    if not all("train" in rows for rows in folds):
        raise InputError(f"--folds {n} of {dataset.name} leaves no example to train on; lower --validation")
    return [Fold(number, rows) for number, rows in enumerate(folds, start=1)]
