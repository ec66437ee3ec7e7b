"""hw5 show"""

import json
from dataclasses import asdict

import click

from hw5.cli.display import say
from hw5.cli.options import as_json
from hw5.cli.parameter_types import File
from hw5.nn.hidden import written
from hw5.tables.descriptions import described
from hw5.tables.table import Reading
from hw5.text import encodable, printable, toml_string
from hw5.train.checkpoint import Checkpoint
from hw5.train.defaults import CHOSEN
from hw5.train.plan import DEFAULT


@click.command("show")
@click.argument("checkpoint", type=File())
@as_json()
def command(checkpoint, as_json):
    """Show how a model was trained, as a configuration for hw5 train --config.

    \b
    hw5 show model.npz > again.toml
    hw5 train --config again.toml --epochs 100
    """
    model = Checkpoint.load(checkpoint)
    if as_json:
        say(json.dumps(_as_json(model)))
        return
    for line in (*_summary(model, checkpoint), *_configuration(model)):
        say(line)


def _as_json(model):
    """What the summary and the configuration say, for JSON."""
    its = model.settings
    return {
        "model": its.model,
        "layers": written(model.layers()),
        "parameters": sum(W.size + b.size for W, b in model.parameters),
        "class_names": model.class_names,
        "target_names": model.target_names,
        "feature_names": model.feature_names,
        "image_shape": model.image_shape,
        "columns": asdict(model.columns)["each"] if model.columns else None,
        "data": {name: value for name, value in asdict(model.data).items() if name != "digest"},
        "settings": asdict(its),
        "epochs_trained": len(model.history),
        "ending": model.state.ending,
        "history": model.history,
    }


def _summary(model, path):
    """A summary of the checkpoint, as comments of one line each."""
    settings, state = model.settings, model.state
    numbers = sum(W.size + b.size for W, b in model.parameters)
    yield _comment(f"{path}: {settings.model} {written(model.layers())}, {numbers:,} parameters")
    if model.class_names:
        names = ", ".join(model.class_names[:20]) + (", ..." if len(model.class_names) > 20 else "")
        yield _comment(f"{len(model.class_names)} classes: {names}")
    if model.target_names:
        kind = "labels" if settings.task == "multilabel" else "targets"
        names = ", ".join(model.target_names[:20]) + (", ..." if len(model.target_names) > 20 else "")
        yield _comment(f"{len(model.target_names)} {kind}: {names}")
    if model.columns:
        yield _comment(f"labels: {model.columns.label_option}")
        yield from map(_comment, described(model.columns))
    partial = f", and {state.done:,} examples of epoch {state.epoch}" if 0 < state.done else ""
    yield _comment(f"trained {len(model.history)} of at most {settings.epochs} epochs{partial}")
    if state.ending:
        yield _comment(state.ending)
    for row in model.history[-1:]:
        figures = ((name.replace("_", " "), figure) for name, figure in row.items() if name != "epoch")
        yield _comment(", ".join(f"{name} {figure:.4f}" for name, figure in figures if figure is not None))
    yield ""


def _comment(text):
    return f"# {printable(text)}"


def _configuration(model):
    """The options of the training, as lines of TOML; options that are not set are omitted."""
    settings = model.settings
    options = {"model": settings.model, "task": settings.task}
    if settings.loss == "binary-cross-entropy":  # model and task determine the other losses
        options["loss"] = settings.loss
    options |= {"data": model.data.source, "test": model.data.test, "label_column": model.data.label_column}
    options |= {name: value for name, value in asdict(settings).items() if name != "loss"}
    if settings.slices == 1:  # which has no effect but to keep ranks from sharing minibatches
        del options["slices"]
    if settings.model == "lenet":  # which says what its hidden layers are
        del options["hidden"]
    reading = asdict(model.data.reading or Reading())
    options |= {name: x for name, x in reading.items() if x != getattr(Reading(), name)}
    for name, value in options.items():
        is_default = (not value or value is True) and name not in CHOSEN and value == getattr(DEFAULT, name, None)
        if value is not None and value != () and not is_default:
            yield from _option(name.replace("_", "-"), value)


def _option(name, value):
    """The line of an option, after a comment if TOML or the option cannot hold the value."""
    if isinstance(value, dict):  # class weights, from Python
        text = ",".join(f'"{key}"={weight!r}' if "," in key else f"{key}={weight!r}" for key, weight in value.items())
        if any('"' in key for key in value):
            yield _comment(f"{name} has a name with a quote, so it can only be given in Python: {text}")
            return
        value = text
    if isinstance(value, str) and encodable(value) != value:
        yield _comment(f"{name} is not UTF-8; give it on the command line instead")
    if isinstance(value, tuple) and any(isinstance(each, str) for each in value):
        value = ",".join(map(str, value))
    yield f"{name} = {_toml(value)}"


def _toml(value):
    if isinstance(value, str):
        return toml_string(value)
    if isinstance(value, bool):
        return str(value).lower()
    return str(list(value) if isinstance(value, tuple) else value)
