"""hw5 from Python, in notebooks and scripts.

    import hw5

    model = hw5.fit("digits", hidden=64)      # or a file, arrays (X, y), or a DataFrame
    model.evaluate()["accuracy"]
    model.predict(X)                          # or a file, or a DataFrame

The arguments are those of `hw5 train`. InputError and RunError have the sentences that the program prints.
"""

import functools
import inspect
import warnings
from dataclasses import fields, replace

import numpy as np

from hw5.datasets import Dataset, load, load_inputs
from hw5.datasets.arrays import as_array
from hw5.datasets.memory import is_frame
from hw5.devices import open_device
from hw5.errors import InputError, RunError, did_you_mean, in_parameters, require_known
from hw5.interrupts import interruptible
from hw5.nn.hidden import read_hidden
from hw5.tables.descriptions import described
from hw5.tables.frames import features_of
from hw5.tables.numeric import as_features
from hw5.tables.table import Reading, as_images, columns_of
from hw5.train.advice import advice
from hw5.train.checkpoint import Checkpoint
from hw5.train.data_source import DataSource
from hw5.train.evaluation import evaluation
from hw5.train.plan import DEFAULT, TASKS, new_plan
from hw5.train.predictor import Predictor
from hw5.train.progress import with_bar
from hw5.train.run import Run
from hw5.train.settings import Range, Settings

_READING = [field.name for field in fields(Reading)]
_SETTINGS = [field.name for field in fields(Settings) if field.name not in ("hidden", "loss")]


def _in_python(function):
    """The function, whose errors name arguments instead of options: lr, not --lr."""

    @functools.wraps(function)
    def call(*arguments, **options):
        try:
            return function(*arguments, **options)
        except (InputError, RunError) as error:
            raise type(error)(in_parameters(error)) from error

    return call


@_in_python
def load_data(
    data="digits", *, test=None, label_column=None, data_dir=None, task="classification", **reading
) -> Dataset:
    """The Dataset that fit trains on: X (N, d) and y (N,) or (N, q) in train and test, class_names, target_names, ...

    data: a data set of `hw5 data list`, a path, arrays (X, y), or a DataFrame of pandas or polars. test: the same for
    the test set. label_column: the column of the labels in a table, by name or position. data_dir: the directory of
    downloaded data sets. task: classification, regression, or multilabel for several labels that are 0 or 1; for the
    last two, y may have several columns. reading: text, missing, drop, only and categorical, as for `hw5 train`. Raises
    InputError.
    """
    require_known("task", task, TASKS)
    options = {
        "label_column": _column(label_column, data),
        "data_dir": data_dir,
        "task": task,
        "reading": _reading(reading, data),
    }
    return load(_source(data), test=_source(test), **options)


@_in_python
def fit(
    data="digits",
    *,
    model: str = "mlp",
    hidden=None,
    task: str = "classification",
    loss: str | None = None,
    test=None,
    label_column: str | None = None,
    data_dir=None,
    device: str = "auto",
    threads: int | None = None,
    progress: bool = True,
    **options,
) -> "Model":
    """Train a model, as `hw5 train` does, and return it.

    data, test, label_column, data_dir: as for load_data. hidden: the units of one hidden layer, a list of them, or the
    text of --hidden. options: those of `hw5 train`, such as epochs, lr, batch_size, optimizer, seed, text, missing and
    drop. progress: show a bar. Ctrl-C ends training early, and returns the model with what it has learnt. Raises
    InputError for bad arguments, RunError if the loss is no longer finite.
    """
    reading = _reading({name: options.pop(name) for name in _READING if name in options}, data)
    for name in options:
        if name not in _SETTINGS:
            known = [*_SETTINGS, *_READING, *inspect.signature(fit).parameters]
            raise InputError(f"fit has no argument {name!r}{did_you_mean(name, known)}; help(hw5.fit) lists them")
    given = {"activation": DEFAULT.activation} | options
    label_column = _column(label_column, data)
    plan = new_plan(model, _hidden(hidden), task, loss, _source(data), _source(test), label_column, reading, **given)
    opened = _open(device, threads)
    test = {"test": plan.test} if plan.test is not None else {}
    dataset = plan.loader(data_dir)(**test, training_rows=plan.rows_to_train_on)
    source = DataSource.of(dataset, plan.test if isinstance(plan.test, str) else None, label_column, plan.reading)
    return _trained(Run(opened, dataset, plan.for_data(dataset).settings, source), progress)


