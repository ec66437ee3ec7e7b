"""The plan of a training run, from options or from a checkpoint to resume."""

from dataclasses import asdict, replace
from functools import partial
from typing import NamedTuple

import click
from hw5.datasets import BUILT_IN, load
from hw5.datasets.preprocessing import training_rows
from hw5.nn.hidden import LENET
from hw5.tables.table import Reading
from hw5.errors import InputError
from hw5.train.defaults import settings_for
from hw5.train.settings import Settings

DEFAULT = Settings()
_SOME = 1000  # training examples, before their number is known

# Options that may be changed when resuming: settings, and options that are not settings
_MAY_CHANGE = ("epochs",)
_NOT_SETTINGS = (
    "resume",
    "as_json",
    "folds",
    "restarts",
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
    """The settings of a run, and the arguments of hw5.datasets.load for its data."""

    settings: Settings
    task: str
    data: str
    test: str | None
    label_column: str | None
    reading: Reading = Reading()
    given: dict = {}  # the settings that do not depend on the data

    def loader(self, data_dir):
        """load with these arguments, but for the test set, the schema and the training rows."""
        known = {"label_column": self.label_column, "task": self.task, "reading": self.reading}
        return partial(load, self.data, data_dir=data_dir, **known)

    @property
    def rows_to_train_on(self):
        """The argument training_rows of load."""
        settings = self.settings
        split = {"validation": settings.validation, "holdout": settings.holdout, "seed": settings.seed_of_splits}
        return partial(training_rows, has_test=self.test is not None, **split)

    def for_data(self, dataset):
        """The plan with the settings that are chosen by the number of training examples."""
        return self._replace(settings=settings_for(self.examples_to_train_on(dataset), **self.given))

    def examples_to_train_on(self, dataset):
        """The number of training examples."""
        settings = self.settings
        split = settings.validation, settings.holdout, settings.seed_of_splits
        return len(training_rows(dataset.train.y, dataset.test is not None, *split))


def new_plan(model, hidden, task, loss, data, test, label_column, reading=Reading(), **settings):
    """The plan for these options. Raises InputError if they contradict each other."""
    if model == "lenet" and hidden:
        raise InputError(
            f"--hidden cannot be used with --model lenet, which is --hidden {_written(LENET)}; leave one out"
        )
    if model in ("linear", "perceptron") and (hidden or settings["activation"] != DEFAULT.activation):
        flag = "--hidden" if hidden else "--activation"
        raise InputError(f"{flag} needs --model mlp: a {model} model has no hidden layers")
    if model == "perceptron" and (loss or task == "regression"):
        flag = "--loss" if loss else "--task"
        raise InputError(f"{flag} cannot be used with --model perceptron; leave it out")
    if loss and (task == "regression") != (loss == "squared"):
        raise InputError(f"--loss {loss} cannot be used with --task {task}; leave it out to use the default")
    loss = "perceptron" if model == "perceptron" else loss or ("squared" if task == "regression" else "cross-entropy")
    hidden = {"mlp": hidden or DEFAULT.hidden, "lenet": LENET}.get(model, ())
    given = settings | {"hidden": hidden, "loss": loss}
    return Plan(settings_for(_SOME, **given), task, data, test, label_column, reading, given)


def resumed_plan(checkpoint, path, given):
    """The plan to resume the checkpoint read from path, with the given options, by name.

    Raises InputError if one differs from the checkpoint and cannot be changed.
    """
    settings, data = checkpoint.settings, checkpoint.data
    data.require_loadable()
    ours = asdict(settings) | {"model": settings.model, "task": settings.task, "data": data.source, "test": data.test}
    reading = data.reading or Reading()
    ours |= {"label_column": data.label_column} | asdict(reading)
    moved = {name: given[name] for name in ("data", "test") if name in given}  # the digest of the data decides
    for name, value in given.items():
        if name in _NOT_SETTINGS or name in _MAY_CHANGE or name in moved and value not in BUILT_IN:
            continue
        if name in ("drop", "only", "categorical"):
            value = tuple(part.strip() for part in value.split(","))
        if name == "model" and value == "mlp" and ours[name] == "lenet":
            continue  # with LeNet's hidden layers
        if value != ours[name]:
            flag = "--" + name.replace("_", "-")
            raise InputError(f"{flag} cannot be changed when resuming: in {path} it is {_written(ours[name])}")
    changes = {name: given[name] for name in _MAY_CHANGE if name in given}
    if settings.schedule == "cosine" and changes.get("epochs", settings.epochs) != settings.epochs:
        raise InputError(
            f"--epochs cannot be changed when resuming: the cosine schedule was set for {settings.epochs} epochs"
        )
    source, test = moved.get("data", data.source), moved.get("test", data.test)
    return Plan(replace(settings, **changes), settings.task, source, test, data.label_column, reading)


def require_same_arithmetic(checkpoint, path, device, given):
    """Raise InputError if device would round differently than the checkpoint's training, unless it was asked for."""
    was, now = checkpoint.arithmetic, device.arithmetic
    is_asked = given.get("device_name", "auto") != "auto" and not device.is_fallback
    if was == now or is_asked:
        return
    name = "numpy" if device.is_fallback else device.name
    raise InputError(
        f"{path} was trained by {was}, and here {now} would continue ({device.how}) with other "
        f"rounding errors; to resume anyway, add --device {name}"
    )


def given_options(ctx):
    """The options given on the command line or by --config, by name."""
    given = (click.core.ParameterSource.COMMANDLINE, click.core.ParameterSource.DEFAULT_MAP)
    return {name: value for name, value in ctx.params.items() if ctx.get_parameter_source(name) in given}


def _written(value):
    """A setting as written on the command line."""
    if isinstance(value, tuple):
        return ",".join(map(str, value)) or "none"
    return "not given" if value in (None, False) else value
