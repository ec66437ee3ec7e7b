"""Splits, standardisation and class weights."""

import numpy as np
import pytest

from hw5.datasets import Dataset, Examples
from hw5.datasets.preprocessing import Standardisation, Subset, _hold_out, class_weights, split_dataset
from hw5.errors import InputError


def dataset(counts=(50, 30, 20), d=4, test=None, dtype=np.float32):
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
    X = (rng.random((len(y), d)) * 200).astype(dtype)
    return Dataset("made up", "made up", Examples(X, y), test, tuple("abc"), None, None)


def test_subsets_are_disjoint_and_cover_everything():
    subsets = split_dataset(dataset(), validation=0.1, holdout=0.2, seed=0)
    rows = np.concatenate([subset.rows for subset in subsets.values()])
    assert list(subsets) == ["train", "validation", "test"]
    assert sorted(rows) == list(range(100))
    assert all(subset.examples is subsets["train"].examples for subset in subsets.values())


def test_every_class_is_held_out_in_the_same_proportion():
    subsets = split_dataset(dataset(), validation=0.1, holdout=0.2, seed=0)
    counts = {name: np.bincount(subset.examples.y[subset.rows]).tolist() for name, subset in subsets.items()}
    assert counts == {"train": [36, 22, 14], "validation": [4, 2, 2], "test": [10, 6, 4]}


def test_the_seed_determines_the_split():
    first, again, other = (split_dataset(dataset(), 0.1, 0.2, seed)["test"].rows for seed in (1, 1, 2))
    assert (first == again).all() and (first != other).any()


def test_targets_are_not_stratified():
    targets = np.linspace(-1, 1, 100, dtype=np.float32)
    data = Dataset("made up", "made up", Examples(np.zeros((100, 4), np.float32), targets), None, (), None, None)
    subsets = split_dataset(data, validation=0.1, holdout=0.25, seed=0)
    assert {name: len(subset.rows) for name, subset in subsets.items()} == {"train": 67, "validation": 8, "test": 25}
    assert sorted(np.concatenate([subset.rows for subset in subsets.values()])) == list(range(100))


def test_an_existing_test_set_is_used_whole():
    test = Examples(np.zeros((5, 4), np.float32), np.zeros(5, np.int32))
    subsets = split_dataset(dataset(test=test), validation=0, holdout=0.2, seed=0)
    assert list(subsets) == ["train", "test"]
    assert subsets["test"].examples is test and len(subsets["test"].rows) == 5 and len(subsets["train"].rows) == 100


def test_no_example_left_to_train_on():
    for validation, holdout in ((0.9, 0.0), (0.1, 0.9)):
        with pytest.raises(InputError, match="no example is left"):
            split_dataset(dataset(counts=(1, 1)), validation, holdout, seed=0)


@pytest.mark.parametrize("fraction", [0.0, 0.1, 0.25, 1 / 3, 0.5, 0.9])
def test_the_rows_held_out_are_the_first_of_each_class_in_shuffled_order(fraction):
    for seed in range(30):
        rng = np.random.default_rng(seed)
        y = rng.integers(0, 7, 60).astype(np.int32)
        rows = np.flatnonzero(rng.random(60) < 0.8)
        shuffled = np.random.default_rng((seed, 3)).permutation(rows)
        of_class = [shuffled[y[shuffled] == j] for j in range(7)]
        expected = np.sort(np.concatenate([each[: round(fraction * len(each))] for each in of_class]))
        kept, held_out = _hold_out(y, rows, fraction, (seed, 3))
        assert held_out.tolist() == expected.tolist() and kept.tolist() == sorted(set(rows) - set(expected))


def test_a_scale_is_a_finite_float32_however_small_the_features_are():
    for smallest in (1e-45, 1e-42, 1e-39, 1e-38, 1e-37):
        X = np.float32([[0], [smallest], [0], [smallest]])
        with np.errstate(all="raise", under="ignore"):
            fitted = Standardisation.fit(Subset.whole(Examples(X, np.zeros(4, np.int32))))
        assert np.isfinite(fitted.scale).all() and (fitted.scale > 0).all()
        if smallest > 4e-38:  # its standard deviation, half of it, has a reciprocal in float32
            np.testing.assert_allclose((X - fitted.mean) * fitted.scale, [[-1], [1], [-1], [1]], rtol=1e-5)
        else:
            assert fitted.scale == 1


