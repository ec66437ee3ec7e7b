"""The scikit-learn estimators: scikit-learn's own checks, and typical use."""

import copy
import csv
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="pip install 'hw5[sklearn]'")

from sklearn.datasets import load_diabetes, load_digits, load_iris, make_blobs
from sklearn.exceptions import ConvergenceWarning, DataConversionWarning, NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

from hw5.datasets import load
from hw5.devices import open_device
from hw5.errors import RunError
from hw5.sklearn import LinearClassifier, MLPClassifier, MLPRegressor, Perceptron, from_checkpoint
from hw5.train import opened
from hw5.train.checkpoint import Checkpoint
from hw5.train.defaults import CHOSEN
from tests.cli.helpers import hw5, refused
from tests.pages import ROOT, code_blocks

KINDS = (LinearClassifier, MLPClassifier, MLPRegressor, Perceptron)
SMALL = dict(epochs=3, device="cpu", random_state=0)


# scikit-learn exempts its SGDClassifier and its Perceptron from it, for the same reason
_OTHER_ORDER = "the check shuffles the weighted examples, and the steps depend on the order of the examples"
EXPECTED = {f"check_sample_weight_equivalence_on_{kind}_data": _OTHER_ORDER for kind in ("dense", "sparse")}

# It compares predictions for one example with those for several to 1e-7. hw5 computes in float32 for any X, and NumPy,
# and the code of some compilers, round one example differently.
TO_FLOAT64 = "check_methods_subset_invariance"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks(
    [kind(device="cpu") for kind in KINDS[:3]] + [Perceptron(device="cpu", epochs=10)],
    expected_failed_checks=lambda estimator: EXPECTED,
)
def test_scikit_learns_own_checks(estimator, check, monkeypatch):
    if check.func.__name__ == TO_FLOAT64:
        monkeypatch.setattr(estimator_checks, "assert_allclose", _assert_close_in_float32)
    check(estimator)


def _assert_close_in_float32(actual, expected, atol, err_msg):
    """A few eps (1.2e-7) of sums of order 1."""
    np.testing.assert_allclose(actual, expected, rtol=2e-6, atol=1e-6, err_msg=err_msg)


def iris(names=True):
    """Iris, with text for labels, or without."""
    data = load_iris()
    return data.data, data.target_names[data.target] if names else data.target


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    "model, least",  # scikit-learn's own reach 0.96, 0.97 and 0.85 in these folds
    [
        (LinearClassifier(optimizer="sgd", lr=0.3, epochs=200), 0.95),
        (MLPClassifier(optimizer="sgd", lr=0.1, epochs=200), 0.95),
        (MLPClassifier(), 0.93),
        (Perceptron(), 0.85),
    ],
)
def test_cross_validation_with_text_labels(model, least):
    X, y = iris()
    assert cross_val_score(model.set_params(random_state=0, device="cpu"), X, y, cv=5).mean() >= least


def test_regression_in_the_units_of_the_targets():
    X, y = load_diabetes(return_X_y=True)
    shifted = cross_val_score(MLPRegressor(lr=0.003, random_state=0, device="cpu"), X, 1000 * y + 1e5, cv=3)
    assert shifted.min() > 0.35  # a linear model has about 0.5, the mean 0


def test_pipeline_and_grid_search():
    X, y = iris()
    pipeline = make_pipeline(PolynomialFeatures(2), MLPClassifier(epochs=10, random_state=0, device="cpu"))
    grid = {"mlpclassifier__hidden": [(), (16,), [8, 8]], "mlpclassifier__lr": np.array([0.01, 0.1])}
    search = GridSearchCV(pipeline, grid, cv=3, error_score="raise").fit(X, y)
    assert search.best_score_ >= 0.93 and set(search.predict(X)) == set(y)


@pytest.mark.slow
def test_joblib_workers_give_the_same_scores():
    X, y = iris()
    alone, together = (cross_val_score(LinearClassifier(**SMALL), X, y, cv=3, n_jobs=n) for n in (1, 2))
    np.testing.assert_array_equal(alone, together)


@pytest.mark.parametrize("given, threads", [("3", 3), ("", None), ("4,2", None)])
def test_threads_are_at_most_those_of_the_environment(given, threads, monkeypatch):
    asked = []
    opened.close()
    monkeypatch.setattr(opened, "open_device", lambda name, threads: asked.append(threads) or open_device("numpy"))
    monkeypatch.setenv("OMP_NUM_THREADS", given)
    LinearClassifier(**SMALL).fit(X, Y).predict(X)
    opened.close()
    assert asked == [threads]


