"""The settings of a training: defaults, ranges, and combinations that are refused."""

import math
import sys
from dataclasses import dataclass, fields, replace
from numbers import Integral, Real

import numpy as np

from hw5.devices.activations import ACTIVATIONS, Activation
from hw5.devices.base import Rates
from hw5.errors import InputError, require_known
from hw5.nn.hidden import LENET, check_hidden, layers_of
from hw5.nn.losses import LOSSES
from hw5.train.schedules import SCHEDULES, check_schedule, learning_rate


@dataclass(frozen=True)
class Range:
    """The numbers that a setting may have, from least to most; the ends may be open, and the numbers whole."""

    least: float = 0
    most: float = math.inf
    whole: bool = False
    least_open: bool = False
    most_open: bool = False
    others: tuple = ()  # allowed values that are not numbers

    def holds(self, value):
        """Whether the setting may have this value; never a NaN or an infinity."""
        if value in self.others:
            return True
        if isinstance(value, bool) or not isinstance(value, Integral if self.whole else Real) or value == math.inf:
            return False
        if not self.whole and value > sys.float_info.max:  # an integer
            return False
        above = value > self.least if self.least_open else value >= self.least
        return above and (value < self.most if self.most_open else value <= self.most)

    def require(self, name, value):
        """Raise InputError if the setting of this name cannot have this value."""
        if not self.holds(value):
            kind = "a whole number" if self.whole else "a number"
            bounds = f"{'above' if self.least_open else 'from'} {self.least:g}"
            if self.most < math.inf:
                bounds += f" {'and below' if self.most_open else 'to'} {self.most:g}"
            is_long = isinstance(value, int) and abs(value) >= 10**40
            shown = "of more than 40 digits" if is_long else value
            raise InputError(f"--{name.replace('_', '-')} {shown} is out of range; give {kind} {bounds}")


OPTIMIZERS = ("sgd", "adam")

MOST_COUNTED = 10**15  # epochs and examples; a float holds it exactly
_COUNT, _RATE = Range(least=1, most=MOST_COUNTED, whole=True), Range()
_POSITIVE, _FRACTION = Range(least_open=True), Range(most=1, most_open=True)


def _or_none(its_range):
    return replace(its_range, others=(None,))


RANGES = {
    "epochs": _COUNT,
    "batch_size": replace(_COUNT, others=("all",)),
    "lr": _POSITIVE,
    "lr_decay": _or_none(_POSITIVE),
    "lr_step": _or_none(_COUNT),
    "warmup": Range(most=MOST_COUNTED, whole=True),
    "momentum": _FRACTION,
    "l1": _RATE,
    "l2": _RATE,
    "weight_decay": _RATE,
    "tolerance": _or_none(_POSITIVE),
    "patience": _or_none(_COUNT),
    "min_delta": _RATE,
    "validation": _FRACTION,
    "holdout": _FRACTION,
    "seed": Range(whole=True),
    "split_seed": _or_none(Range(whole=True)),
    "slices": Range(least=1, most=4096, whole=True),
}


def _plain(value):
    """The value in Python's own types: a checkpoint cannot hold the numbers of NumPy and others."""
    if isinstance(value, dict):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, tuple):
        return tuple(map(_plain, value))
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, Real):
        return int(value) if isinstance(value, Integral) else float(value)
    return str(value) if isinstance(value, str) else value


