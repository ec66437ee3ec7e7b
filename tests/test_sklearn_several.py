"""The scikit-learn estimators on several targets or labels per example."""

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="pip install 'hw5[sklearn]'")

from scipy.sparse import csr_matrix
from sklearn.datasets import make_multilabel_classification, make_regression
from sklearn.exceptions import DataConversionWarning
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import r2_score
from sklearn.model_selection import cross_val_score
from sklearn.multioutput import MultiOutputClassifier

from hw5.sklearn import LinearClassifier, MLPClassifier, MLPRegressor, Perceptron, from_checkpoint
from hw5.train.checkpoint import Checkpoint

X, L = make_multilabel_classification(n_samples=300, n_features=12, n_classes=4, random_state=0)
XR, T = make_regression(n_samples=200, n_features=6, n_targets=3, noise=5, random_state=0)
T = T * [1, 1000, 0.01] + [0, 1e5, -3]  # of different units
SMALL = dict(epochs=5, device="cpu", random_state=0)
DEVICES = ("numpy", "cpu", "emulator")


def test_labels_are_learnt_as_well_as_by_a_model_for_each():
    """Within two standard errors of a share of 300 examples that are all right, 0.03."""
    each = cross_val_score(MultiOutputClassifier(LogisticRegression(max_iter=1000)), X, L, cv=3).mean()
    assert cross_val_score(LinearClassifier(device="cpu", random_state=0), X, L, cv=3).mean() > each - 0.06
    assert cross_val_score(MLPClassifier(device="cpu", random_state=0), X, L, cv=3).mean() > each - 0.06


def test_a_linear_regression_of_several_targets_is_that_of_least_squares():
    """To 1 % of the spread of each target: the default penalty and Adam's last steps remain."""
    expected = LinearRegression().fit(XR, T)
    model = MLPRegressor(hidden=(), device="cpu", random_state=0).fit(XR, T)
    np.testing.assert_allclose(model.predict(XR) / T.std(axis=0), expected.predict(XR) / T.std(axis=0), atol=0.01)
    assert model.coef_.shape == (3, 6) and model.intercept_.shape == (3,)
    np.testing.assert_allclose(XR @ model.coef_.T + model.intercept_, model.predict(XR), rtol=1e-5, atol=1e-5 * 1e5)
    assert model.score(XR, T) == r2_score(T, model.predict(XR)) > 0.98


@pytest.mark.parametrize("kind, Y", [(MLPClassifier, L), (MLPRegressor, T)])
def test_every_device_learns_the_same(kind, Y):
    """Five epochs of float32: to 1e-4 of the standardised outputs."""
    features = X if Y is L else XR
    fitted = [kind(**SMALL | {"device": device, "hidden": (8,)}).fit(features, Y) for device in DEVICES]
    first, *others = ([*model.coefs_, *model.intercepts_] for model in fitted)
    for other in others:
        for ours, theirs in zip(first, other):
            np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_predictions_of_labels():
    model = MLPClassifier(**SMALL).fit(X, L)
    P, z = model.predict_proba(X), model.decision_function(X)
    assert P.shape == z.shape == L.shape and not np.allclose(P.sum(axis=1), 1)
    np.testing.assert_allclose(P, 1 / (1 + np.exp(-z)), rtol=1e-6)
    np.testing.assert_array_equal(model.predict(X), P > 0.5)
    assert model.score(X, L) == np.mean((model.predict(X) == L).all(axis=1))
    assert model.classes_.tolist() == [0, 1, 2, 3] and model.n_outputs_ == 4 and model.out_activation_ == "logistic"


def test_the_coefficients_of_labels_are_those_of_the_decision_function():
    model = LinearClassifier(**SMALL).fit(X, L)
    assert model.coef_.shape == (4, 12)
    np.testing.assert_allclose(X @ model.coef_.T + model.intercept_, model.decision_function(X), atol=1e-5)
    two = LinearClassifier(**SMALL).fit(X, L[:, :2])  # two labels are not two classes
    assert two.decision_function(X).shape == (300, 2) and two.coef_.shape == (2, 12)


@pytest.mark.parametrize("model, features, Y", [(MLPClassifier(**SMALL), X, L), (MLPRegressor(**SMALL), XR, T)])
def test_saved_and_loaded(tmp_path, model, features, Y):
    model.fit(features, Y).save(tmp_path / "m.npz")
    loaded = from_checkpoint(tmp_path / "m.npz", device="cpu")
    np.testing.assert_allclose(loaded.predict(features), model.predict(features), rtol=1e-6)
    assert loaded.score(features, Y) == pytest.approx(model.score(features, Y), rel=1e-6)
    loaded.set_params(warm_start=True).fit(features, Y)


