"""fit, warm_start and partial_fit: what they begin with, what they keep, and what they say."""

import pickle
import re

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="pip install 'hw5[sklearn]'")

from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import r2_score

from hw5.sklearn import LinearClassifier, MLPClassifier, MLPRegressor, Perceptron, from_checkpoint
from tests.cli.helpers import hw5

X, Y = load_iris(return_X_y=True)
CPU = dict(device="cpu", random_state=0)
CONSTANT = dict(lr=0.01, lr_schedule="constant", l2=1e-4, batch_size=32, **CPU)
XR, YR = load_diabetes(return_X_y=True)


def same(model, other):
    return all((a == b).all() for a, b in zip(model.coefs_ + model.intercepts_, other.coefs_ + other.intercepts_))


@pytest.mark.parametrize(
    "optimizer", [{"optimizer": "adam"}, {"optimizer": "sgd", "momentum": 0.9, "nesterov": True}, {"optimizer": "sgd"}]
)
@pytest.mark.parametrize("kind, X, y", [(MLPClassifier, X, Y), (MLPRegressor, XR, YR), (LinearClassifier, X, Y)])
def test_parts_of_the_same_examples_are_the_epochs_of_a_fit(kind, X, y, optimizer):
    """To the bit: the optimiser, its number of updates and the orders of the epochs go on."""
    whole = kind(epochs=5, **CONSTANT, **optimizer).fit(X, y)
    parts, first = kind(**CONSTANT, **optimizer), {} if kind is MLPRegressor else {"classes": [0, 1, 2]}
    for _ in range(2):
        parts.partial_fit(X, y, **first)
    parts = pickle.loads(pickle.dumps(parts))
    for _ in range(3):
        parts.partial_fit(X, y)
    assert same(parts, whole) and parts.loss_curve_ == whole.loss_curve_
    assert (parts.n_iter_, parts.t_) == (whole.n_iter_, whole.t_) == (5, 5 * len(y))


def test_a_saved_part_goes_on_as_the_estimator_does(tmp_path):
    parts = MLPClassifier(**CONSTANT).partial_fit(X, Y, classes=[0, 1, 2])
    parts.save(tmp_path / "m.npz")
    again = from_checkpoint(tmp_path / "m.npz", device="cpu")
    assert same(again.partial_fit(X, Y), parts.partial_fit(X, Y)) and again.t_ == parts.t_ == 300


def test_a_stream_of_small_parts_is_learnt():
    """One pass, 30 examples at a time, which do not have all classes."""
    order = np.argsort(Y, kind="stable")[::2]
    model = LinearClassifier(lr=0.05, batch_size=1, **CPU)
    for _ in range(5):
        for part in np.array_split(np.random.default_rng(0).permutation(150), 5):
            model.partial_fit(X[part], Y[part], classes=[0, 1, 2])
    assert model.score(X, Y) > 0.9 and model.t_ == 750
    model.partial_fit(X[order[:10]], Y[order[:10]])
    assert set(model.classes_) == {0, 1, 2} and model.predict_proba(X[:2]).shape == (2, 3)


def test_parts_may_have_other_sizes_and_weights():
    model = MLPClassifier(batch_size=16, **CPU)
    model.partial_fit(X[::2], Y[::2], classes=[0, 1, 2], sample_weight=np.full(75, 2))
    model.partial_fit(X[:5], Y[:5], sample_weight=np.linspace(0.1, 1, 5))
    assert model.t_ == 155 and model.n_iter_ == 2


def test_what_partial_fit_refuses():
    model = LinearClassifier(**CPU)
    with pytest.raises(ValueError, match="classes must be given in the first call"):
        model.partial_fit(X, Y)
    with pytest.raises(ValueError, match=r"not in classes: \[2\]"):
        model.partial_fit(X, Y, classes=[0, 1])
    model.partial_fit(X, Y, classes=[0, 1, 2])
    with pytest.raises(ValueError, match=r"classes are \[0 1\], but those of the first call"):
        model.partial_fit(X[:60], Y[:60], classes=[0, 1])
    with pytest.raises(ValueError, match=r"not in classes: \[9\]"):
        model.partial_fit(X[:1], [9])
    with pytest.raises(ValueError, match="X has 3 features"):
        model.partial_fit(X[:, :3], Y)
    with pytest.raises(ValueError, match="partial_fit does not support patience"):
        LinearClassifier(patience=2, validation=0.1).partial_fit(X, Y, classes=[0, 1, 2])
    with pytest.raises(ValueError, match="give class_weight as {class: weight}"):
        LinearClassifier(class_weight="balanced").partial_fit(X, Y, classes=[0, 1, 2])


