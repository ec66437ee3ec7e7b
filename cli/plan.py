"""The plan of a run that resumes, and the options that were given."""

from dataclasses import asdict, replace

import click

from hw5.datasets import BUILT_IN
from hw5.errors import InputError
from hw5.tables.table import Reading, columns_of
from hw5.train.plan import Plan, written_option

# Options that may be changed when resuming: settings, and options that are not settings
_MAY_CHANGE = ("epochs", "slices")
_NOT_SETTINGS = (
    "resume",
    "config_file",
    "as_json",
    "folds",
    "restarts",
    "out",
    "checkpoint_every",
    "keep",
    "log",
    "tensorboard",
    "plot",
    "watch",
    "device_name",
    "threads",
    "precision",
    "persistent",
    "data_dir",
)


def resumed_plan(checkpoint, path, given):
    """The plan to resume the checkpoint read from path, with the given options, by name.

    Raises InputError if one differs from the checkpoint and cannot be changed.
    """
    settings, data = checkpoint.settings, checkpoint.data
    if "data" not in given:
        data.require_loadable()
    ours = asdict(settings) | {"model": settings.model, "task": settings.task, "data": data.source, "test": data.test}
    reading = data.reading or Reading()
    ours |= {"label_column": data.label_column} | asdict(reading)
    moved = {name: given[name] for name in ("data", "test") if name in given}  # the digest of the data decides
    for name, value in given.items():
        if name in _NOT_SETTINGS or name in _MAY_CHANGE or name in moved and value not in BUILT_IN:
            continue
        if name in ("drop", "only", "categorical"):
            value = columns_of(value)
        if name == "model" and value == "mlp" and ours[name] == "lenet":
            continue  # with LeNet's hidden layers
        if value != ours[name]:
            flag = "--" + name.replace("_", "-")
            raise InputError(f"{flag} cannot be changed when resuming: in {path} it is {written_option(ours[name])}")
    changes = {name: given[name] for name in _MAY_CHANGE if name in given}
    if settings.schedule == "cosine" and changes.get("epochs", settings.epochs) != settings.epochs:
        raise InputError(
            f"--epochs cannot be changed when resuming: the cosine schedule was set for {settings.epochs} epochs"
        )
    source, test = moved.get("data", data.source), moved.get("test", data.test)
    return Plan(replace(settings, **changes), settings.task, source, test, data.label_column, reading)


def require_same_arithmetic(checkpoint, path, stepper, given):
    """Raise InputError if a Stepper would round differently than the checkpoint's training, unless it was asked for."""
    was, now = checkpoint.arithmetic, stepper.arithmetic
    is_asked = given.get("device_name", "auto") != "auto" and not stepper.is_fallback
    if was == now or is_asked:
        return
    name = "numpy" if stepper.is_fallback else stepper.device.name
    raise InputError(
        f"{path} was trained by {was}, and here {now} would continue ({stepper.how}) with other "
        f"rounding errors; to resume anyway, add --device {name}"
    )


def given_options(ctx):
    """The options given on the command line or by --config, by name."""
    given = (click.core.ParameterSource.COMMANDLINE, click.core.ParameterSource.DEFAULT_MAP)
    return {name: value for name, value in ctx.params.items() if ctx.get_parameter_source(name) in given}
