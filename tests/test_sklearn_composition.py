"""The estimators inside scikit-learn's other tools."""

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="pip install 'hw5[sklearn]'")
pytest.importorskip("pandas")

import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_iris, make_classification
from sklearn.ensemble import AdaBoostClassifier, VotingClassifier
from sklearn.feature_selection import RFE, SelectFromModel
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import learning_curve
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from hw5.sklearn import LinearClassifier, MLPClassifier, MLPRegressor, Perceptron

IRIS = load_iris(return_X_y=True)
CPU = dict(device="cpu", random_state=0)


def test_sparse_output_of_a_default_one_hot_encoder():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"site": rng.choice(list("abcdefgh"), 300), "height": rng.normal(size=300)})
    y = np.isin(X["site"], list("abc"))
    encode = make_column_transformer((OneHotEncoder(), ["site"]), remainder=StandardScaler(), sparse_threshold=1.0)
    model = make_pipeline(encode, LinearClassifier(**CPU)).fit(X, y)
    assert hasattr(model[0].transform(X), "toarray") and model.score(X, y) == 1.0


def informative(kind):
    """A model and data whose first three of ten features matter; they have different units."""
    X = np.random.default_rng(0).normal(size=(400, 10))
    return kind(epochs=20, **CPU), X * np.logspace(-3, 3, 10), X[:, 0] + X[:, 1] > X[:, 2]


@pytest.mark.parametrize("select", [SelectFromModel, RFE])
def test_features_are_selected_by_their_standardised_weights(select):
    model, X, y = informative(LinearClassifier)
    how = {"max_features": 3, "threshold": -np.inf} if select is SelectFromModel else {"n_features_to_select": 3}
    chosen = select(model, importance_getter="feature_importances_", **how).fit(X, y).get_support()
    assert list(np.flatnonzero(chosen)) == [0, 1, 2]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("select", [SelectFromModel, RFE])
@pytest.mark.parametrize(
    "model", [LinearClassifier(**CPU), Perceptron(epochs=5, **CPU), MLPRegressor(hidden=(), **CPU)]
)
def test_features_are_selected_by_coef_by_default(model, select):
    X, y = IRIS
    assert select(model).fit(X, y).transform(X).shape[1] in (1, 2, 3)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize(
    "model",
    [LinearClassifier(**CPU), LinearClassifier(loss="binary-cross-entropy", **CPU), Perceptron(epochs=9, **CPU)],
)
def test_coef_and_intercept_are_for_features_as_they_are_given(model, classes):
    X, y = IRIS
    X, y = X[y < classes] * [1, 100, 1e-3, 1] + [0, 5, 0, 1e6], y[y < classes]  # one has an offset
    if classes == 3 and getattr(model, "loss", None) == "binary-cross-entropy":
        pytest.skip("of two classes")
    z = model.fit(X, y).decision_function(X)
    shape = (3, 4) if classes == 3 else (1, 4)
    assert model.coef_.shape == shape and model.intercept_.shape == shape[:1]
    product = X @ model.coef_.T + model.intercept_
    # float32 has 24 bits, and z is a sum of five numbers of up to about 20
    np.testing.assert_allclose(product.reshape(z.shape), z, rtol=1e-4, atol=1e-4)
    P = LogisticRegression().fit(X[:, :2], y).coef_.shape
    assert P[0] == shape[0]


def test_coef_of_a_linear_regression_are_those_of_least_squares():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 3)) * [1, 100, 1e-3] + [0, 7, 3]
    y = 50 + X @ [5, -0.03, 2000] + rng.normal(size=500)
    ours = MLPRegressor(hidden=(), l2=0.0, epochs=100, lr=0.02, **CPU).fit(X, y)
    np.testing.assert_allclose(X @ ours.coef_ + ours.intercept_, ours.predict(X), rtol=1e-4)
    theirs = LinearRegression().fit(X, y)
    scale = X.std(axis=0) / y.std()
    np.testing.assert_allclose(ours.coef_ * scale, theirs.coef_ * scale, rtol=0, atol=0.01)  # training stops near it
    assert not hasattr(MLPRegressor(epochs=1, **CPU).fit(X, y), "coef_")


def test_boosting_weights_the_examples():
    X, y = make_classification(400, 6, n_informative=4, n_redundant=0, random_state=3)
    stump = LinearClassifier(epochs=5, **CPU)
    boosted = AdaBoostClassifier(stump, n_estimators=8, random_state=0).fit(X, y)
    assert len(boosted.estimators_) > 2 and len(set(boosted.estimator_weights_)) > 2
    assert boosted.score(X, y) >= stump.fit(X, y).score(X, y) - 0.02


def test_voting_with_weights():
    X, y = IRIS
    models = [("mlp", MLPClassifier(epochs=10, **CPU)), ("linear", LinearClassifier(epochs=10, **CPU))]
    vote = VotingClassifier(models, voting="soft", weights=[3, 1]).fit(X, y)
    P = (3 * vote.estimators_[0].predict_proba(X) + vote.estimators_[1].predict_proba(X)) / 4
    np.testing.assert_allclose(vote.predict_proba(X), P, rtol=1e-6)
    assert vote.fit(X, y, sample_weight=np.ones(150)).score(X, y) == vote.fit(X, y).score(X, y)


def test_learning_curve_with_incremental_learning():
    X, y = IRIS
    options = dict(cv=3, train_sizes=[0.2, 0.6, 1.0], exploit_incremental_learning=True, shuffle=True, random_state=0)
    sizes, train, test = learning_curve(
        LinearClassifier(lr=0.05, batch_size=1, **CPU), X, y, error_score="raise", **options
    )
    assert list(sizes) == [20, 60, 100] and train.shape == test.shape == (3, 3)
    assert test[-1].mean() > 0.8


@pytest.mark.parametrize("method", ["auto", "predict_proba", "decision_function", "predict"])
@pytest.mark.parametrize("classes", [2, 3])
def test_decision_boundary_display(method, classes):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    from sklearn.inspection import DecisionBoundaryDisplay

    X, y = IRIS
    X, y = X[y < classes, :2], y[y < classes]
    model = MLPClassifier(epochs=5, **CPU).fit(X, y)
    display = DecisionBoundaryDisplay.from_estimator(model, X, response_method=method, grid_resolution=20)
    assert display.response.shape[:2] == (20, 20) and np.isfinite(display.response).all()
    matplotlib.pyplot.close("all")