@_in_python
def load_model(path, *, device: str = "auto", threads: int | None = None) -> "Model":
    """Load the Model in a checkpoint of `hw5 train --out` or Model.save. Raises InputError."""
    return Model(Checkpoint.load(path), _open(device, threads))


def _open(device, threads):
    """Open a device. threads: the maximum number of CPU threads, or None. Raises InputError."""
    Range(1, 1024, whole=True, others=(None,)).require("threads", threads)
    return open_device(device, threads=threads)


def _trained(run, progress):
    """The Model of a Run, after its training or an interrupt."""
    with interruptible() as asked:
        for now in with_bar(run.train(), run.settings.epochs) if progress else run.train():
            if asked:
                warnings.warn(
                    f"interrupted in epoch {now.epoch} of {run.settings.epochs}; call resume() to continue",
                    stacklevel=4,
                )
                break
    return Model(run.checkpoint(), run.network.device, run.dataset)


def _source(data):
    """What hw5.datasets.load takes."""
    if data is None or isinstance(data, tuple) or is_frame(data):
        return data
    if isinstance(data, str) or hasattr(data, "__fspath__"):
        return str(data)
    raise InputError(f"data are a name, a path, arrays (X, y) or a DataFrame, not a {type(data).__name__}; give one")


def _reading(options, data):
    """The Reading of these options, of which those that are None have their defaults."""
    for name in options:
        require_known("argument", name, _READING)
    given = {name: value for name, value in options.items() if value is not None}
    lists = {name: _columns(value, data) for name, value in given.items() if name not in ("text", "missing")}
    return Reading(**given | lists)


def _columns(value, data):
    """Columns by name or position, given as those of --drop or as a list; see _name."""
    if isinstance(value, str):
        return columns_of(value)
    return tuple(_name(each, data) for each in (value if np.iterable(value) else [value]))


def _column(value, data):
    """label_column, which may be None; see _name."""
    return None if value is None else _name(value, data)


def _name(value, data):
    """The name or position of a column of data, as text: of a DataFrame's column whose name is a number, its position.

    Raises InputError for other numbers.
    """
    if not isinstance(value, str) and is_frame(data):
        position = next((i for i, name in enumerate(data.columns, 1) if type(name) is not str and name == value), None)
        value = value if position is None else str(position)
    if not isinstance(value, str):
        raise InputError(f"a column is given by its name, or its position as text, such as '-1', not by {value!r}")
    return value


def _hidden(hidden):
    if hidden is None or isinstance(hidden, str):
        return None if hidden is None else read_hidden(hidden)
    if np.iterable(hidden) and not len(hidden):
        raise InputError("hidden has no layer; give one, or model linear for a model without")
    return tuple(hidden) if np.iterable(hidden) else (hidden,)


