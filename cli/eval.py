"""hw5 eval"""

import json
import math

import click

from hw5.train.checkpoint import Checkpoint
from hw5.cli import options
from hw5.cli.display import loss_name, print_tables, say, table
from hw5.tables.labels import UNKNOWN
from hw5.devices import open_device
from hw5.errors import InputError
from hw5.metrics import (
    balanced_accuracy,
    calibration_error,
    confusion_matrix,
    precision_recall_f1,
    roc_auc,
    wilson_interval,
)
from hw5.train.run import Model

_MOST_CLASSES = 10_000  # whose confusion matrix takes 800 MB
_MOST_COLUMNS = 1_000  # of a table


@click.command("eval")
@click.argument("checkpoint", type=click.Path())
@options.data(None, "Data to evaluate on.  [default: the data the model was trained on]")
@options.split
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@options.device
@options.threads
def command(checkpoint, data, test, label_column, data_dir, split, as_json, device_name, threads):
    """Evaluate a model on labelled data.

    \b
    hw5 eval model.npz                      the test split of its own data
    hw5 eval model.npz --data new.csv       other data
    """
    model = Checkpoint.load(checkpoint)
    dataset, subset = options.load_split(model, data, test, label_column, data_dir, split)
    show = _SHOW[model.settings.task]
    show(Model(open_device(device_name, threads=threads), model), subset, f"{dataset.name}, {split} split", as_json)


def _show_regression(model, subset, title, as_json):
    loss, r2, rmse = model.regression_figures(subset)
    if as_json:
        say(_json({"r2": r2, "rmse": rmse, "loss": loss, "examples": len(subset.rows)}))
    else:
        say(f"{title}: R² {r2:.4f}, RMSE {rmse:.4g} ({len(subset.rows):,} examples)")


def _show_classification(model, subset, title, as_json):
    class_names = model.checkpoint.class_names
    if len(class_names) > _MOST_CLASSES:
        raise InputError(
            f"the model has {len(class_names):,} classes; hw5 eval counts mistakes for up to {_MOST_CLASSES:,}"
        )
    loss, accuracy, classes = model.evaluate(subset)
    y = subset.examples.y[subset.rows]
    known = y != UNKNOWN
    C = confusion_matrix(y[known], classes[known], len(class_names))
    per_class = [
        {"class": name, "precision": p, "recall": r, "f1": f1, "examples": int(n)}
        for name, p, r, f1, n in zip(class_names, *map(list, precision_recall_f1(C)), C.sum(axis=1))
    ]
    more = _more_figures(C, accuracy, len(y), model.probabilities(subset), y, known)
    if as_json:
        figures = {"accuracy": accuracy, "loss": loss, "examples": len(subset.rows)} | more
        figures |= {} if known.all() else {"examples_of_unknown_classes": int((~known).sum())}
        say(_json(figures | {"confusion_matrix": C.tolist(), "per_class": per_class}))
        return
    loss_is = f"{loss_name(model.checkpoint.settings)} {loss:.4f}"
    say(f"{title}: accuracy {accuracy:.2%}, {loss_is} ({len(subset.rows):,} examples)")
    say(_in_words(more))
    print_tables(_per_class_table(per_class), *_confusion_tables(C, class_names))


def _more_figures(C, accuracy, n, P, y, known):
    """Figures that put the accuracy into perspective, by name."""
    figures = {"accuracy_interval": list(wilson_interval(accuracy * n, n))}
    if known.any():
        figures |= {"commonest_class": float(C.sum(axis=1).max() / n), "balanced_accuracy": balanced_accuracy(C)}
    if P is not None and known.any():
        if P.shape[1] == 2:
            figures["roc_auc"] = roc_auc(y[known], P[known, 1])
        figures["calibration_error"] = calibration_error(P[known], y[known])
    return figures


def _in_words(figures):
    low, high = figures["accuracy_interval"]
    words = [f"95 % interval of the accuracy {low:.1%} to {high:.1%}"]
    words += [f"{name.replace('_', ' ')} {figures[name]:.1%}" for name in _PERCENT if name in figures]
    if "roc_auc" in figures:
        words.append(f"ROC AUC {figures['roc_auc']:.3f}")
    return "; ".join(words)


_PERCENT = ("commonest_class", "balanced_accuracy", "calibration_error")
_SHOW = {"regression": _show_regression, "classification": _show_classification}


def _json(figures):
    """The figures as JSON; nan and infinity become null."""
    finite = {name: None if isinstance(x, float) and not math.isfinite(x) else x for name, x in figures.items()}
    return json.dumps(finite)


def _per_class_table(per_class):
    rows = table("class", "precision", "recall", "F1", "examples")
    for row in per_class:
        ratios = (f"{row[name]:.3f}" for name in ("precision", "recall", "f1"))
        rows.add_row(row["class"], *ratios, str(row["examples"]))
    return rows


def _confusion_tables(C, class_names):
    """The confusion matrix as a table, unless it is too wide to be one."""
    if len(class_names) > _MOST_COLUMNS:
        return
    rows = table("true \\ predicted", *class_names)
    for name, row in zip(class_names, C):
        rows.add_row(name, *(str(n or ".") for n in row))
    yield rows
