"""The plan of a training run: its settings, and how its data are loaded."""

from functools import partial
from typing import NamedTuple

from hw5.datasets import load
from hw5.datasets.preprocessing import training_rows
from hw5.errors import InputError, require_known
from hw5.nn.hidden import LENET
from hw5.nn.losses import LOSSES
from hw5.tables.table import Reading
from hw5.train.defaults import settings_for
from hw5.train.settings import Settings

DEFAULT = Settings()
MODELS = ("linear", "mlp", "lenet", "perceptron")
_LOSSES = {"classification": "cross-entropy", "multilabel": "multilabel-cross-entropy", "regression": "squared"}
TASKS = tuple(_LOSSES)
_SOME = 1000  # training examples, before their number is known


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
        return partial(self._training_rows, has_test=self.test is not None)

    def for_data(self, dataset):
        """The plan with the settings that are chosen by the number of training examples."""
        return self._replace(settings=settings_for(self.examples_to_train_on(dataset), **self.given))

    def examples_to_train_on(self, dataset):
        """The number of training examples."""
        return len(self._training_rows(dataset.train.y, dataset.test is not None))

    def _training_rows(self, y, has_test):
        settings = self.settings
        return training_rows(y, has_test, settings.validation, settings.holdout, settings.seed_of_splits)


def new_plan(model, hidden, task, loss, data, test, label_column, reading=Reading(), **settings):
    """The plan for these options. Raises InputError if one is unknown, or if they contradict each other."""
    require_known("model", model, MODELS)
    require_known("task", task, TASKS)
    if loss is not None:
        require_known("loss", loss, tuple(LOSSES))
    if model == "lenet" and hidden:
        raise InputError(
            f"--hidden cannot be used with --model lenet, which is --hidden {written_option(LENET)}; leave one out"
        )
    if model in ("linear", "perceptron") and (hidden or settings["activation"] != DEFAULT.activation):
        flag = "--hidden" if hidden else "--activation"
        raise InputError(f"{flag} needs --model mlp: a {model} model has no hidden layers")
    if model == "perceptron" and (loss or task != "classification"):
        flag = "--loss" if loss else "--task"
        raise InputError(f"{flag} cannot be used with --model perceptron; leave it out")
    if loss and LOSSES[loss].task != task:
        raise InputError(f"--loss {loss} cannot be used with --task {task}; leave it out to use the default")
    loss = "perceptron" if model == "perceptron" else loss or _LOSSES[task]
    hidden = {"mlp": hidden or DEFAULT.hidden, "lenet": LENET}.get(model, ())
    given = settings | {"hidden": hidden, "loss": loss}
    return Plan(settings_for(_SOME, **given), task, data, test, label_column, reading, given)


def written_option(value):
    """A setting as written on the command line."""
    if isinstance(value, tuple):
        return ",".join(map(str, value)) or "none"
    return "not given" if value in (None, False) else value
