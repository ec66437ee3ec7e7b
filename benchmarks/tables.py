"""Test accuracy on tables with text, dates and gaps, of hw5 and of scikit-learn's MLP on the same split.

    python benchmarks/tables.py DIRECTORY [--seeds 5] [--only NAME,...] [--options "..."]

DIRECTORY has the files that TABLES names, which are public (UCI, seaborn-data, jbrownlee/Datasets, selva86/datasets and
others). scikit-learn gets what pandas reads, with one-hot categories, mean-filled numbers and standardised features;
its MLP has 100 hidden units, Adam, and up to 200 epochs, its default. hw5 gets the file as it is, and its defaults.
Each seed makes a split of its own, whose 20 % of test rows both are evaluated on. Prints a row for each table: accuracy
in per cent, or R^2 times 100, as the mean over the seeds.
"""

import argparse
import json
import tempfile
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from click.testing import CliRunner
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from hw5.cli import main
from hw5.datasets import load
from hw5.train.checkpoint import Checkpoint


class Of(NamedTuple):
    """A table: the options of hw5, and how pandas reads it."""

    label: str | None = None
    task: str = "classification"
    drop: tuple = ()
    pandas: dict = {}


_NO_HEADER = {"header": None}
TABLES = {
    "adult_4000.csv": Of(),
    "jb_german.csv": Of(pandas=_NO_HEADER),
    "jb_breast-cancer.csv": Of(pandas=_NO_HEADER | {"quotechar": "'"}),
    "jb_breast-cancer-wisconsin.csv": Of(pandas=_NO_HEADER | {"na_values": "?"}),
    "jb_horse-colic.csv": Of("24", pandas=_NO_HEADER | {"na_values": "?"}),
    "jb_auto_imports.csv": Of("-1", "regression", pandas=_NO_HEADER | {"na_values": "?"}),
    "jb_abalone.csv": Of("1", pandas=_NO_HEADER),
    "jb_ecoli.data": Of(pandas=_NO_HEADER | {"sep": r"\s+"}, drop=("1",)),
    "jb_housing.data": Of("-1", "regression", pandas=_NO_HEADER | {"sep": r"\s+"}),
    "jb_mammography.csv": Of(pandas=_NO_HEADER | {"quotechar": "'"}),
    "rasbt_wine.data": Of("1", pandas=_NO_HEADER),
    "rasbt_wdbc.data": Of("2", drop=("1",), pandas=_NO_HEADER),
    "sea_titanic.csv": Of("survived", drop=("alive",)),
    "sea_penguins.csv": Of("species"),
    "sea_mpg.csv": Of("mpg", "regression", drop=("name",)),
    "selva_Zoo.csv": Of(),
    "selva_HouseVotes84.csv": Of("Class"),
    "selva_College.csv": Of("Private"),
    "selva_Soybean.csv": Of("Class"),
    "selva_Hitters.csv": Of("Salary", "regression"),
    "selva_ChickWeight.csv": Of(),
    "selva_Vowel.csv": Of(),
    "selva_iris_train.csv": Of(),
    "ml_iris-train.txt": Of("1", pandas={"sep": "\t"}),
    "vega_windvectors.csv": Of("speed", "regression"),
    "ageron_housing.csv": Of("median_house_value", "regression"),
    "vega_seattle-weather.csv": Of("weather", drop=("date",)),
    "lgb_binary.test": Of("1", pandas=_NO_HEADER | {"sep": "\t"}),
}


def by_hw5(path, of, seed, model, options):
    """Train on the file with the program; the test figure, and the test rows of all rows that have a label."""
    chosen = ["--data", path, "--task", of.task, "--seed", seed, *(["--label-column", of.label] if of.label else [])]
    chosen += ["--drop", ",".join(of.drop)] if of.drop else []
    _hw5("train", *chosen, "--out", model, *options)
    figures = json.loads(_hw5("eval", model, "--json"))
    checkpoint = Checkpoint.load(model)
    dataset = load(str(path), schema=checkpoint.schema)
    rows = checkpoint.subset(dataset, "test").rows
    return figures["r2" if of.task == "regression" else "accuracy"], rows, len(dataset.train.y)


def _hw5(*arguments):
    done = CliRunner().invoke(main, list(map(str, arguments)))
    if done.exit_code:
        raise SystemExit(done.output)
    return done.stdout


def by_scikit_learn(path, of, seed, test, n):
    """The test figures of a linear model, of an MLP, and of guessing, on the test rows of the n that have a label."""
    X, y = _read(path, of)
    if len(y) != n:
        raise SystemExit(f"{path}: pandas has {len(y)} rows with a label, hw5 {n}")
    train = np.setdiff1d(np.arange(n), test)
    numbers = [c for c in X.columns if X[c].dtype.kind in "if"]
    texts = [c for c in X.columns if c not in numbers]
    features = make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), numbers),
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), texts),
    )
    return [_score(features, model, X, y, train, test) for model in _MODELS[of.task](seed)]


_MODELS = {
    "classification": lambda seed: (
        LogisticRegression(max_iter=2000),
        MLPClassifier(random_state=seed),
        DummyClassifier(),
    ),
    "regression": lambda seed: (
        LinearRegression(),
        TransformedTargetRegressor(MLPRegressor(random_state=seed), transformer=StandardScaler()),
        DummyRegressor(),
    ),
}


def _score(features, model, X, y, train, test):
    fitted = make_pipeline(features, StandardScaler(), model).fit(X.iloc[train], y.iloc[train])
    return fitted.score(X.iloc[test], y.iloc[test])


def _read(path, of):
    """The features and labels of the rows that have a label, as pandas reads them."""
    table = pd.read_csv(path, **of.pandas)
    name = table.columns[-1] if of.label is None else of.label
    if name not in table.columns:
        name = table.columns[int(name) - (int(name) > 0)]
    table = table[table[name].notna()]
    dropped = [c if c in table.columns else table.columns[int(c) - 1] for c in of.drop]
    X = table.drop(columns=[name, *dropped])
    for column in X.columns:
        if X[column].dtype.kind not in "if":
            X[column] = X[column].astype(str)
    return X.set_axis(map(str, X.columns), axis=1), table[name] if of.task == "regression" else table[name].astype(str)


def main_program():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", default=",".join(TABLES))
    parser.add_argument("--options", default="", help='of hw5 train, such as "--epochs 100"')
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    print("| table | hw5 | MLP | linear | guessing | hw5 - MLP |\n| --- | ---: | ---: | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory() as folder:
        for name in given.only.split(","):
            rows = [
                _compare(given.directory / name, TABLES[name], seed, folder, given.options.split())
                for seed in range(given.seeds)
            ]
            hw5, linear, mlp, dummy = 100 * np.mean(rows, axis=0)
            print(f"| {name} | {hw5:.1f} | {mlp:.1f} | {linear:.1f} | {dummy:.1f} | {hw5 - mlp:+.1f} |", flush=True)


def _compare(path, of, seed, folder, options):
    figure, test, n = by_hw5(path, of, seed, Path(folder) / "model.npz", options)
    return figure, *by_scikit_learn(path, of, seed, test, n)


if __name__ == "__main__":
    main_program()
