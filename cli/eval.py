"""hw5 eval"""

import json
import math

import click

from hw5.train.checkpoint import Checkpoint
from hw5.cli import options
from hw5.cli.display import loss_name, print_tables, table
from hw5.devices import open_device
from hw5.metrics import confusion_matrix, precision_recall_f1
from hw5.train.run import Model


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
        click.echo(_json({"r2": r2, "rmse": rmse, "loss": loss, "examples": len(subset.rows)}))
    else:
        click.echo(f"{title}: R² {r2:.4f}, RMSE {rmse:.4g} ({len(subset.rows):,} examples)")


def _show_classification(model, subset, title, as_json):
    loss, accuracy, classes = model.evaluate(subset)
    class_names = model.checkpoint.class_names
    C = confusion_matrix(subset.examples.y[subset.rows], classes, len(class_names))
    per_class = [
        {"class": name, "precision": p, "recall": r, "f1": f1, "examples": int(n)}
        for name, p, r, f1, n in zip(class_names, *map(list, precision_recall_f1(C)), C.sum(axis=1))
    ]
    if as_json:
        figures = {"accuracy": accuracy, "loss": loss, "examples": len(subset.rows)}
        click.echo(_json(figures | {"confusion_matrix": C.tolist(), "per_class": per_class}))
        return
    loss_is = f"{loss_name(model.checkpoint.settings)} {loss:.4f}"
    click.echo(f"{title}: accuracy {accuracy:.2%}, {loss_is} ({len(subset.rows):,} examples)")
    print_tables(_per_class_table(per_class), _confusion_table(C, class_names))


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


def _confusion_table(C, class_names):
    rows = table("true \\ predicted", *class_names)
    for name, row in zip(class_names, C):
        rows.add_row(name, *(str(n or ".") for n in row))
    return rows