def standardised(subset, standardisation):
    return (subset.examples.X[subset.rows].astype(float) - standardisation.mean) * standardisation.scale


def test_features_get_mean_0_and_variance_1_on_the_training_set_only():
    data = dataset(counts=(2000, 500))
    data.train.X[:, 1] *= 1000
    subsets = split_dataset(data, 0.1, 0.2, 0)
    subsets["test"].examples.X[subsets["test"].rows] = 1e6  # must not matter
    X = standardised(subsets["train"], Standardisation.fit(subsets["train"]))
    np.testing.assert_allclose(X.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(X.std(axis=0), 1, rtol=1e-5)


def test_a_constant_feature_becomes_0():
    data = dataset()
    data.train.X[:, 2] = 0.1
    subset = Subset.whole(data.train)
    standardisation = Standardisation.fit(subset)
    assert standardisation.scale[2] == 1
    assert abs(standardised(subset, standardisation)[:, 2]).max() < 1e-8


def test_pixels_share_one_mean_and_variance():
    data = dataset(dtype=np.uint8)
    data.train.X[:, 0] = 0  # a border pixel
    subset = Subset.whole(data.train)
    standardisation = Standardisation.fit(subset)
    assert len(set(standardisation.mean)) == len(set(standardisation.scale)) == 1
    assert standardisation.mean[0] == pytest.approx(data.train.X.mean())
    assert standardisation.scale[0] == pytest.approx(1 / data.train.X.std(), rel=1e-6)


def test_targets_get_mean_0_and_variance_1_and_are_transformed_back():
    y = np.random.default_rng(0).normal(loc=4e5, scale=1e5, size=500).astype(np.float32)
    subset = Subset(Examples(np.zeros((500, 1), np.float32), y), np.arange(100, 500))
    of_targets = Standardisation.fit_targets(subset)
    z = of_targets.transform(y)
    assert z.dtype == np.float32 and z[100:].mean() == pytest.approx(0, abs=1e-6) and z[100:].std() == pytest.approx(1)
    for back in (of_targets.inverse_transform(z), of_targets.inverse_transform(z[:, np.newaxis])[:, 0]):
        np.testing.assert_allclose(back, y, rtol=3e-7, atol=4e5 * 3e-7)  # a few roundings of y and of its mean


NAMES = ("rose", "tulip", "a=b")


def test_balanced_weights():
    y = np.repeat([0, 1, 2], [60, 30, 10])
    weights = class_weights("balanced", NAMES, y)
    assert weights.tolist() == [100 / (3 * 60), 100 / (3 * 30), 100 / (3 * 10)]
    np.testing.assert_allclose(np.bincount(y, weights[y]), 100 / 3)
    assert np.isfinite(class_weights("balanced", NAMES, np.array([0, 2]))).all()  # a class without examples


def test_weights_by_name():
    assert class_weights("tulip=2.5", NAMES, None).tolist() == [1, 2.5, 1]
    assert class_weights("a=b=0,rose=3", NAMES, None).tolist() == [3, 1, 0]
    assert class_weights('"a=b"=0,"rose=3"', NAMES, None).tolist() == [3, 1, 0]


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
        ("rose=1e39", ["'1e39' is not a weight", "give a number from 0 to 3.4e38"]),
        ("rose=", ["'' is not a weight"]),
    ],
)
def test_invalid_weights(text, words):
    with pytest.raises(InputError) as caught:
        class_weights(text, NAMES, None)
    assert str(caught.value).startswith(f"--class-weight {text}: ")
    assert all(word in str(caught.value) for word in words)


def test_the_pixels_of_a_channel_share_mean_and_variance():
    subset = split_dataset(dataset(d=2 * 3 * 3), validation=0.1, holdout=0.2, seed=0)["train"]
    pixels = subset.examples.X[subset.rows].reshape(-1, 3).astype(np.float64)
    its = Standardisation.fit(subset, (2, 3, 3))
    np.testing.assert_allclose(its.mean, np.tile(pixels.mean(axis=0), 6), rtol=1e-6)
    np.testing.assert_allclose(its.scale, np.tile(1 / pixels.std(axis=0), 6), rtol=1e-6)
    grey = Standardisation.fit(subset, (6, 3))
    np.testing.assert_allclose(grey.mean, pixels.mean(), rtol=1e-6)
