"""The training loop: epochs of minibatch SGD over shuffled examples, watched on a validation part.

It sees epochs, progress and learning rates; the steps belong to the device (Device.train).
"""

import math
from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np

from hw5.devices.base import Tally
from hw5.errors import InputError, RunError

_ORDER = 4  # keeps these random numbers apart from the others that come of the same seed
_SECONDS_BETWEEN_REPORTS = 0.25


@dataclass(frozen=True)
class Progress:
    """Where the training stands: so many examples into an epoch, with the means over them.

    seconds is the time spent training in this epoch. accuracy is None in a regression. The validation figures come
    with the end of an epoch, where there is a validation part. ending says why the training ends here, if it does so
    before its last epoch, or how the perceptron fared in that.
    """

    epoch: int
    examples: int
    of: int
    loss: float
    accuracy: float | None
    seconds: float
    validation_loss: float | None = None
    validation_accuracy: float | None = None
    ending: str | None = None

    @property
    def epoch_ends(self):
        return self.examples == self.of

    @property
    def examples_per_second(self):
        return self.examples / self.seconds


@dataclass(frozen=True)
class Best:
    """The epoch with the lowest validation loss so far, and the parameters at its end as host arrays."""

    epoch: int
    loss: float
    parameters: list


@dataclass(frozen=True)
class State:
    """Where a training stands, on the host: with its settings and its data, all that decides how it goes on.

    The weights of the beginning and the order of every epoch are functions of the settings' seed; nothing else is
    drawn. Parameters and velocities are [(W, b), ...] and [(V, Vb), ...] as in Network.
    """

    parameters: list
    velocities: list
    epoch: int  # counted from 1
    done: int  # examples of it
    sums: np.ndarray  # of the epoch's losses and hits, as in Tally
    best: Best | None = None
    before: list | None = None  # the parameters at the end of the epoch before, where settings.tolerance compares them
    ending: str | None = None

    @property
    def kept(self):
        """The parameters that the training has come to: the best where settings.patience asks for them, or the last."""
        return self.best.parameters if self.best else self.parameters


