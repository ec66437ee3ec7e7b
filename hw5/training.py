"""The training loop: epochs of minibatch SGD over shuffled examples, watched on a validation part.

It sees epochs, progress and learning rates; the steps belong to the device (Device.train).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np

from hw5.devices.base import Rates, Tally
from hw5.errors import RunError

_ORDER = 4  # keeps these random numbers apart from the others that come of the same seed
_SECONDS_BETWEEN_REPORTS = 0.25


@dataclass(frozen=True)
class Settings:
    """What determines a run, given its data. A linear classifier has no hidden layers."""

    hidden: tuple[int, ...] = (128,)
    activation: str = "relu"
    epochs: int = 50
    batch_size: int = 32
    lr: float = 0.03  # lecture 14: "0.03 is usually a good place to start"
    momentum: float = 0.0
    l1: float = 0.0
    l2: float = 0.0
    lr_decay: float = 1.0  # the learning rate is multiplied by this after every epoch
    validation: float = 0.1
    holdout: float = 0.2
    seed: int = 0

    @property
    def model(self):
        return "mlp" if self.hidden else "linear"

    def rates(self, epoch):
        """The rates of an epoch, counted from 1."""
        return Rates(self.lr * self.lr_decay ** (epoch - 1), self.momentum, self.l1, self.l2)


@dataclass(frozen=True)
class Progress:
    """Where the training stands: so many examples into an epoch, with the means over them.

    seconds is the time spent training in this epoch. The validation figures come with the end of an epoch,
    where there is a validation part.
    """

    epoch: int
    examples: int
    of: int
    loss: float
    accuracy: float
    seconds: float
    validation_loss: float | None = None
    validation_accuracy: float | None = None

    @property
    def epoch_ends(self):
        return self.examples == self.of

    @property
    def examples_per_second(self):
        return self.examples / self.seconds


def train(network, data, rows, settings, validate=None) -> Iterator[Progress]:
    """Train a network on the examples data[rows], reporting a few times a second and at the end of every epoch.

    validate() returns (loss, accuracy) on the validation part. The loop may be left between two reports: the
    network is whole then. Raises RunError when the loss is no longer finite.
    """
    device = network.device
    order = device.empty(rows.shape, device.index_dtype)
    tally = Tally(device, min(settings.batch_size, len(rows)))
    pace = _Pace(min(settings.batch_size, len(rows)))
    for epoch in range(1, settings.epochs + 1):
        device.assign(order, epoch_order(rows, settings.seed, epoch))
        tally.reset()
        for progress in _train_epoch(network, data, order, tally, pace, settings.rates(epoch), epoch):
            if progress.epoch_ends and validate:
                loss, accuracy = validate()
                progress = replace(progress, validation_loss=loss, validation_accuracy=accuracy)
            yield progress


class _Pace:
    """How many examples to train on until the next report: whole minibatches, as many as the speed so far allows.

    A device whose epochs are shorter than the time between two reports trains whole epochs without being waited for.
    """

    def __init__(self, batch_size):
        self.batch_size, self.examples = batch_size, 8 * batch_size

    def saw(self, examples, seconds):
        minibatches = examples / seconds * _SECONDS_BETWEEN_REPORTS / self.batch_size
        self.examples = max(1, round(minibatches)) * self.batch_size


def _train_epoch(network, data, order, tally, pace, rates, epoch):
    n, done, seconds = len(order), 0, 0.0
    while done < n:
        stop = min(n, done + pace.examples)
        began = perf_counter()
        with np.errstate(all="ignore"):  # a diverging step shows in its loss
            network.device.train(network, data, order[done:stop], pace.batch_size, rates, tally)
        loss, hits = tally.read()
        elapsed = perf_counter() - began
        pace.saw(stop - done, elapsed)
        done, seconds = stop, seconds + elapsed
        if not math.isfinite(loss):
            raise RunError(_diverged(epoch, rates))
        yield Progress(epoch, done, n, loss / done, hits / done, seconds)


def epoch_order(rows, seed, epoch):
    """The order in which an epoch takes the rows: a fresh permutation that seed and epoch determine."""
    return np.random.default_rng((seed, _ORDER, epoch)).permutation(rows)


def _diverged(epoch, rates):
    advice = f"a smaller --lr (it was {rates.eta:g})"
    if rates.momentum:
        advice += f" or --momentum (it was {rates.momentum:g})"
    return f"training diverged in epoch {epoch}: the loss is no longer finite; try {advice}"