def test_warm_start_begins_with_the_weights_and_clones_do_not():
    model = MLPClassifier(hidden=(8,), epochs=3, warm_start=True, **CPU).fit(X, Y)
    first, losses = model.coefs_, model.loss_curve_
    model.fit(X, Y)
    assert model.loss_curve_[0] < losses[-1] and model.n_iter_ == 3
    scale = model.checkpoint_.standardisation
    model.fit(X * 3, Y)  # the weights belong to the first scale
    assert (model.checkpoint_.standardisation.mean == scale.mean).all()
    assert same(clone(model).fit(X, Y), MLPClassifier(hidden=(8,), epochs=3, **CPU).fit(X, Y))
    assert (model.set_params(warm_start=False).fit(X, Y).coefs_[0] == first[0]).all()


def test_warm_start_after_a_checkpoint_of_the_program(tmp_path):
    hw5("train", "--epochs", 2, "--hidden", 8, "--out", tmp_path / "m.npz")
    model = from_checkpoint(tmp_path / "m.npz", device="cpu").set_params(warm_start=True, validation=0)
    from hw5.datasets import load

    train = load("digits").train
    before = model.score(train.X, train.y)
    assert model.fit(train.X, train.y).score(train.X, train.y) > before


def test_what_warm_start_refuses():
    model = MLPClassifier(hidden=(8,), epochs=1, warm_start=True, **CPU).fit(X, Y)
    with pytest.raises(ValueError, match=re.escape("Previously got [0 1 2], `y` has [0 1]")):
        model.fit(X[:60], Y[:60])
    with pytest.raises(ValueError, match=re.escape("hidden was (8,) and is (9,), but the fitted network")):
        model.set_params(hidden=(9,)).fit(X, Y)
    with pytest.raises(ValueError, match="activation was 'relu' and is 'tanh'"):
        model.set_params(hidden=(8,), activation="tanh").fit(X, Y)


def test_early_stopping_attributes():
    model = MLPClassifier(epochs=100, validation=0.3, patience=4, min_delta=0.01, lr=0.02, **CPU).fit(X, Y)
    assert len(model.validation_scores_) == model.n_iter_ < 100 and model.best_loss_ is None
    assert model.best_validation_score_ == max(model.validation_scores_) > 0.9
    model.set_params(validation=0, epochs=500).fit(X, Y)
    assert model.validation_scores_ is model.best_validation_score_ is None
    assert model.best_loss_ == min(model.loss_curve_) and model.loss_ == model.loss_curve_[-1] and model.n_iter_ < 500
    assert (model.n_layers_, model.n_outputs_, model.out_activation_) == (3, 3, "softmax")
    with pytest.warns(ConvergenceWarning, match="patience 50 was not exhausted in 2 epochs"):
        model.set_params(epochs=2, patience=50).fit(X, Y)


def test_validation_scores_of_a_regression_are_r2(tmp_path):
    model = MLPRegressor(epochs=10, validation=0.3, **CPU).fit(XR, YR)
    held_out = np.random.default_rng((0, 3)).permutation(len(YR))[: round(0.3 * len(YR))]  # Stream.VALIDATION
    assert model.validation_scores_[-1] == pytest.approx(r2_score(YR[held_out], model.predict(XR[held_out])), abs=1e-5)
    model.save(tmp_path / "m.npz")
    assert not hasattr(from_checkpoint(tmp_path / "m.npz"), "validation_scores_")


def test_shuffle():
    plain = LinearClassifier(epochs=1, batch_size=150, shuffle=False, **CPU).fit(X, Y)
    order = np.random.default_rng(0).permutation(150)
    assert not same(plain, LinearClassifier(epochs=1, batch_size=10, **CPU).fit(X, Y))
    np.testing.assert_allclose(
        plain.coefs_[0], LinearClassifier(epochs=1, batch_size=150, **CPU).fit(X[order], Y[order]).coefs_[0], rtol=1e-4
    )
    small = LinearClassifier(epochs=3, batch_size=10, shuffle=False, **CPU)
    assert same(small.fit(X, Y), clone(small).set_params(shuffle=np.bool_(False)).fit(X, Y))


