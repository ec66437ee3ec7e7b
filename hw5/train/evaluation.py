"""The figures of a model on labelled examples."""

from hw5.errors import InputError
from hw5.metrics import (
    balanced_accuracy,
    calibration_error,
    confusion_matrix,
    precision_recall_f1,
    roc_auc,
    wilson_interval,
)
from hw5.tables.labels import UNKNOWN

_MOST_CLASSES = 10_000  # whose confusion matrix takes 800 MB


def evaluation(model, subset):
    """Figures of a Model on a Subset by name, as hw5 eval --json prints them.

    Of a regression: r2, rmse (in units of the targets), loss and examples. Of a classification: accuracy, loss, examples,
    accuracy_interval (95 %, Wilson), commonest_class (the share of it), balanced_accuracy, calibration_error and, for two
    classes, roc_auc; confusion_matrix (classes, classes), whose rows are the true classes; and per_class, a dictionary for
    each class. Raises InputError for too many classes.
    """
    if model.checkpoint.settings.task == "regression":
        loss, r2, rmse = model.regression_figures(subset)
        return {"r2": r2, "rmse": rmse, "loss": loss, "examples": len(subset.rows)}
    return _of_classes(model, subset)


def _of_classes(model, subset):
    class_names = model.checkpoint.class_names
    if len(class_names) > _MOST_CLASSES:
        raise InputError(
            f"the model has {len(class_names):,} classes; hw5 eval counts mistakes for up to {_MOST_CLASSES:,}"
        )
    loss, accuracy, classes = model.evaluate(subset)
    y = subset.examples.y[subset.rows]
    known = y != UNKNOWN
    C = confusion_matrix(y[known], classes[known], len(class_names))
    figures = {"accuracy": accuracy, "loss": loss, "examples": len(y)}
    figures |= _in_perspective(C, accuracy, len(y), model.probabilities(subset), y, known)
    if not known.all():
        figures["examples_of_unknown_classes"] = int((~known).sum())
    return figures | {"confusion_matrix": C, "per_class": list(_by_class(C, class_names))}


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