class Model:
    """A trained model on a device. checkpoint holds everything that save writes."""

    def __init__(self, checkpoint, device, dataset=None):
        """dataset: the training data, if known."""
        self.checkpoint, self.device, self.dataset = checkpoint, device, dataset
        self._predictor = Predictor(device, checkpoint)

    def __repr__(self):
        last = self.history[-1] if self.history else {}
        figures = "".join(
            f", {name.replace('_', ' ')} {x:.4f}" for name, x in last.items() if name != "epoch" and x is not None
        )
        return f"<hw5.Model {self.settings.model} {self._predictor.network}: {len(self.history)} epochs{figures}>"

    @property
    def settings(self):
        """The Settings of the training."""
        return self.checkpoint.settings

    @property
    def history(self) -> list[dict]:
        """Loss and accuracy of each epoch, on the training and the validation examples."""
        return self.checkpoint.history

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the classes, in the order of the probabilities; () if there are none."""
        return self.checkpoint.class_names

    @property
    def target_names(self) -> tuple[str, ...]:
        """The names of several targets or labels, in the order of the predictions; () if there is only one."""
        return self.checkpoint.target_names

    @property
    def parameters(self):
        """The weights [(W (m, d), b (m,)), ...] of the layers that have any, float32."""
        return self.checkpoint.parameters

    @property
    def advice(self) -> str | None:
        """The advice that `hw5 train` would print at the end: a sentence on what to change, or None."""
        return advice(self.history, self.settings)

    @_in_python
    def predict(self, X) -> np.ndarray:
        """Predict the class of each example, or the number in a regression, (n,); (n, q) for several targets or labels.

        X: an array (n, d), images (n, h, w) or (n, h, w, c), a DataFrame with the columns of the training data, or a
        path.
        Raises InputError.
        """
        outputs, its = self.probabilities(X), self.checkpoint
        if self.class_names:
            return its.classes[outputs.argmax(axis=1)]
        if its.settings.task == "multilabel":
            return (outputs > 0.5).astype(int)
        return outputs if its.target_names else outputs[:, 0]

    @_in_python
    def probabilities(self, X) -> np.ndarray:
        """Predict the probability of each class or label (n, m): 1 or 0 for a perceptron; in a regression, the numbers.

        X: as for predict. Raises InputError.
        """
        return self._predictor.predict(self._features(X))

    def _features(self, X):
        schema = self.checkpoint.schema
        if is_frame(X):
            return features_of(X, schema)
        if isinstance(X, str) or hasattr(X, "__fspath__"):
            return load_inputs(str(X), schema)
        if not np.iterable(X):
            raise InputError(f"X is a {type(X).__name__}; give an array, a DataFrame or a path")
        X = as_images(as_array(X, "X"))
        if X.shape == (schema.image_shape or (schema.features,)):
            X = X[np.newaxis]
        if X.ndim < 2 or np.prod(X.shape[1:]) != schema.features:
            raise InputError(f"X has the shape {X.shape}, but the model takes {schema.features} features per example")
        return as_features(X, "X", columns=schema.columns)

    @_in_python
    def evaluate(self, data=None, *, split="test", test=None, label_column=None, data_dir=None) -> dict:
        """Accuracy, loss and more by name, as from `hw5 eval --json`, on a split of the training data or of other data.

        split: test, train or validation. data, test, label_column, data_dir: as for load_data. Raises InputError.
        """
        require_known("split", split, ("test", "train", "validation"))
        dataset = self._dataset(data, test, label_column, data_dir)
        return evaluation(self._predictor, self.checkpoint.subset(dataset, split))

    def _dataset(self, data=None, test=None, label_column=None, data_dir=None):
        if data is None and test is None and label_column is None and self.dataset is not None:
            return self.dataset
        if data is None:
            self.checkpoint.data.require_loadable()
            data, test = self.checkpoint.data.source, test or self.checkpoint.data.test
        options = {"label_column": _column(label_column, data), "data_dir": data_dir, "schema": self.checkpoint.schema}
        return load(_source(data), test=_source(test), **options)

    @_in_python
    def resume(self, epochs: int | None = None, *, data=None, progress: bool = True) -> "Model":
        """Resume training up to this number of epochs in total, and return the new model.

        It has the same bits as after an uninterrupted training.

        data: the training data, needed if it was in memory and the model was loaded from a file. Raises InputError and
        RunError.
        """
        its = self.checkpoint
        settings = its.settings if epochs is None else replace(its.settings, epochs=epochs)
        return _trained(Run(self.device, self._dataset(data), settings, its.data, its), progress)

    def save(self, path):
        """Save the model as a checkpoint, for load_model and the hw5 command. Raises OSError."""
        self.checkpoint.save(path)

    @_in_python
    def plot(self, *panels, split="test", data=None):
        """Plot panels of `hw5 plot --what`, by default all that apply, as a matplotlib Figure, which a notebook shows.

        Raises InputError if a panel does not apply, or matplotlib is missing.
        """
        from hw5.plots import figure_of_model, require_matplotlib
        from hw5.plots.view import View

        require_matplotlib("Model.plot")
        dataset = self._dataset(data)
        subset = self.checkpoint.subset(dataset, split)
        return figure_of_model(View(self.checkpoint, f"{dataset.name}, {split} split", self._predictor, subset), panels)

    def describe(self) -> str:
        """How the model was trained and how it uses the columns of a table, in a few lines."""
        settings, lines = self.settings, [repr(self)[1:-1]]
        lines.append(f"{settings.optimizer}, minibatch {settings.batch_size}, learning rate {settings.lr:g}")
        if self.class_names:
            lines.append(
                f"classes: {', '.join(self.class_names[:20])}" + (", ..." if len(self.class_names) > 20 else "")
            )
        if self.target_names:
            lines.append(f"{'labels' if settings.task == 'multilabel' else 'targets'}: {', '.join(self.target_names)}")
        if self.checkpoint.columns:
            lines += described(self.checkpoint.columns)
        return "\n".join(lines)
