"""What `hw5 train` is asked to do: by options, or by a checkpoint that it goes on from."""

import os
from dataclasses import asdict, replace
from typing import NamedTuple

import click

from hw5.datasets import BUILT_IN
from hw5.errors import InputError
from hw5.train.settings import Settings

DEFAULT = Settings()
# Defaults by the loss, where they are not those of the others; the squared loss is steeper, and diverges sooner
DEFAULTS_BY_LOSS = {"perceptron": {"batch_size": 1, "lr": 1.0}, "squared": {"lr": 0.01}}

# The options that a resumed training may be given anew; the others are those of its checkpoint
_MAY_CHANGE = ("epochs",)
_NOT_OF_THE_TRAINING = (
    "resume",
    "out",
    "checkpoint_every",
    "keep",
    "log",
    "tensorboard",
    "plot",
    "device_name",
    "threads",
    "precision",
    "data_dir",
)


class Plan(NamedTuple):
    """The settings of a training, and the arguments of hw5.datasets.load for its data."""

    settings: Settings
    task: str
    data: str
    test: str | None
    label_column: str | None


def new_plan(model, hidden, task, loss, data, test, label_column, **settings):
    """The plan that the options make; a combination that makes no sense is an InputError."""
    if model != "mlp" and (hidden or settings["activation"] != DEFAULT.activation):
        flag = "--hidden" if hidden else "--activation"
        raise InputError(f"{flag} needs --model mlp: a {model} model has no hidden layers")
    if model == "perceptron" and (loss or task == "regression"):
        flag = "--loss" if loss else "--task"
        raise InputError(f"--model perceptron finds classes by a rule of its own; leave {flag} out")
    if loss and (task == "regression") != (loss == "squared"):
        raise InputError(f"--loss {loss} is not for --task {task}; leave it out for the usual one")
    loss = "perceptron" if model == "perceptron" else loss or ("squared" if task == "regression" else "cross-entropy")
    for name in ("batch_size", "lr"):
        if settings[name] is None:
            settings[name] = DEFAULTS_BY_LOSS.get(loss, {}).get(name, getattr(DEFAULT, name))
    hidden = (hidden or DEFAULT.hidden) if model == "mlp" else ()
    return Plan(Settings(hidden=hidden, loss=loss, **settings), task, data, test, label_column)


def resumed_plan(checkpoint, path, given):
    """The plan of the training that wrote the checkpoint at path, with what may change as it is given now.

    given holds the options on the command line, by name. Raises InputError for one that says otherwise than the
    checkpoint, where that cannot be.
    """
    settings, data = checkpoint.settings, checkpoint.data
    data.require_at_hand()
    ours = asdict(settings) | {"model": settings.model, "task": settings.task, "data": data.source, "test": data.test}
    ours |= {"label_column": data.label_column}
    for name, value in given.items():
        if name in _NOT_OF_THE_TRAINING or name in _MAY_CHANGE:
            continue
        if name in ("data", "test") and value not in BUILT_IN:
            value = os.path.abspath(os.path.expanduser(value))
        if value != ours[name]:
            flag = "--" + name.replace("_", "-")
            raise InputError(f"{flag} cannot change when a training goes on: in {path} it is {_written(ours[name])}")
    changes = {name: given[name] for name in _MAY_CHANGE if name in given}
    if settings.schedule == "cosine" and changes.get("epochs", settings.epochs) != settings.epochs:
        raise InputError(
            f"--epochs cannot change when a training goes on whose learning rate falls as a cosine over all of its "
            f"{settings.epochs} epochs"
        )
    return Plan(replace(settings, **changes), settings.task, data.source, data.test, data.label_column)


def given_options(ctx):
    """The options that are given, by name, on the command line or by --config."""
    given = (click.core.ParameterSource.COMMANDLINE, click.core.ParameterSource.DEFAULT_MAP)
    return {name: value for name, value in ctx.params.items() if ctx.get_parameter_source(name) in given}


def _written(value):
    """A setting as an option has it."""
    if isinstance(value, tuple):
        return ",".join(map(str, value)) or "none"
    return "not given" if value in (None, False) else value