def test_threads_and_copies_predict_at_once():
    model = MLPClassifier(**SMALL).fit(X, Y)
    expected = model.predict_proba(X)
    with ThreadPoolExecutor(4) as pool:
        for estimator in (model, copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
            for P in pool.map(lambda _, of=estimator: of.predict_proba(X), range(20)):
                np.testing.assert_array_equal(P, expected)
    assert model.fit(X, Y == "setosa").predict_proba(X).shape == (150, 2)  # not by the model before


def test_pandas_frames_keep_their_names():
    pandas = pytest.importorskip("pandas")
    X, y = iris()
    frame, labels = pandas.DataFrame(X, columns=list("abcd")), pandas.Series(y, dtype="category")
    model = MLPClassifier(**SMALL).fit(frame, labels)
    assert list(model.feature_names_in_) == list("abcd") and list(model.classes_) == sorted(set(y))
    np.testing.assert_array_equal(model.predict(frame), MLPClassifier(**SMALL).fit(X, y).predict(X))
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame[list("dcba")])


def test_equal_to_the_program_to_the_bit(tmp_path):
    hw5(
        "train",
        "--epochs",
        3,
        "--seed",
        5,
        "--validation",
        0,
        "--holdout",
        0,
        "--out",
        tmp_path / "m",
        "--device",
        "cpu",
    )
    digits = load("digits").train
    model = MLPClassifier(epochs=3, random_state=5, device="cpu").fit(digits.X, digits.y)
    theirs = Checkpoint.load(tmp_path / "m").parameters
    for W, b, (its_W, its_b) in zip(model.coefs_, model.intercepts_, theirs):
        assert W.T.tobytes() == its_W.tobytes() and b.tobytes() == its_b.tobytes()
    assert [W.shape for W in model.coefs_] == [(64, 128), (128, 10)]


def test_random_state():
    X, y = iris()

    def weights(random_state):
        return MLPClassifier(epochs=1, random_state=random_state, device="cpu").fit(X, y).coefs_[0]

    np.testing.assert_array_equal(weights(1), weights(1))
    np.testing.assert_array_equal(weights(np.random.RandomState(1)), weights(np.random.RandomState(1)))
    assert (weights(1) != weights(2)).any() and (weights(None) != weights(None)).any()
    state = np.random.RandomState(1)
    assert (weights(state) != weights(state)).any()


def test_figures_of_the_training():
    X, y = iris()
    model = MLPClassifier(epochs=200, validation=0.3, patience=2, lr=0.3, random_state=0, device="cpu").fit(X, y)
    assert 3 <= model.n_iter_ < 200 and len(model.loss_curve_) == model.n_iter_
    assert model.loss_curve_[-1] < model.loss_curve_[0]


def test_probabilities_and_decisions():
    X, y = iris()
    two = y != "setosa"
    for model in (LinearClassifier(**SMALL), LinearClassifier(loss="binary-cross-entropy", **SMALL)):
        P = model.fit(X[two], y[two]).predict_proba(X[two])
        assert P.shape == (100, 2) and np.allclose(P.sum(axis=1), 1, rtol=0, atol=1e-6)  # float32
        np.testing.assert_array_equal(model.classes_[P.argmax(axis=1)], model.predict(X[two]))
    with pytest.warns(ConvergenceWarning):
        perceptron = Perceptron(**SMALL).fit(X[two], y[two])
    z = perceptron.decision_function(X[two])
    assert z.shape == (100,) and not hasattr(perceptron, "predict_proba")
    np.testing.assert_array_equal(np.where(z > 0, "virginica", "versicolor"), perceptron.predict(X[two]))
    with pytest.warns(ConvergenceWarning):
        perceptron.fit(X, y)
    z = perceptron.decision_function(X)
    np.testing.assert_array_equal(perceptron.classes_[z.argmax(axis=1)], perceptron.predict(X))


def test_class_weight():
    X, y = make_blobs([200, 20], centers=[[0, 0], [1, 1]], random_state=0)
    names = np.array(["many, common", "few=rare"])  # commas and = are allowed
    share = {
        str(weight): (LinearClassifier(class_weight=weight, **SMALL).fit(X, names[y]).predict(X) == names[1]).mean()
        for weight in (None, {}, {"few=rare": 1}, {"few=rare": 100}, "balanced")
    }
    assert share["None"] == share["{}"] == share["{'few=rare': 1}"]
    assert share["None"] < share["balanced"] < share["{'few=rare': 100}"]


