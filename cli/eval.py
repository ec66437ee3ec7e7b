"""hw5 eval"""

import click

from hw5.cli import options
from hw5.cli.display import figures_as_json, loss_name, print_tables, say, table, waiting
from hw5.cli.parameter_types import File
from hw5.datasets import open_labelled
from hw5.train.checkpoint import Checkpoint
from hw5.train.evaluation import evaluation, evaluation_of_stream, worst_mistakes
from hw5.train.predictor import Predictor

_MOST_ROWS = 30  # of a table; for more classes, the worst are shown
_WORST = 10


@click.command("eval")
@click.argument("checkpoint", type=File())
@options.data(None, "Data to evaluate on.  [default: the data the model was trained on]")
@options.split
@options.as_json()
@options.device
@options.threads
def command(checkpoint, data, test, label_column, data_dir, split, as_json, device_name, threads):
    """Evaluate a model on labelled data.

    \b
    hw5 eval model.npz                      the test split of its own data
    hw5 eval model.npz --data new.csv       other data

    With more than 30 classes, only the worst are printed. --json prints all. With more than 100 classes, its confusion
    matrix is sparse: the lists true and predicted (indices of classes) and examples have the cells that are not 0.
    """
    model = Checkpoint.load(checkpoint)
    trained = Predictor(options.open_named(device_name, threads=threads), model)
    figures, dataset = _evaluated(trained, data, test, label_column, data_dir, split)
    if as_json:
        say(_json(figures))
    else:
        _SHOW[model.settings.task](figures, trained, f"{dataset.name}, {split} split")


def _evaluated(model, data, test, label_column, data_dir, split):
    """The figures, and the Dataset; a table is read in parts, and never all in memory."""
    its = model.checkpoint
    source, test = options.data_of(its, data, test)
    with waiting(f"reading {source}"):
        opened = None if test else open_labelled(source, its.schema, label_column)
        if opened:
            figures, dataset = evaluation_of_stream(model, *opened, split)
    if opened:
        options.warn_of(dataset)
        return figures, dataset
    dataset, subset = options.load_split(its, data, test, label_column, data_dir, split)
    with waiting("evaluating"):
        return evaluation(model, subset), dataset


def _show_regression(figures, model, title):
    mean = "mean " if "per_target" in figures else ""
    say(f"{title}: {mean}R² {figures['r2']:.4f}, {mean}RMSE {figures['rmse']:.4g} ({figures['examples']:,} examples)")
    if mean:
        rows = table("target", "R²", "RMSE")
        for row in figures["per_target"][:_MOST_ROWS]:
            rows.add_row(row["target"], f"{row['r2']:.4f}", f"{row['rmse']:.4g}")
        print_tables(rows)


def _show_labels(figures, model, title):
    loss_is = f"{loss_name(model.checkpoint.settings)} {figures['loss']:.4f}"
    say(f"{title}: all labels right {figures['accuracy']:.2%}, {loss_is} ({figures['examples']:,} examples)")
    low, high = figures["accuracy_interval"]
    say(f"95 % interval of this share {low:.1%} to {high:.1%}; right labels {figures['label_accuracy']:.1%}")
    print_tables(_per_class_table(figures["per_label"][:_MOST_ROWS], "label"))


def _show_classification(figures, model, title):
    loss_is = f"{loss_name(model.checkpoint.settings)} {figures['loss']:.4f}"
    say(f"{title}: accuracy {figures['accuracy']:.2%}, {loss_is} ({figures['examples']:,} examples)")
    say(_in_words(figures))
    C, class_names, per_class = figures["confusion_matrix"], model.checkpoint.class_names, figures["per_class"]
    if len(class_names) <= _MOST_ROWS:
        print_tables(_per_class_table(per_class), _confusion_table(C, class_names))
        return
    worst = sorted((row for row in per_class if row["examples"]), key=lambda row: row["f1"])[:_WORST]
    print_tables(_per_class_table(worst), _mistakes_table(worst_mistakes(C, _WORST), class_names))
    say(f"These are the worst of {len(class_names):,} classes; hw5 eval --json prints all of them and of the mistakes.")


def _in_words(figures):
    low, high = figures["accuracy_interval"]
    words = [f"95 % interval of the accuracy {low:.1%} to {high:.1%}"]
    words += [f"{name.replace('_', ' ')} {figures[name]:.1%}" for name in _PERCENT if name in figures]
    if "roc_auc" in figures:
        words.append(f"ROC AUC {figures['roc_auc']:.3f}")
    return "; ".join(words)


_PERCENT = ("commonest_class", "balanced_accuracy", "calibration_error")
_SHOW = {"regression": _show_regression, "multilabel": _show_labels, "classification": _show_classification}


def _json(figures):
    """The figures as JSON; nan and infinity become null."""
    C = figures.get("confusion_matrix")
    if hasattr(C, "tolist"):
        figures = figures | {"confusion_matrix": C.tolist()}
    return figures_as_json(figures)


def _per_class_table(per_class, kind="class"):
    rows = table(kind, "precision", "recall", "F1", "examples")
    for row in per_class:
        ratios = (f"{row[name]:.3f}" for name in ("precision", "recall", "f1"))
        rows.add_row(row[kind], *ratios, str(row["examples"]))
    return rows


def _confusion_table(C, class_names):
    rows = table("true \\ predicted", *class_names)
    for name, row in zip(class_names, C):
        rows.add_row(name, *(str(n or ".") for n in row))
    return rows


def _mistakes_table(mistakes, class_names):
    rows = table("true", "predicted as", "examples")
    for true, predicted, n in mistakes:
        rows.add_row(class_names[true], class_names[predicted], str(n))
    return rows