@dataclass(frozen=True)
class Settings:
    """What determines a run, given its data. A linear classifier and a perceptron have no hidden layers.

    Raises InputError for a number out of range, an unknown name, or settings that exclude each other.
    """

    hidden: tuple[int | str, ...] = (128,)  # as hw5.nn.layers.hidden_layer reads them
    activation: str = "relu"  # as Activation.of reads it
    loss: str = "cross-entropy"  # a name in LOSSES
    epochs: int = 50
    batch_size: int | str = 32  # or "all"
    optimizer: str = "sgd"  # a name in OPTIMIZERS
    lr: float = 0.03  # lecture 14: "0.03 is usually a good place to start"
    lr_schedule: str | None = None  # a name in SCHEDULES; default: step with lr_step, exponential with lr_decay
    lr_decay: float | None = None
    lr_step: int | None = None  # epochs
    warmup: int = 0  # epochs
    momentum: float = 0.0
    nesterov: bool = False
    l1: float = 0.0
    l2: float = 0.0
    weight_decay: float = 0.0  # AdamW's, apart from the gradient
    class_weight: str | dict[str, float] | None = None  # as preprocessing.class_weights reads it
    tolerance: float | None = None  # stop when an epoch changes the weights by a smaller share
    patience: int | None = None  # stop after this many epochs without a better validation loss, or training loss
    min_delta: float = 0.0  # by how much a loss is to be better, for patience
    validation: float = 0.1
    holdout: float = 0.2
    seed: int = 0
    split_seed: int | None = None  # of the held-out examples; default: seed
    shuffle: bool = True  # the examples of an epoch
    standardise: bool = True  # features, and the targets of a regression
    slices: int = 1  # of a minibatch, whose gradients are added in a tree (hw5/devices/slices.py)

    def __post_init__(self):
        for field in fields(self):
            object.__setattr__(self, field.name, _plain(getattr(self, field.name)))
        for name, its_range in RANGES.items():
            its_range.require(name, getattr(self, name))
        for name in ("nesterov", "shuffle", "standardise"):
            if not isinstance(getattr(self, name), bool):
                raise InputError(f"--{name} {getattr(self, name)!r} is neither True nor False; give one of these")
        check_hidden(self.hidden, self.activation)
        require_known("loss", self.loss, LOSSES)
        require_known("optimizer", self.optimizer, OPTIMIZERS)
        require_known("learning rate schedule", self.schedule, SCHEDULES)
        if self.loss == "perceptron":
            self._check_perceptron()
        self._check_activation()
        check_schedule(self.schedule, self.lr_decay, self.lr_step)
        if self.warmup >= self.epochs:
            raise InputError(
                f"--warmup {self.warmup} leaves no epoch at the full learning rate; choose fewer than --epochs"
            )
        self._check_optimizer()
        if self.class_weight is not None and (self.task != "classification" or self.model == "perceptron"):
            what = "perceptron" if self.model == "perceptron" else f"{self.task} model"
            raise InputError(f"--class-weight has no effect on a {what}; leave it out")

    def _check_perceptron(self):
        plain = {
            "hidden": (),
            "batch_size": 1,
            "optimizer": "sgd",
            "momentum": 0.0,
            "nesterov": False,
            "l1": 0.0,
            "l2": 0.0,
            "lr_decay": None,
            "lr_step": None,
            "schedule": "constant",
            "warmup": 0,
        }
        for name, value in plain.items():
            if getattr(self, name) != value:
                flag = "--lr-schedule" if name == "schedule" else "--" + name.replace("_", "-")
                raise InputError(
                    f"{flag} has no effect on a perceptron, which learns from one mistake at a time; leave it out"
                )

    def _check_activation(self):
        theta = Activation.of(self.activation)
        if self.hidden and theta.name not in ACTIVATIONS:
            raise InputError(
                f"gradients cannot train through {theta}, whose derivative is 0; choose another --activation, or "
                "--model perceptron"
            )

    def _check_optimizer(self):
        if self.optimizer == "adam" and (self.momentum or self.nesterov):
            flag = "--momentum" if self.momentum else "--nesterov"
            raise InputError(f"{flag} has no effect on Adam, which has a momentum of its own; leave it out")
        if self.weight_decay and self.optimizer != "adam":
            raise InputError("--weight-decay needs --optimizer adam; with sgd, --l2 has the same effect")
        if self.nesterov and not self.momentum:
            raise InputError("--nesterov needs momentum; give --momentum, such as 0.9")

    @property
    def model(self):
        """Its name for --model."""
        if not self.hidden:
            return "perceptron" if self.loss == "perceptron" else "linear"
        return "lenet" if self.hidden == LENET else "mlp"

    def layers(self, shape, outputs):
        """The layers of a network over examples of a shape, (d,) or (h, w, c).

        Raises InputError if one does not fit.
        """
        return layers_of(shape, self.hidden, outputs, self.activation)

    @property
    def task(self):
        """ "classification", "multilabel" or "regression"."""
        return LOSSES[self.loss].task

    @property
    def schedule(self):
        by_parameter = "step" if self.lr_step else "exponential" if self.lr_decay else "constant"
        return self.lr_schedule or by_parameter

    @property
    def seed_of_splits(self):
        """The seed that determines which examples are held out."""
        return self.seed if self.split_seed is None else self.split_seed

    def minibatch(self, n):
        """The number of examples in a minibatch, given n examples."""
        return n if self.batch_size == "all" else min(self.batch_size, n)

    def rates(self, epoch):
        """The rates of an epoch, counted from 1."""
        return Rates(
            eta=learning_rate(self, epoch),
            momentum=self.momentum,
            l1=self.l1,
            l2=self.l2,
            nesterov=self.nesterov,
            adam=self.optimizer == "adam",
            weight_decay=self.weight_decay,
        )