def test_without_standardisation_weights_are_for_features_as_they_are(tmp_path):
    wide = X + [0, 1e4, 0, 0]  # which would be centred
    for model, y in (
        (LinearClassifier(standardise=False, **CPU), Y),
        (MLPRegressor(hidden=(), standardise=False, **CPU), X[:, 0]),
    ):
        model.set_params(epochs=3, lr=1e-6).fit(wide, y)
        its = model.checkpoint_
        assert (its.standardisation.mean == 0).all() and (its.standardisation.scale == 1).all() and its.columns is None
        np.testing.assert_allclose(model.coef_, model.coefs_[0].T if y is Y else model.coefs_[0][:, 0])
        model.save(tmp_path / "m.npz")
        again = from_checkpoint(tmp_path / "m.npz", device="cpu")
        assert again.standardise is False and (again.predict(wide) == model.predict(wide)).all()
    scaled = (X - X.mean(axis=0)) / X.std(axis=0)
    ours, own = (LinearClassifier(standardise=given, epochs=5, **CPU) for given in (True, False))
    np.testing.assert_allclose(ours.fit(X, Y).predict_proba(X), own.fit(scaled, Y).predict_proba(scaled), atol=1e-5)


def test_verbose_prints_a_line_for_each_epoch(capsys):
    LinearClassifier(epochs=2, verbose=True, **CPU).fit(X, Y)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 and re.fullmatch(r"Iteration 2, loss = \d\.\d{8}", lines[1])
    LinearClassifier(epochs=1, verbose=True, validation=0.2, **CPU).fit(X, Y)
    assert re.search(r"\nValidation loss: \d\.\d{6}\n", capsys.readouterr().out)
    LinearClassifier(epochs=1, **CPU).fit(X, Y)
    assert capsys.readouterr().out == ""


def test_ctrl_c_keeps_what_was_learnt(ctrl_c):
    model = MLPClassifier(epochs=100_000, warm_start=True, **CPU)
    with pytest.warns(ConvergenceWarning, match=r"interrupted in epoch \d+ of 100000; warm_start=True continues"):
        model.fit(X, Y)
    assert 0 < model.n_iter_ < 100_000 and model.predict(X).shape == (150,)
    assert model.set_params(epochs=1).fit(X, Y).n_iter_ == 1


def test_logarithms_and_tags():
    model = MLPClassifier(epochs=3, **CPU).fit(X, Y)
    np.testing.assert_array_equal(model.predict_log_proba(X), np.log(model.predict_proba(X)))
    assert not LinearClassifier(loss="binary-cross-entropy").__sklearn_tags__().classifier_tags.multi_class
    assert LinearClassifier().__sklearn_tags__().classifier_tags.multi_class


@pytest.mark.parametrize("loss", ["cross-entropy", "binary-cross-entropy"])
@pytest.mark.parametrize("device", ["cpu", "numpy", "emulator"])
def test_decisions_are_logits(loss, device):
    model = MLPClassifier(hidden=(4,), loss=loss, epochs=2, device=device, random_state=0).fit(X[:100], Y[:100])
    z, p = model.decision_function(X[:100]), model.predict_proba(X[:100])[:, 1]
    np.testing.assert_allclose(1 / (1 + np.exp(-z)), p, rtol=1e-5)  # float32
    np.testing.assert_array_equal(z > 0, model.predict(X[:100]) == 1)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_perceptron_in_parts():
    model = Perceptron(**CPU)
    for _ in range(10):
        model.partial_fit(X[:100], Y[:100], classes=[0, 1])
    assert model.score(X[:100], Y[:100]) == 1 and model.coef_.shape == (1, 4)


def test_a_sparse_matrix_that_does_not_fit_into_memory_is_refused(monkeypatch):
    """Of 1,000 x 100,000 numbers of 8 bytes, and as much again in float32."""
    from scipy.sparse import random_array

    model = MLPClassifier(device="cpu", epochs=1, random_state=0)
    wide = random_array((1000, 100_000), density=1e-4, format="csr", rng=0)
    monkeypatch.setattr("hw5.sklearn.features.free_memory", lambda: 1e9)
    with pytest.raises(ValueError, match=r"needs 1\.2 GB of memory .* 1\.0 GB are free; reduce its 100,000 features"):
        model.fit(wide, np.arange(1000) % 2)
    model.fit(wide[:, :50], np.arange(1000) % 2).predict(wide[:5, :50])
