"""The figures of a trained model by name, and their mean and standard deviation over several models."""

import numpy as np

FIGURES = ("accuracy", "r2", "rmse", "loss")


def figures_on(run, name):
    """The figures of a Run on a split, by name, of which the first is the accuracy, or R^2 in a regression."""
    examples = {"examples": len(run.splits[name].rows)}
    if run.settings.task == "regression":
        loss, r2, rmse = run.regression_figures(name)
        return {"r2": float(r2), "rmse": float(rmse), "loss": float(loss)} | examples
    loss, accuracy = run.evaluate(name)
    return {"accuracy": float(accuracy), "loss": float(loss)} | examples


def mean_and_std(rows):
    """The mean and the standard deviation, with divisor n - 1, of the figures in n >= 2 rows: two dicts by name.

    Other columns of the rows are left out.
    """
    columns = {name: np.float64([row[name] for row in rows]) for name in FIGURES if name in rows[0]}
    mean = {name: float(x.mean()) for name, x in columns.items()}
    return mean, {name: float(x.std(ddof=1)) for name, x in columns.items()}
