"""Cross-validation: the folds are stratified, cover each example once, and depend on data, settings and number only."""

import subprocess
import sys

import numpy as np
import pytest
from sklearn.model_selection import StratifiedKFold

from hw5.datasets import Dataset, Examples, load
from hw5.datasets.preprocessing import split_folds
from hw5.devices.cpu import CpuDevice
from hw5.errors import InputError
from hw5.train.data_source import DataSource
from hw5.train.figures import mean_and_std
from hw5.train.folds import folds_of
from hw5.train.settings import Settings
from tests.pages import ROOT

COUNTS = 23, 11, 60


def dataset(y, names=("a", "b", "c"), test=None):
    X = np.random.default_rng(0).normal(size=(len(y), 3)).astype(np.float32)
    return Dataset("some data", "some data", Examples(X, y), test, names, None, None)


def labels():
    return np.random.default_rng(1).permutation(np.repeat(np.arange(3, dtype=np.int32), COUNTS))


@pytest.mark.parametrize("n", [2, 5, 11])
def test_each_example_is_tested_once_and_no_model_sees_what_it_is_tested_on(n):
    y = labels()
    folds = split_folds(dataset(y), n, 0.1, 0, seed=0)
    assert np.array_equal(np.sort(np.concatenate([rows["test"] for rows in folds])), np.arange(len(y)))
    for rows in folds:
        everything = np.sort(np.concatenate([rows["train"], rows["validation"], rows["test"]]))
        assert np.array_equal(everything, np.arange(len(y)))


@pytest.mark.parametrize("n", [2, 5, 11])
def test_folds_are_as_even_as_those_of_scikit_learn(n):
    y = labels()
    ours = [np.bincount(y[rows["test"]], minlength=3) for rows in split_folds(dataset(y), n, 0.1, 0, seed=0)]
    theirs = [np.bincount(y[test], minlength=3) for _, test in StratifiedKFold(n).split(y, y)]
    assert sorted(map(sum, ours)) == sorted(map(sum, theirs))
    for label in range(3):
        assert sorted(counts[label] for counts in ours) == sorted(counts[label] for counts in theirs)


def test_the_folds_of_a_regression_are_random():
    y = np.arange(40.0)
    folds = [rows["test"] for rows in split_folds(dataset(y, ()), 4, 0.1, 0, seed=0)]
    assert sorted(np.concatenate(folds)) == list(range(40)) and [len(rows) for rows in folds] == [10] * 4
    assert all(np.ptp(rows) > 10 for rows in folds)


def test_held_out_examples_are_in_no_fold():
    y = labels()
    folds = split_folds(dataset(y), 3, 0, 0.5, seed=0)
    assert sum(len(rows["test"]) for rows in folds) == 46
    with_test = dataset(y, test=Examples(np.zeros((2, 3), np.float32), np.int32([0, 1])))
    assert sum(len(rows["test"]) for rows in split_folds(with_test, 3, 0, 0.5, seed=0)) == len(y)


def test_the_seed_determines_the_folds():
    first, again, other = (split_folds(dataset(labels()), 3, 0.1, 0, seed)[0]["test"].tolist() for seed in (1, 1, 2))
    assert first == again != other


def test_more_folds_than_examples_are_refused():
    with pytest.raises(InputError, match="needs 12 examples of class 'b', and it has 11; choose at most 11"):
        split_folds(dataset(labels()), 12, 0, 0, 0)
    for rare, advice in ((2, "choose at most 2"), (1, "add examples, or leave --folds out")):
        with pytest.raises(InputError, match=f"it has {rare}; {advice}"):
            split_folds(dataset(np.repeat(np.arange(2), (9, rare)), ("a", "b")), 3, 0, 0, 0)
    with pytest.raises(InputError, match="needs 21 pairs of examples, and it has 20"):
        split_folds(dataset(np.arange(40.0), ()), 21, 0, 0, 0)
    with pytest.raises(InputError, match="leaves no example to train on; lower --validation"):
        folds_of(dataset(labels()), 2, Settings(validation=0.99, holdout=0))


def bits(number):
    """The parameters of a fold of the digits."""
    digits = load("digits")
    given = dict(epochs=2, class_weight="balanced", seed=3)
    fold = folds_of(digits, 4, Settings(holdout=0.0, **given))[number - 1]
    run = fold.run(CpuDevice(), digits, given, DataSource.of(digits, None, None))
    for _ in run.train():
        pass
    return b"".join(a.tobytes() for pair in run.checkpoint().parameters for a in pair)


def test_a_fold_has_the_same_bits_after_others_and_in_a_process_of_its_own():
    bits(1)
    code = "import sys; from tests.train.test_folds import bits; sys.stdout.buffer.write(bits(3))"
    alone = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True).stdout
    assert bits(3) == alone != bits(2)


def test_standardisation_and_class_weights_are_those_of_the_other_folds():
    data = dataset(labels())
    for fold in folds_of(data, 3, Settings(holdout=0.0)):
        run = fold.run(CpuDevice(), data, dict(class_weight="balanced"), DataSource.of(data, None, None))
        X, y = data.train.X[fold.rows["train"]], data.train.y[fold.rows["train"]]
        np.testing.assert_allclose(run.checkpoint().standardisation.mean, X.mean(axis=0, dtype=np.float64), rtol=1e-6)
        np.testing.assert_allclose(
            run.checkpoint().standardisation.scale, 1 / X.std(axis=0, dtype=np.float64), rtol=1e-6
        )
        np.testing.assert_allclose(run.network.class_weights, len(y) / (3 * np.bincount(y)), rtol=1e-6)


def test_mean_and_standard_deviation():
    mean, std = mean_and_std([{"accuracy": x, "examples": 7} for x in (0.5, 0.75, 1.0)])
    assert mean == {"accuracy": 0.75} and std == {"accuracy": 0.25}
