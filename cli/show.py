"""hw5 show"""

import json
from dataclasses import asdict

import click

from hw5.train.checkpoint import Checkpoint
from hw5.cli.display import say
from hw5.cli.plan import DEFAULT


@click.command("show")
@click.argument("checkpoint", type=click.Path())
def command(checkpoint):
    """Show how a model was trained, as a configuration for hw5 train --config.

    \b
    hw5 show model.npz > again.toml
    hw5 train --config again.toml --epochs 100
    """
    model = Checkpoint.load(checkpoint)
    for line in (*_summary(model, checkpoint), *_configuration(model)):
        say(line)


def _summary(model, path):
    """A summary of the checkpoint, as comments."""
    settings, state = model.settings, model.state
    sizes = [W.shape[1] for W, _ in model.parameters] + [len(model.parameters[-1][1])]
    numbers = sum(W.size + b.size for W, b in model.parameters)
    yield f"# {path}: {settings.model} {'-'.join(map(str, sizes))}, {numbers:,} parameters"
    if model.class_names:
        names = ", ".join(model.class_names[:20]) + (", ..." if len(model.class_names) > 20 else "")
        yield f"# {len(model.class_names)} classes: {names}"
    partial = f", and {state.done:,} examples of epoch {state.epoch}" if 0 < state.done else ""
    yield f"# trained {len(model.history)} of at most {settings.epochs} epochs{partial}"
    if state.ending:
        yield f"# {state.ending}"
    for row in model.history[-1:]:
        figures = ((name.replace("_", " "), figure) for name, figure in row.items() if name != "epoch")
        yield "# " + ", ".join(f"{name} {figure:.4f}" for name, figure in figures if figure is not None)
    yield ""


def _configuration(model):
    """The options of the training, as lines of TOML; options that are not set are omitted."""
    settings = model.settings
    options = {"model": settings.model, "task": settings.task}
    if settings.loss == "binary-cross-entropy":  # model and task determine the other losses
        options["loss"] = settings.loss
    options |= {"data": model.data.source, "test": model.data.test, "label_column": model.data.label_column}
    options |= {name: value for name, value in asdict(settings).items() if name != "loss"}
    for name, value in options.items():
        if value is not None and (value or value != getattr(DEFAULT, name, None)) and value != ():
            yield f"{name.replace('_', '-')} = {json.dumps(value, ensure_ascii=False)}"
