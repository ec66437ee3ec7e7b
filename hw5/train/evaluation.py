"""The figures of a model on labelled examples, which may come in parts."""

from dataclasses import dataclass

import numpy as np

from hw5.datasets import Examples, examined
from hw5.datasets.preprocessing import Subset
from hw5.metrics import (
    SparseConfusions,
    balanced_accuracy,
    calibration_error,
    confusion_matrix,
    precision_recall_f1,
    r2_and_rmse,
    roc_auc,
    wilson_interval,
)
from hw5.tables.labels import UNKNOWN

MOST_DENSE = 100  # classes of a whole confusion matrix
_AT_LEAST = 1 << 14  # examples of a part


def evaluation(model, subset):
    """Figures of a Predictor on a Subset by name, as hw5 eval --json prints them.

    Of a regression: r2, rmse (in units of the targets), loss and examples; for several targets, r2 and rmse are means,
    and per_target has those of each. Of a classification: accuracy, loss, examples, accuracy_interval (95 %, Wilson),
    commonest_class (the share of it), balanced_accuracy, calibration_error and, for two classes, roc_auc;
    confusion_matrix (classes, classes), whose rows are the true classes, or for more than 100 classes its cells that
    are not 0, as lists true, predicted (indices of classes) and examples; and per_class, a dictionary for each class.
    Of several labels: accuracy (the share of examples with all of them right), loss, examples, accuracy_interval,
    label_accuracy (the share of right labels) and per_label, a dictionary for each label.
    """
    return evaluation_of_parts(model, [subset])


def evaluation_of_parts(model, subsets):
    """As evaluation, of all Subsets of an iterable together, of which one at a time is in memory."""
    its = model.checkpoint
    outcomes = _joined([_outcomes(model, subset) for subset in subsets])
    return _FIGURES[its.settings.task](outcomes, its.class_names or its.target_names)


def evaluation_of_stream(model, stream, dataset, split):
    """As evaluation, of StreamedExamples and their Dataset, which is returned as well, with its labels and notes.

    Which examples a split of the training data has is known when all labels are, so these are read twice.
    """
    size = model.chunk * -(-_AT_LEAST // model.chunk)  # so that the same examples are evaluated at once as in memory

    def subsets(chosen=None):
        return (Subset.whole(Examples(*part)) for part in stream.parts(size, chosen))

    figures = None
    while not stream.is_settled:
        if dataset.source == model.checkpoint.data.source:
            _exhaust(stream.parts(size))
        else:
            figures = evaluation_of_parts(model, subsets())
    dataset = examined(dataset, stream)
    chosen = model.checkpoint.subset(dataset, split, stream.digests).rows
    if figures is None or len(chosen) < len(stream.y):
        figures = evaluation_of_parts(model, subsets(chosen))
    return figures, dataset


def _exhaust(parts):
    for _ in parts:
        pass


@dataclass(frozen=True)
class _Outcomes:
    """What is kept of n examples: a few numbers each, and not their features."""

    y: np.ndarray  # (n,), classes, which may be UNKNOWN, or targets; (n, q) of several targets or labels
    predicted: np.ndarray  # as y
    loss: float  # the mean of those with a known class; NaN if there are none
    confidence: np.ndarray | None = None  # (n,) the largest probability; None without probabilities
    is_likeliest: np.ndarray | None = None  # (n,) whether that is the probability of y
    score: np.ndarray | None = None  # (n,) the probability of class 1, of two

    @property
    def known(self):
        return self.y != UNKNOWN if self.y.ndim == 1 and self.y.dtype.kind == "i" else np.ones(len(self.y), bool)


def _outcomes(model, subset):
    y, task = subset.examples.y[subset.rows], model.checkpoint.settings.task
    if task == "regression":
        loss, predicted = model.regress(subset)
        return _Outcomes(y, predicted, loss)
    loss, classes, P = model.evaluate(subset)
    if task == "multilabel":
        return _Outcomes(y, P > 0.5, loss)
    classes = classes.astype(np.int32)
    if P is None:
        return _Outcomes(y, classes, loss)
    score = P[:, 1].copy() if P.shape[1] == 2 else None
    return _Outcomes(y, classes, loss, P.max(axis=1), P.argmax(axis=1) == y, score)


def _joined(parts):
    if len(parts) == 1:
        return parts[0]
    counts = np.array([np.count_nonzero(part.known) for part in parts])
    losses = np.array([part.loss for part in parts])
    loss = float(losses[counts > 0] @ counts[counts > 0] / counts.sum()) if counts.any() else np.nan
    names = ("y", "predicted", "confidence", "is_likeliest", "score")
    arrays = {name: [getattr(part, name) for part in parts] for name in names}
    return _Outcomes(
        loss=loss, **{name: None if each[0] is None else np.concatenate(each) for name, each in arrays.items()}
    )


def _of_numbers(outcomes, names):
    y, predicted = outcomes.y, outcomes.predicted
    r2, rmse = r2_and_rmse(y, predicted)
    figures = {"r2": r2, "rmse": rmse, "loss": outcomes.loss, "examples": len(y)}
    each = [(name, *r2_and_rmse(*pair)) for name, *pair in zip(names, y.T, predicted.T)]
    return figures | ({"per_target": [dict(zip(("target", "r2", "rmse"), row)) for row in each]} if each else {})


def _of_labels(outcomes, names):
    y, is_right, n = outcomes.y, outcomes.predicted == outcomes.y, len(outcomes.y)
    correct = int(is_right.all(axis=1).sum())
    figures = {"accuracy": correct / n, "loss": outcomes.loss, "examples": n}
    figures |= {"accuracy_interval": list(wilson_interval(correct, n)), "label_accuracy": float(is_right.mean())}
    return figures | {"per_label": list(_by_label(y, outcomes.predicted, names))}


def _by_label(y, predicted, names):
    for name, *pair in zip(names, y.T, predicted.T):
        p, r, f1 = (float(figure[1]) for figure in precision_recall_f1(confusion_matrix(*pair, 2)))
        yield {"label": name, "precision": p, "recall": r, "f1": f1, "examples": int(pair[0].sum())}


def _of_classes(outcomes, class_names):
    y, known, n = outcomes.y, outcomes.known, len(outcomes.y)
    C = SparseConfusions.of(y[known], outcomes.predicted[known], len(class_names))
    accuracy = float(np.count_nonzero(outcomes.predicted[known] == y[known]) / n)
    figures = {"accuracy": accuracy, "loss": outcomes.loss, "examples": n} | _in_perspective(C, accuracy, outcomes)
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


def _in_perspective(C, accuracy, outcomes):
    """Figures that put the accuracy into perspective, by name."""
    y, known, n = outcomes.y, outcomes.known, len(outcomes.y)
    figures = {"accuracy_interval": list(wilson_interval(accuracy * n, n))}
    if known.any():
        figures |= {"commonest_class": float(C.sum(axis=1).max() / n), "balanced_accuracy": balanced_accuracy(C)}
    if outcomes.confidence is not None and known.any():
        if outcomes.score is not None:
            figures["roc_auc"] = roc_auc(y[known], outcomes.score[known])
        each = outcomes.confidence[known], outcomes.is_likeliest[known]
        figures["calibration_error"] = calibration_error(*each)
    return figures


def _by_class(C, class_names):
    for name, p, r, f1, n in zip(class_names, *map(list, precision_recall_f1(C)), C.sum(axis=1)):
        yield {"class": name, "precision": float(p), "recall": float(r), "f1": float(f1), "examples": int(n)}


_FIGURES = {"classification": _of_classes, "multilabel": _of_labels, "regression": _of_numbers}  # by task