class Training:
    """The training of a network on the examples data[rows]; iterate over it to train.

    Between two reports the network is whole, and the attributes tell where the training stands: done examples into an
    epoch, counted from 1, and best so far where settings.patience asks for it.
    """

    def __init__(self, network, data, rows, settings, validate=None, pause_every=None):
        """validate() returns (loss, accuracy) on the validation part; pause_every so many steps there is a report."""
        self.network, self.data, self.rows, self.settings, self.validate = network, data, rows, settings, validate
        self.batch_size = settings.minibatch(len(rows))
        self.tally = Tally(network.device, self.batch_size)
        self.epoch, self.done, self.best, self.ending = 1, 0, None, None
        self.before = network.parameters() if settings.tolerance else None  # at the end of the epoch before
        self._pause_every, self._last = pause_every, None
        self._order = network.device.empty(rows.shape, network.device.index_dtype)
        self._pace = _Pace(self.batch_size)

    def __iter__(self):
        """Train, yielding Progress a few times a second and at the end of every epoch.

        Raises RunError when the loss is no longer finite.
        """
        while self.ending is None and self._begin_epoch():
            yield from self._train_epoch()
        if self.best:
            self._last = self.state()
            self.network.assign(self.best.parameters)

    def _begin_epoch(self):
        """Go on to the next epoch if one is done; whether there is one left."""
        if self.done == len(self.rows):
            self.epoch, self.done = self.epoch + 1, 0
            self.tally.reset()
        return self.epoch <= self.settings.epochs

    def _train_epoch(self):
        device, rates, seconds = self.network.device, self.settings.rates(self.epoch), 0.0
        device.assign(self._order, epoch_order(self.rows, self.settings.seed, self.epoch))
        before = self.done
        while self.done < len(self.rows):
            stop = min(len(self.rows), self.done + self._pace.examples, self._next_pause())
            began = perf_counter()
            with np.errstate(all="ignore"):  # a diverging step shows in its loss
                stretch = self._order[self.done : stop]
                device.train(self.network, self.data, stretch, self.batch_size, rates, self.tally)
            loss, hits = self.tally.read()
            elapsed = perf_counter() - began
            self._pace.saw(stop - self.done, elapsed)
            self.done, seconds = stop, seconds + elapsed
            if not math.isfinite(loss):
                raise RunError(_diverged(self.epoch, rates))
            accuracy = None if self.settings.is_regression else hits / stop
            in_all = seconds * stop / (stop - before)  # as if what was done of the epoch before had been as fast
            progress = Progress(self.epoch, stop, len(self.rows), loss / stop, accuracy, in_all)
            yield self._end_epoch(progress, stop - hits) if progress.epoch_ends else progress

    @property
    def is_over(self):
        """Whether there is nothing left to train."""
        return self.ending is not None or self.epoch + (self.done == len(self.rows)) > self.settings.epochs

    @property
    def steps(self):
        """Steps since the beginning of the training."""
        in_an_epoch = math.ceil(len(self.rows) / self.batch_size)
        return (self.epoch - 1) * in_an_epoch + math.ceil(self.done / self.batch_size)

    def _next_pause(self):
        """How many examples of the epoch will be done when a report is due by the number of steps."""
        if not self._pause_every:
            return math.inf
        return self.done + (self._pause_every - self.steps % self._pause_every) * self.batch_size

    def state(self):
        """Where the training stands, for restore."""
        if self._last:  # the network has the best parameters by now
            return self._last
        network, sums = self.network, self.tally.sums()
        standing = (network.parameters(), network.velocities(), self.epoch, self.done, sums)
        return State(*standing, self.best, self.before, self.ending)

    def restore(self, state):
        """Stand where a training of the same settings and data stood: what follows is the same to the bit.

        Raises InputError where the state is that of other data.
        """
        if state.sums.shape != (2, self.batch_size) or state.done > len(self.rows):
            raise InputError("the checkpoint was written in the middle of other data; it does not fit these")
        self.network.assign(state.parameters, state.velocities)
        self.tally.restore(state.sums)
        self.epoch, self.done, self.best = state.epoch, state.done, state.best
        self.before, self.ending = state.before, state.ending

    def _end_epoch(self, progress, mistakes):
        if self.validate:
            loss, accuracy = self.validate()
            progress = replace(progress, validation_loss=loss, validation_accuracy=accuracy)
        for rule in (self._convergence, self._early_stopping, self._separation):
            self.ending = rule(progress, mistakes) or self.ending
        return replace(progress, ending=self.ending or self._remark(progress.epoch, mistakes))

    def _remark(self, epoch, mistakes):
        """What there is to say where the epochs end: no reason to end, so more of them may follow."""
        if epoch < self.settings.epochs:
            return None
        if self.settings.loss == "perceptron":
            return _NOT_SEPARATED.format(epoch=epoch, mistakes=mistakes)
        if self.best and self.best.epoch < epoch:
            return f"the validation loss was lowest in epoch {self.best.epoch}, whose weights are kept"
        return None

    def _convergence(self, progress, _):
        """Lecture 14, "Gradient descent": "while w is still changing"."""
        if not self.settings.tolerance:
            return None
        before, self.before = self.before, self.network.parameters()
        change, size = (
            math.sqrt(sum(np.vdot(a, a) for pair in pairs for a in map(np.float64, pair)))
            for pairs in (_differences(before, self.before), self.before)
        )  # Euclidean norms over all parameters
        warming_up = progress.epoch <= self.settings.warmup  # when small steps say nothing
        if change <= self.settings.tolerance * size and not warming_up:
            share = change / (size or 1)
            return f"epoch {progress.epoch} changed the weights by {share:.2g} of their size: they have converged"
        return None

    def _early_stopping(self, progress, _):
        if not self.settings.patience:
            return None
        if self.best is None or progress.validation_loss < self.best.loss:
            self.best = Best(progress.epoch, progress.validation_loss, self.network.parameters())
        if progress.epoch - self.best.epoch >= self.settings.patience:
            return (
                f"no better validation loss since epoch {self.best.epoch}, whose weights are kept "
                f"(--patience {self.settings.patience})"
            )
        return None

    def _separation(self, progress, mistakes):
        """The perceptron ends with an epoch without mistakes: the classes are separated."""
        if self.settings.loss == "perceptron" and mistakes == 0:
            return f"epoch {progress.epoch} made no mistake: the classes are separated"
        return None


_NOT_SEPARATED = (
    "epoch {epoch}, the last, still made mistakes ({mistakes:,}): the classes are not separated; if more --epochs do "
    "not help, they are not linearly separable"
)


class _Pace:
    """How many examples to train on until the next report: whole minibatches, as many as the speed so far allows.

    A device whose epochs are shorter than the time between two reports trains whole epochs without being waited for.
    """

    def __init__(self, batch_size):
        self.batch_size, self.examples = batch_size, 8 * batch_size

    def saw(self, examples, seconds):
        minibatches = examples / seconds * _SECONDS_BETWEEN_REPORTS / self.batch_size
        self.examples = max(1, round(minibatches)) * self.batch_size


def epoch_order(rows, seed, epoch):
    """The order in which an epoch takes the rows: a fresh permutation that seed and epoch determine."""
    return np.random.default_rng((seed, _ORDER, epoch)).permutation(rows)


def _differences(before, after):
    return [[b - a for a, b in zip(*pairs)] for pairs in zip(before, after)]


def _diverged(epoch, rates):
    advice = f"a smaller --lr (it was {rates.eta:g})"
    if rates.momentum:
        advice += f" or --momentum (it was {rates.momentum:g})"
    return f"training diverged in epoch {epoch}: the loss is no longer finite; try {advice}"
