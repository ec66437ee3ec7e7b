"""Held-out parts and standardisation."""

import numpy as np
import pytest

from hw5.datasets import Dataset, Examples
from hw5.errors import InputError
from hw5.datasets.preprocessing import Standardisation, Subset, class_weights, split_dataset


def dataset(counts=(50, 30, 20), d=4, test=None, dtype=np.float32):
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
    X = (rng.random((len(y), d)) * 200).astype(dtype)
    return Dataset("made up", "made up", Examples(X, y), test, tuple("abc"), None, None)


def test_parts_are_disjoint_and_cover_everything():
    parts = split_dataset(dataset(), validation=0.1, holdout=0.2, seed=0)
    rows = np.concatenate([part.rows for part in parts.values()])
    assert list(parts) == ["train", "validation", "test"]
    assert sorted(rows) == list(range(100))
    assert all(part.examples is parts["train"].examples for part in parts.values())


def test_every_class_is_held_out_in_the_same_proportion():
    parts = split_dataset(dataset(), validation=0.1, holdout=0.2, seed=0)
    counts = {name: np.bincount(part.examples.y[part.rows]).tolist() for name, part in parts.items()}
    assert counts == {"train": [36, 22, 14], "validation": [4, 2, 2], "test": [10, 6, 4]}


def test_the_seed_determines_the_parts():
    first, again, other = (split_dataset(dataset(), 0.1, 0.2, seed)["test"].rows for seed in (1, 1, 2))
    assert (first == again).all() and (first != other).any()


def test_of_targets_any_share_is_held_out():
    targets = np.linspace(-1, 1, 100, dtype=np.float32)
    data = Dataset("made up", "made up", Examples(np.zeros((100, 4), np.float32), targets), None, (), None, None)
    parts = split_dataset(data, validation=0.1, holdout=0.25, seed=0)
    assert {name: len(part.rows) for name, part in parts.items()} == {"train": 67, "validation": 8, "test": 25}
    assert sorted(np.concatenate([part.rows for part in parts.values()])) == list(range(100))


def test_a_test_part_of_its_own_is_used_whole():
    test = Examples(np.zeros((5, 4), np.float32), np.zeros(5, np.int32))
    parts = split_dataset(dataset(test=test), validation=0, holdout=0.2, seed=0)
    assert list(parts) == ["train", "test"]
    assert parts["test"].examples is test and len(parts["test"].rows) == 5 and len(parts["train"].rows) == 100


def test_something_is_left_to_train_on():
    for validation, holdout in ((0.9, 0.0), (0.1, 0.9)):
        with pytest.raises(InputError, match="no example is left"):
            split_dataset(dataset(counts=(1, 1)), validation, holdout, seed=0)


def standardised(part, standardisation):
    return (part.examples.X[part.rows].astype(float) - standardisation.mean) * standardisation.scale


def test_features_get_mean_0_and_variance_1_on_the_training_part_alone():
    data = dataset(counts=(2000, 500))
    data.train.X[:, 1] *= 1000
    parts = split_dataset(data, 0.1, 0.2, 0)
    parts["test"].examples.X[parts["test"].rows] = 1e6  # must not matter
    X = standardised(parts["train"], Standardisation.fit(parts["train"]))
    np.testing.assert_allclose(X.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(X.std(axis=0), 1, rtol=1e-5)


def test_a_constant_feature_becomes_0():
    data = dataset()
    data.train.X[:, 2] = 0.1
    part = Subset.whole(data.train)
    standardisation = Standardisation.fit(part)
    assert standardisation.scale[2] == 1
    assert abs(standardised(part, standardisation)[:, 2]).max() < 1e-8


def test_pixels_share_one_mean_and_variance():
    data = dataset(dtype=np.uint8)
    data.train.X[:, 0] = 0  # a border pixel
    part = Subset.whole(data.train)
    standardisation = Standardisation.fit(part)
    assert len(set(standardisation.mean)) == len(set(standardisation.scale)) == 1
    assert standardisation.mean[0] == pytest.approx(data.train.X.mean())
    assert standardisation.scale[0] == pytest.approx(1 / data.train.X.std(), rel=1e-6)


def test_targets_get_mean_0_and_variance_1_and_come_back():
    y = np.random.default_rng(0).normal(loc=4e5, scale=1e5, size=500).astype(np.float32)
    part = Subset(Examples(np.zeros((500, 1), np.float32), y), np.arange(100, 500))
    of_targets = Standardisation.fit_targets(part)
    z = of_targets.transform(y)
    assert z.dtype == np.float32 and z[100:].mean() == pytest.approx(0, abs=1e-6) and z[100:].std() == pytest.approx(1)
    for there_and_back in (of_targets.inverse_transform(z), of_targets.inverse_transform(z[:, np.newaxis])[:, 0]):
        np.testing.assert_allclose(
            there_and_back, y, rtol=3e-7, atol=4e5 * 3e-7
        )  # some roundings, of y and of its mean


NAMES = ("rose", "tulip", "a=b")


def test_balanced_classes_weigh_the_same():
    y = np.repeat([0, 1, 2], [60, 30, 10])
    weights = class_weights("balanced", NAMES, y)
    assert weights.tolist() == [100 / (3 * 60), 100 / (3 * 30), 100 / (3 * 10)]
    np.testing.assert_allclose(np.bincount(y, weights[y]), 100 / 3)
    assert np.isfinite(class_weights("balanced", NAMES, np.array([0, 2]))).all()  # a class without examples


def test_weights_by_name():
    assert class_weights("tulip=2.5", NAMES, None).tolist() == [1, 2.5, 1]
    assert class_weights("a=b=0,rose=3", NAMES, None).tolist() == [3, 1, 0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Tulip=2", ["no class 'Tulip' (did you mean 'tulip'?)", "'rose', 'tulip', 'a=b'"]),
        ("lily=2", ["no class 'lily'", "'rose', 'tulip', 'a=b'"]),
        ("balance", ["'balance' names no class", "write balanced, or NAME=WEIGHT"]),
        ("rose=2,", ["'' names no class"]),
        ("rose=x", ["'x' is not a weight"]),
        ("rose=-1", ["'-1' is not a weight"]),
        ("rose=nan", ["'nan' is not a weight"]),
        ("rose=inf", ["'inf' is not a weight"]),
        ("rose=", ["'' is not a weight"]),
    ],
)
def test_weights_that_are_refused(text, words):
    with pytest.raises(InputError) as refusal:
        class_weights(text, NAMES, None)
    assert str(refusal.value).startswith(f"--class-weight {text}: ")
    assert all(word in str(refusal.value) for word in words)