@pytest.mark.parametrize("kind, features, Y", [(MLPClassifier, X, L), (MLPRegressor, XR, T)])
def test_parts_give_the_bits_of_one_fit(kind, features, Y):
    whole = kind(**SMALL, lr_schedule="constant", l2=0.0).fit(features, Y)
    parts = kind(**SMALL, lr_schedule="constant", l2=0.0)
    for _ in range(5):
        parts.partial_fit(features, Y)
    for ours, theirs in zip(whole.coefs_, parts.coefs_):
        assert ours.tobytes() == theirs.tobytes()


def test_the_columns_of_a_frame_name_the_targets():
    pandas = pytest.importorskip("pandas")
    model = MLPRegressor(**SMALL).fit(XR, pandas.DataFrame(T, columns=["height", "weight", "age"]))
    assert model.checkpoint_.target_names == ("height", "weight", "age")
    bell = MLPRegressor(**SMALL).fit(XR, pandas.DataFrame(T, columns=["a\a", "b", "c"]))  # which a file cannot hold
    assert bell.checkpoint_.target_names == ("target_1", "target_2", "target_3")
    labels = MLPClassifier(**SMALL).fit(pandas.DataFrame({"site": ["a", "b"] * 150}), L)  # a column of text
    assert labels.checkpoint_.target_names == ("label_1", "label_2", "label_3", "label_4")
    assert labels.predict(pandas.DataFrame({"site": ["a", "c"]})).shape == (2, 4)


def test_sparse_labels_are_those_of_the_array():
    ours, theirs = (MLPClassifier(**SMALL).fit(X, Y).predict_proba(X) for Y in (L, csr_matrix(L)))
    np.testing.assert_array_equal(ours, theirs)


def test_one_column_is_one_target():
    with pytest.warns(DataConversionWarning):
        model = MLPRegressor(**SMALL).fit(XR, T[:, :1])
    np.testing.assert_array_equal(model.predict(XR), MLPRegressor(**SMALL).fit(XR, T[:, 0]).predict(XR))
    assert model.checkpoint_.target_names == ()


def test_targets_that_float32_cannot_tell_apart():
    """Of a column with an offset of 1e9."""
    shifted = T * [1, 0, 1] + [1e9, 1, 0] + [0, 1, 0] * T[:, :1]
    model = MLPRegressor(hidden=(), device="cpu", random_state=0).fit(XR, shifted)
    assert model.score(XR, shifted) > 0.98


def test_weights_repeat_the_examples():
    weights = np.random.default_rng(0).integers(0, 3, len(X))
    weighted = MLPClassifier(**SMALL, standardise=False, shuffle=False).fit(X, L, sample_weight=weights)
    rows = np.repeat(np.arange(len(X)), weights)
    repeated = MLPClassifier(**SMALL, standardise=False, shuffle=False).fit(X[rows], L[rows])
    for ours, theirs in zip(weighted.coefs_, repeated.coefs_):
        assert ours.tobytes() == theirs.tobytes()


def test_validation_scores():
    model = MLPClassifier(**SMALL, validation=0.2).fit(X, L)
    assert len(model.validation_scores_) == 5 and 0 <= model.best_validation_score_ <= 1
    regressor = MLPRegressor(**SMALL | {"epochs": 30}, validation=0.2).fit(XR, T)
    assert 0.5 < regressor.best_validation_score_ <= 1


@pytest.mark.parametrize(
    "model, Y, message",
    [
        (MLPClassifier(), L * 2, "columns of classes"),
        (LinearClassifier(), np.stack([L[:, 0], L[:, 1] + 1], axis=1), "MultiOutputClassifier"),
        (Perceptron(), L, "1d array"),
        (MLPClassifier(class_weight="balanced"), L, "class_weight has no effect on a multilabel model"),
        (MLPClassifier(class_weight={0: 2.0}), L, "class_weight has no effect on a multilabel model"),
    ],
)
def test_what_is_refused(model, Y, message):
    with pytest.raises(ValueError, match=message):
        model.fit(X, Y)


def test_a_warm_start_keeps_the_labels():
    model = MLPClassifier(**SMALL, warm_start=True).fit(X, L)
    with pytest.raises(ValueError, match="same classes"):
        model.fit(X, L[:, :3])
    with pytest.raises(ValueError, match="loss was"):  # four classes are not four labels
        model.fit(X, np.arange(300) % 4)
    regressor = MLPRegressor(**SMALL, warm_start=True).fit(XR, T)
    with pytest.raises(ValueError, match="y has 2 targets and had 3"):
        regressor.fit(XR, T[:, :2])


def test_a_checkpoint_whose_names_do_not_fit_is_damaged(tmp_path):
    from dataclasses import replace

    checkpoint = MLPRegressor(**SMALL).fit(XR, T).checkpoint_
    for names in (("a", "b"), ("a", "a", "b"), ()):
        replace(checkpoint, target_names=names).save(tmp_path / "m.npz")
        with pytest.raises(ValueError, match="inconsistent"):
            from_checkpoint(tmp_path / "m.npz")
    checkpoint.save(tmp_path / "m.npz")
    assert Checkpoint.load(tmp_path / "m.npz").target_names == ("target_1", "target_2", "target_3")
