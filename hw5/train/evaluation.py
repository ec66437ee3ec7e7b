"""The figures of a model on labelled examples."""

import numpy as np

from hw5.metrics import (
    SparseConfusions,
    balanced_accuracy,
    calibration_error,
    precision_recall_f1,
    roc_auc,
    wilson_interval,
)
from hw5.tables.labels import UNKNOWN

MOST_DENSE = 100  # classes of a whole confusion matrix


def evaluation(model, subset):
    """Figures of a Model on a Subset by name, as hw5 eval --json prints them.

    Of a regression: r2, rmse (in units of the targets), loss and examples. Of a classification: accuracy, loss, examples,
    accuracy_interval (95 %, Wilson), commonest_class (the share of it), balanced_accuracy, calibration_error and, for two
    classes, roc_auc; confusion_matrix (classes, classes), whose rows are the true classes, or for more than 100 classes
    its cells that are not 0, as lists true, predicted (indices of classes) and examples; and per_class, a dictionary for
    each class.
    """
    if model.checkpoint.settings.task == "regression":
        loss, r2, rmse = model.regression_figures(subset)
        return {"r2": r2, "rmse": rmse, "loss": loss, "examples": len(subset.rows)}
    return _of_classes(model, subset)


def _of_classes(model, subset):
    class_names = model.checkpoint.class_names
    loss, accuracy, classes = model.evaluate(subset)
    y = subset.examples.y[subset.rows]
    known = y != UNKNOWN
    C = SparseConfusions.of(y[known], classes[known], len(class_names))
    figures = {"accuracy": accuracy, "loss": loss, "examples": len(y)}
    figures |= _in_perspective(C, accuracy, len(y), model.probabilities(subset), y, known)
    if not known.all():
        figures["examples_of_unknown_classes"] = int((~known).sum())
    return figures | {"confusion_matrix": _matrix(C), "per_class": list(_by_class(C, class_names))}


def _matrix(C):
    if C.m <= MOST_DENSE:
        return C.dense()
    return {name: getattr(C, name).tolist() for name in ("true", "predicted", "examples")}


def worst_mistakes(C, n):
    """The n commonest mistakes in a confusion_matrix of evaluation: [(true class, predicted class, examples), ...]."""
    if isinstance(C, dict):
        true, predicted, examples = (np.asarray(C[name], int) for name in ("true", "predicted", "examples"))
    else:
        true, predicted = np.nonzero(C)
        examples = C[true, predicted]
    mistakes = np.flatnonzero(true != predicted)
    most = mistakes[np.argsort(-examples[mistakes], kind="stable")[:n]]
    return list(zip(true[most].tolist(), predicted[most].tolist(), examples[most].tolist()))


def _in_perspective(C, accuracy, n, P, y, known):
    """Figures that put the accuracy into perspective, by name."""
    figures = {"accuracy_interval": list(wilson_interval(accuracy * n, n))}
    if known.any():
        figures |= {"commonest_class": float(C.sum(axis=1).max() / n), "balanced_accuracy": balanced_accuracy(C)}
    if P is not None and known.any():
        if P.shape[1] == 2:
            figures["roc_auc"] = roc_auc(y[known], P[known, 1])
        figures["calibration_error"] = calibration_error(P[known], y[known])
    return figures


def _by_class(C, class_names):
    for name, p, r, f1, n in zip(class_names, *map(list, precision_recall_f1(C)), C.sum(axis=1)):
        yield {"class": name, "precision": float(p), "recall": float(r), "f1": float(f1), "examples": int(n)}
