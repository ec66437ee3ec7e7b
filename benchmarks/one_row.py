"""Benchmark predict of one row: hw5's estimator against scikit-learn's StandardScaler and MLPClassifier.

    python benchmarks/one_row.py [--calls 2000] [--device cpu ...]

Both have 128 hidden units and are fitted on the digits. The contenders take turns, row by row. Printed are the median
time of a call, the 5th and the 95th percentile, and the ratio of the medians.
"""

import argparse
import warnings
from time import perf_counter

import numpy as np
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import hw5.sklearn as hw5


def contenders(devices, X, y):
    """{name: fitted estimator}, scikit-learn's first."""
    theirs = make_pipeline(StandardScaler(), MLPClassifier((128,), max_iter=5))
    ours = {f"hw5, device={device}": hw5.MLPClassifier(hidden=(128,), epochs=5, device=device) for device in devices}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {name: model.fit(X, y) for name, model in ({"scikit-learn": theirs} | ours).items()}


def times(models, X, calls):
    """Microseconds of each call of predict, by name."""
    measured = {name: [] for name in models}
    for call in range(calls):
        row = X[call % len(X) :][:1]
        for name, model in models.items():
            began = perf_counter()
            model.predict(row)
            measured[name].append((perf_counter() - began) * 1e6)
    return measured


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--device", nargs="+", default=["cpu", "auto"])
    options = parser.parse_args()
    X, y = load_digits(return_X_y=True)
    models = contenders(options.device, X, y)
    times(models, X, 50)  # warm up
    measured = times(models, X, options.calls)
    base = np.median(measured["scikit-learn"])
    for name, each in measured.items():
        low, median, high = np.percentile(each, (5, 50, 95))
        print(f"{name:20} {median:6.0f} us ({low:.0f} to {high:.0f}), {median / base:.2f} of scikit-learn's")


if __name__ == "__main__":
    main()