SAVED = {
    "linear": (LinearClassifier(momentum=0.5, nesterov=True, **SMALL), iris()),
    "numbered classes": (MLPClassifier(hidden=5, activation="maxout:3", **SMALL), iris(names=False)),
    "weights": (MLPClassifier(class_weight={"setosa": 3.0, "versicolor": 1.0, "virginica": 0.5}, **SMALL), iris()),
    "regression": (MLPRegressor(hidden=(7, 3), lr_decay=0.9, **SMALL), load_diabetes(return_X_y=True)),
    "perceptron": (Perceptron(epochs=20, random_state=0, device="cpu"), iris()),
    "images": (
        MLPClassifier(hidden=("conv:4x3", "pool:2", 9), image_shape=(8, 8), **SMALL),
        load_digits(return_X_y=True),
    ),
    "images of numbers": (
        MLPRegressor(hidden=("conv:2x2",), image_shape=(2, 5), **SMALL),
        load_diabetes(return_X_y=True),
    ),
}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", SAVED)
def test_to_a_checkpoint_and_back(name, tmp_path):
    model, (X, y) = SAVED[name]
    model.fit(X, y).save(tmp_path / "model.npz")
    again = from_checkpoint(tmp_path / "model.npz", device="cpu")
    given = model.get_params()
    given |= {name: getattr(model.checkpoint_.settings, name) for name in CHOSEN if given.get(name, 0) is None}
    if name == "numbered classes":
        given["hidden"] = (5,)
    assert type(again) is type(model) and again.get_params() == given
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    assert (again.n_iter_, again.n_features_in_) == (model.n_iter_, model.n_features_in_)
    assert again.score(X, y) == model.score(X, y)
    np.testing.assert_array_equal(again.fit(X, y).predict(X), model.predict(X))  # fitting again gives the same model


def test_the_program_asks_for_the_data_of_a_model_from_python(tmp_path):
    LinearClassifier(epochs=1).fit(X, Y).save(tmp_path / "model.npz")
    for verb in (["eval"], ["train", "--resume"]):
        sentence = refused(*verb, tmp_path / "model.npz")
        assert "this model was trained on in-memory arrays; pass the data with --data" in sentence


def test_checkpoints_go_between_the_program_and_python(tmp_path):
    table, inputs, trained, saved = (tmp_path / name for name in ("iris.csv", "new.csv", "trained.npz", "saved.npz"))
    X, y = iris()
    rows = [",".join(map(str, row)) for row in X]
    table.write_text("\n".join(["a,b,c,d,species", *(f"{row},{name}" for row, name in zip(rows, y))]) + "\n")
    inputs.write_text("\n".join(["a,b,c,d", *rows]) + "\n")
    hw5("train", "--data", table, "--class-weight", "setosa=2,virginica=3", "--epochs", 5, "--out", trained)
    model = from_checkpoint(trained)
    assert model.class_weight == {"setosa": 2, "versicolor": 1, "virginica": 3} and model.random_state == 0
    assert list(model.feature_names_in_) == list("abcd")
    with pytest.warns(UserWarning, match="feature names"):  # an array has none
        from_python = model.predict(X)
    from_program = csv.DictReader(hw5("predict", trained, inputs).stdout.splitlines())
    assert list(from_python) == [row["class"] for row in from_program]
    model.set_params(epochs=2).fit(X, y).save(saved)
    assert hw5("predict", saved, inputs).stdout.count("\n") == 151
    assert "accuracy" in hw5("eval", saved, "--data", table).stdout


def test_the_documented_lines_work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (lines, of_labels, _), names = code_blocks(ROOT / "docs" / "scikit-learn.md", "python"), {}
    exec(lines, names)
    assert names["search"].best_score_ > 0.93 and names["model"].score(names["X"], names["y"]) > 0.93
    exec(of_labels, names)
    assert names["model"].predict(names["X"]).shape == names["Y"].shape == (100, 4)


@pytest.mark.slow
def test_a_search_on_a_cluster_of_dask(tmp_path):
    """The documented program, with the figures of the same search in this process."""
    pytest.importorskip("dask.distributed", reason="Dask is not installed")
    *_, program = code_blocks(ROOT / "docs" / "scikit-learn.md", "python")
    file = tmp_path / "search.py"
    file.write_text(program.replace("threads_per_worker=1", "threads_per_worker=1, dashboard_address=None"))
    ran = subprocess.run([sys.executable, file], capture_output=True, text=True, timeout=120, cwd=tmp_path)
    models = {"hidden": [(8,), (16,)], "lr": [0.01, 0.03]}
    search = GridSearchCV(MLPClassifier(epochs=20, device="cpu", random_state=0), models)
    search.fit(*load_iris(return_X_y=True))
    assert ran.stdout == f"{search.best_params_} {search.best_score_}\n", ran.stderr


def test_an_invalid_checkpoint_is_a_value_error(tmp_path):
    with pytest.raises(ValueError, match="no such file"):
        from_checkpoint(tmp_path / "none.npz")
    with pytest.raises(NotFittedError):
        LinearClassifier().save(tmp_path / "none.npz")
    assert not list(tmp_path.iterdir())


X, Y = iris()
REFUSED = {
    "beyond float32": (LinearClassifier(), X * 1e300, Y, "X, row 1, column 1: 5.1e.300 is not a finite float32"),
    "targets beyond float32": (MLPRegressor(), X, np.full(150, 1e300), "y contains infinity or a value too large"),
    "one class": (LinearClassifier(), X, Y[:1].repeat(150), "one class only: .*setosa"),
    "continuous classes": (LinearClassifier(), X, np.linspace(0, 1, 150), "continuous"),
    "loss": (LinearClassifier(loss="squared"), X, Y, "there is no loss 'squared'; choose from cross-entropy"),
    "classes of the sigmoid": (LinearClassifier(loss="binary-cross-entropy"), X, Y, "^loss binary-cross-entropy needs exactly two classes"),
    "lr": (LinearClassifier(lr=0), X, Y, "lr 0 is out of range; give a number above 0"),
    "momentum": (LinearClassifier(momentum=1.0), X, Y, "momentum 1.0 is out of range; give a number from 0 and below 1"),
    "epochs": (LinearClassifier(epochs=0), X, Y, "epochs 0 is out of range; give a whole number from 1"),
    "images of another size": (
        MLPClassifier(hidden="conv:6x2", image_shape=(2, 3)),
        X,
        Y,
        r"image_shape \(2, 3\) is not the \(h, w\) or \(h, w, channels\) of 4 features",
    ),
    "convolution without images": (MLPClassifier(hidden="conv:6x2"), X, Y, "hidden, layer 1: conv:6x2 needs images"),
    "hidden": (MLPClassifier(hidden=(8, 0)), X, Y, "hidden: 0 is not a layer; give the units"),
    "activation": (MLPClassifier(activation="rely"), X, Y, "did you mean 'relu'"),
    "schedule": (MLPClassifier(lr_schedule="slow"), X, Y, "there is no lr_schedule 'slow'; choose from constant"),
    "schedule without its step": (
        MLPClassifier(lr_schedule="step", lr_decay=0.5), X, Y, "the learning-rate schedule step needs lr_step; give it"
    ),
    "patience without validation": (
        MLPClassifier(patience=3, validation=0.001), X, Y, "^The validation set is too small: validation 0.001 leaves none"
    ),
    "weight of no class": (LinearClassifier(class_weight={"tulip": 2}), X, Y, "tulip|not in class_weight"),
    "negative weight": (LinearClassifier(class_weight={"setosa": -2}), X, Y, "-2.0 is not a weight"),
    "weights that are none": (
        LinearClassifier(), X, Y, "sample_weight has numbers that are not weights", {"sample_weight": -np.ones(150)}
    ),
    "no weight": (LinearClassifier(), X, Y, "sample_weight is 0 for all|at least one non-zero", {"sample_weight": np.zeros(150)}),
    "a character that is no text": (LinearClassifier(), X, np.array(["a", "b\1c"] * 75), r"the class 'b\\x01c' has characters"),
    "dates for classes": (LinearClassifier(), X, np.array(["2020-01-01", "2021-01-01"] * 75, "M8[D]"), "convert them to text"),
    "device": (LinearClassifier(device="tpu"), X, Y, "there is no device 'tpu'"),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:overflow encountered in cast:RuntimeWarning")  # NumPy's, before the refusal
@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_is_a_value_error(case):
    model, X, y, message, *more = REFUSED[case]
    with pytest.raises(ValueError, match=message):
        model.fit(X, y, **(more[0] if more else {}))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("kind", KINDS)
def test_whole_weights_are_repetitions(kind):
    """To the bit, in the same order; weights of 0 leave examples out."""
    y = Y if kind is not MLPRegressor else X[:, 0]
    weights = np.random.default_rng(0).integers(0, 5, 150)
    model, repeated = kind(**SMALL), kind(**SMALL)
    model.fit(X, y, sample_weight=weights)
    repeated.fit(X.repeat(weights, axis=0), y.repeat(weights))
    assert model.t_ == repeated.t_ == 3 * weights.sum()
    np.testing.assert_array_equal(model.coefs_[0], repeated.coefs_[0])
    np.testing.assert_array_equal(
        kind(**SMALL).fit(X, y, np.full(150, 0.1)).coefs_[0], kind(**SMALL).fit(X, y).coefs_[0]
    )


def test_weights_are_proportions():
    """The probability at one and the same X is the share of the weights: the minimum of the weighted loss."""
    X, y = np.zeros((400, 2)), np.arange(400) % 4 == 0
    weights = np.where(y, 1.5, 0.25)  # 150 to 75
    model = LinearClassifier(optimizer="sgd", lr=0.02, epochs=100, l2=0.0, random_state=0, device="cpu")
    assert abs(model.fit(X, y, weights).predict_proba(X)[0, 1] - 2 / 3) < 0.02
    assert abs(model.fit(X, y).predict_proba(X)[0, 1] - 1 / 4) < 0.02


def test_sparse_features():
    sparse = pytest.importorskip("scipy.sparse")
    model = LinearClassifier(**SMALL).fit(sparse.csr_matrix(X), Y)
    dense = LinearClassifier(**SMALL).fit(X, Y)
    np.testing.assert_array_equal(model.predict_proba(sparse.coo_matrix(X)), dense.predict_proba(X))


def test_settings_out_of_range():
    with pytest.raises(ValueError, match="epochs 2.5 is out of range; give a whole number from 1"):
        LinearClassifier(epochs=2.5).fit(X, Y)


def test_values_too_large_for_float32_are_refused():
    model = LinearClassifier(**SMALL).fit(X * 1e-30, Y)
    with pytest.raises(ValueError, match="example 2 has values too far"):
        model.predict(np.array([X[0] * 1e-30, X[0] * 1e30]))


def test_divergence_is_reported_with_parameter_names():
    X, y = load_diabetes(return_X_y=True)
    with pytest.raises(RunError, match=r"try a smaller lr \(it was 5\)"):
        MLPRegressor(lr=5, optimizer="sgd", random_state=0, device="cpu").fit(X, y)


def test_a_tolerance_that_was_not_reached_is_a_warning():
    with pytest.warns(ConvergenceWarning, match="tolerance 1e-09 was not reached in 3 epochs"):
        LinearClassifier(tolerance=1e-9, **SMALL).fit(X, Y)


def test_a_column_of_labels_is_a_warning():
    with pytest.warns(DataConversionWarning):
        LinearClassifier(**SMALL).fit(X, Y[:, np.newaxis])


def test_scikit_learn_is_imported_only_here():
    program = "import hw5.train.run, hw5.export, hw5.cli.train, sys; sys.exit('sklearn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


def trees(n=120):
    """A DataFrame in which text, a boolean, a date and a number with gaps determine the kind together."""
    import pandas as pd

    rng = np.random.default_rng(0)
    site, day = (
        rng.choice(["north", "south", "east"], n),
        pd.Timestamp("2020-01-01") + pd.to_timedelta(np.arange(n), "D"),
    )
    height = rng.normal(4, 1, n)
    y = np.where((site == "north") ^ (height > 4), "oak", "yew")
    height[::10] = np.nan
    return pd.DataFrame({"site": site, "day": day, "wet": rng.random(n) > 0.5, "height": height}), y


def test_a_data_frame_with_text_dates_and_gaps(tmp_path):
    X, y = trees()
    model = MLPClassifier(hidden=(16,), momentum=0.9, random_state=0, epochs=100).fit(X, y)
    assert model.n_features_in_ == 4 and list(model.feature_names_in_) == ["site", "day", "wet", "height"]
    assert model.score(X, y) > 0.85  # the gaps cannot be known
    P = model.predict_proba(X)
    np.testing.assert_array_equal(model.predict_proba(X[["height", "wet", "day", "site"]]), P)  # by name
    model.save(tmp_path / "m.npz")
    np.testing.assert_array_equal(from_checkpoint(tmp_path / "m.npz").predict_proba(X), P)
    X.to_csv(tmp_path / "trees.csv", index=False)
    rows = list(csv.DictReader(hw5("predict", tmp_path / "m.npz", tmp_path / "trees.csv").stdout.splitlines()))
    assert [row["class"] for row in rows] == list(model.predict(X))
    with pytest.raises(ValueError, match="DataFrame with the columns 'site'"):
        model.predict(np.zeros((2, 4)))
    with pytest.raises(ValueError, match="columns named 'wet'"):
        model.predict(X.drop(columns="wet"))


@pytest.mark.parametrize("is_text", [False, True])
def test_feature_names_with_blanks(tmp_path, is_text):
    import pandas as pd

    X, y = trees()
    X = X[["site", "height"]] if is_text else pd.DataFrame({0: np.arange(120.0), 1: np.arange(120) % 7})
    X.columns = ["two words", " height "]
    model = LinearClassifier(epochs=2, random_state=0).fit(X.ffill().bfill(), y)
    model.save(tmp_path / "m.npz")
    X.ffill().bfill().assign(kind=y).to_csv(tmp_path / "new.csv", index=False)
    rows = list(csv.DictReader(hw5("predict", tmp_path / "m.npz", tmp_path / "new.csv").stdout.splitlines()))
    assert [row["class"] for row in rows] == list(model.predict(X.ffill().bfill()))
    assert "accuracy" in hw5("eval", tmp_path / "m.npz", "--data", tmp_path / "new.csv").stdout
    assert list(from_checkpoint(tmp_path / "m.npz").feature_names_in_) == list(X.columns)


def test_numbers_that_float32_would_melt_into_one():
    rng = np.random.default_rng(0)
    y = np.arange(120) % 3
    X = np.column_stack([1_700_000_000 + 20 * y + rng.uniform(0, 15, 120), rng.normal(size=120)])
    assert len(np.unique(X[:, 0].astype(np.float32))) < 3
    model = MLPClassifier(random_state=0, momentum=0.9).fit(X, y)
    assert model.score(X, y) > 0.95
    np.testing.assert_array_equal(MLPClassifier(random_state=0, momentum=0.9).fit(X, y).predict(X), model.predict(X))
    target = 1.7e9 + X[:, 1] * 10
    assert MLPRegressor(random_state=0, epochs=100).fit(X[:, 1:], target).score(X[:, 1:], target) > 0.95


@pytest.mark.parametrize(
    "names", [["01", "1"], ["1e3", "2e5"], [" a", "a"], [False, True], ["0.5", "x"], ["nan", "NA"]]
)
def test_class_names_keep_their_spelling(tmp_path, names):
    X, y = np.random.default_rng(0).normal(size=(40, 2)), np.array(names)[np.arange(40) % 2]
    model = LinearClassifier(random_state=0, epochs=2).fit(X, y)
    model.save(tmp_path / "m.npz")
    again = from_checkpoint(tmp_path / "m.npz")
    np.testing.assert_array_equal(again.classes_, model.classes_)
    np.testing.assert_array_equal(again.predict(X), model.predict(X))


def test_pixels_share_one_scale_in_any_type():
    """The digits of scikit-learn are float64."""
    images = np.random.default_rng(0).integers(0, 256, (60, 64))
    images[:, ::9] = 0
    y = np.arange(60) % 2
    models = [
        LinearClassifier(random_state=0, epochs=1).fit(images.astype(dtype), y) for dtype in ("u1", "f8", "f4", "i8")
    ]
    for model in models:
        assert len(np.unique(model.checkpoint_.standardisation.mean)) == 1
        np.testing.assert_array_equal(model.coefs_[0], models[0].coefs_[0])


def test_hidden_layers_are_the_text_of_the_program():
    X, y = load_digits(return_X_y=True)
    text, entries = (
        MLPClassifier(hidden=hidden, image_shape=(8, 8, 1), epochs=5, random_state=0, device="cpu").fit(X, y)
        for hidden in ("conv:4x3+1, pool:2,9", ("conv:4x3+1", "pool:2", np.int64(9)))
    )
    np.testing.assert_array_equal(text.predict_proba(X), entries.predict_proba(X))
    assert text.checkpoint_.settings.hidden == ("conv:4x3+1", "pool:2", 9) and text.score(X, y) > 0.8
    assert MLPClassifier(hidden="16,8", epochs=1).fit(X, y).checkpoint_.settings.hidden == (16, 8)
