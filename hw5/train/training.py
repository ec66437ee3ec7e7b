"""The training loop: epochs of minibatch SGD over shuffled examples, watched on a validation set.

It knows epochs, progress and learning rates; steps are the stepper's (hw5/devices/stepper.py).
"""

import math
from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np

from hw5.datasets.mapped import block_of, read_ahead
from hw5.devices.base import Tally
from hw5.errors import InputError, RunError
from hw5.train.advice import diverged
from hw5.train.order import Order
from hw5.train.pace import Pace


@dataclass(frozen=True)
class Progress:
    """Progress of training: `examples` of the `of` in an epoch are done, with the means over them.

    seconds: time spent training in this epoch. accuracy: None for a regression. The validation metrics are set at the
    end of an epoch if there is a validation set. ending: why training stops early, or a remark after the last epoch.
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
    """The epoch with the lowest loss so far, of validation if that has examples, and its parameters as host arrays."""

    epoch: int
    loss: float
    parameters: list


@dataclass(frozen=True)
class State:
    """The state of a training, on the host: with its settings and data, it determines how training continues.

    The initial weights and the order of every epoch are functions of the settings' seed; nothing else is random.
    Parameters and velocities are [(W, b), ...] and [(V, Vb), ...] as in Network.
    """

    parameters: list
    velocities: list
    squares: list | None
    epoch: int  # counted from 1
    done: int  # examples of it
    sums: np.ndarray  # of the epoch's losses and correct predictions, as in Tally
    best: Best | None = None
    previous_parameters: list | None = None  # at the end of the previous epoch, if settings.tolerance compares them
    ending: str | None = None

    @property
    def kept(self):
        """The parameters to use: the best with settings.patience, else the last."""
        return self.best.parameters if self.best else self.parameters


class Training:
    """The training of a stepper's network on the examples data[rows]; iterate over it to train.

    Between two reports the network is consistent, and the attributes say how far the training is: `done` examples of
    `epoch`, counted from 1, and `best` so far if settings.patience asks for it.
    """

    def __init__(self, stepper, rows, settings, validate=None, pause_every=None, X=None, weights=None):
        """validate() returns (loss, accuracy) on the validation set; every pause_every steps there is a report.

        X: the features, which are read in blocks and ahead if they are mapped from a file. weights: as in Order.
        """
        self.stepper, self.rows, self.settings, self.validate = stepper, rows, settings, validate
        self.network, device = stepper.network, stepper.device
        self._X = None if device.ranks else X  # ranks read ahead what they train on
        self.batch_size = settings.minibatch(len(rows))
        self.tally = Tally(device, self.batch_size)
        self.epoch, self.done, self.best, self.ending = 1, 0, None, None
        self.previous_parameters = self.network.parameters() if settings.tolerance else None
        self._pause_every, self._last = pause_every, None
        self._order = device.empty(rows.shape, device.index_dtype)
        self._orders = Order(rows, settings, block_of(X), weights)
        self._pace = Pace(self.batch_size)

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
        """Start the next epoch if the current one is done; return whether there is one left."""
        if self.done == len(self.rows):
            self.epoch, self.done = self.epoch + 1, 0
            self.tally.reset()
        return self.epoch <= self.settings.epochs

    def _train_epoch(self):
        rates, seconds, resumed_at = self.settings.rates(self.epoch), 0.0, self.done
        self.stepper.device.assign(self._order, self._orders.of(self.epoch))
        while self.done < len(self.rows):
            stop = min(len(self.rows), self.done + self._pace.examples, self._next_pause())
            began = perf_counter()
            loss, correct = self._train_until(stop, rates)
            elapsed = perf_counter() - began
            self._pace.update(stop - self.done, elapsed)
            self.done, seconds = stop, seconds + elapsed
            if not math.isfinite(loss):
                raise RunError(diverged(self.epoch, rates))
            accuracy = correct / stop if self.network.loss.classes else None
            whole = seconds * stop / (stop - resumed_at)  # extrapolated for a resumed epoch
            progress = Progress(self.epoch, stop, len(self.rows), loss / stop, accuracy, whole)
            yield self._end_epoch(progress, stop - correct) if progress.epoch_ends else progress

    def _train_until(self, stop, rates):
        """Train on the examples before the stop-th of the epoch; return the epoch's sums, as Tally.read."""
        read_ahead(self._X, self._orders.of(self.epoch)[self.done : 2 * stop - self.done])
        with np.errstate(all="ignore"):  # a diverging step shows in its loss
            self.stepper.train(self._order[self.done : stop], self.batch_size, rates, self.tally)
        if stop == len(self.rows) and self.epoch < self.settings.epochs:
            self._orders.of(self.epoch + 1)  # while a GPU is still busy
        return self.tally.read()

    @property
    def how(self):
        """A short description of how the device trains."""
        return self.stepper.how_with(self.batch_size)

    @property
    def is_over(self):
        """Whether there is nothing left to train."""
        return self.ending is not None or self.epoch + (self.done == len(self.rows)) > self.settings.epochs

    @property
    def steps(self):
        """The number of steps since the start of the training."""
        per_epoch = math.ceil(len(self.rows) / self.batch_size)
        return (self.epoch - 1) * per_epoch + math.ceil(self.done / self.batch_size)

    def _next_pause(self):
        """How many examples of the epoch will be done when the next report is due by the number of steps."""
        if not self._pause_every:
            return math.inf
        return self.done + (self._pause_every - self.steps % self._pause_every) * self.batch_size

    def state(self):
        """The State to continue from, for restore."""
        if self._last:  # the network has the best parameters by now
            return self._last
        network, best, previous = self.network, self.best, self.previous_parameters
        parameters, velocities, sums = network.parameters(), network.velocities(), self.tally.sums()
        squares = network.squares() if self.settings.optimizer == "adam" else None
        return State(parameters, velocities, squares, self.epoch, self.done, sums, best, previous, self.ending)

    def restore(self, state):
        """Continue from the state of a training with the same settings and data, bit for bit.

        Raises InputError if the state belongs to other data.
        """
        if state.sums.shape != (2, self.batch_size) or state.done > len(self.rows):
            raise InputError("the checkpoint does not fit these data; resume with the data that it was trained on")
        self.epoch, self.done, self.best = state.epoch, state.done, state.best
        self.network.assign(state.parameters, state.velocities, state.squares, self.steps)
        self.tally.restore(state.sums)
        self.previous_parameters, self.ending = state.previous_parameters, state.ending

    def _end_epoch(self, progress, mistakes):
        if self.validate:
            loss, accuracy = self.validate()
            progress = replace(progress, validation_loss=loss, validation_accuracy=accuracy)
        for rule in (self._convergence, self._early_stopping, self._separation):
            self.ending = rule(progress, mistakes) or self.ending
        return replace(progress, ending=self.ending or self._remark(progress.epoch, mistakes))

    def _remark(self, epoch, mistakes):
        """A remark after the last epoch. It is no ending: training may be resumed with more epochs."""
        if epoch < self.settings.epochs:
            return None
        if self.settings.loss == "perceptron":
            return (
                f"epoch {epoch}, the last, still made mistakes ({mistakes:,}): the classes are not separated; if more "
                "--epochs do not help, they are not linearly separable"
            )
        if self.best and self.best.epoch < epoch:
            return f"the {self._watched} loss was lowest in epoch {self.best.epoch}; its weights are kept"
        return None

    def _convergence(self, progress, _):
        """Lecture 14, "Gradient descent": "while w is still changing"."""
        if not self.settings.tolerance:
            return None
        previous, self.previous_parameters = self.previous_parameters, self.network.parameters()
        change, size = _norm(_differences(previous, self.previous_parameters)), _norm(self.previous_parameters)
        warming_up = progress.epoch <= self.settings.warmup  # when small steps mean nothing
        if change <= self.settings.tolerance * size and not warming_up:
            share = change / (size or 1)
            return f"converged: epoch {progress.epoch} changed the weights by {share:.2g} of their norm"
        return None

    def _early_stopping(self, progress, _):
        if not self.settings.patience:
            return None
        loss = progress.validation_loss if self.validate else progress.loss
        if self.best is None or loss < self.best.loss - self.settings.min_delta:
            self.best = Best(progress.epoch, loss, self.network.parameters())
        if progress.epoch - self.best.epoch >= self.settings.patience:
            return (
                f"stopped early: the {self._watched} loss has not improved since epoch {self.best.epoch}, whose "
                f"weights are kept (--patience {self.settings.patience})"
            )
        return None

    @property
    def _watched(self):
        return "validation" if self.validate else "training"

    def _separation(self, progress, mistakes):
        """The perceptron is done after an epoch without mistakes: the classes are separated."""
        if self.settings.loss == "perceptron" and mistakes == 0:
            return f"epoch {progress.epoch} made no mistake: the classes are separated"
        return None


def _differences(before, after):
    return [[b - a for a, b in zip(*pairs)] for pairs in zip(before, after)]


def _norm(pairs):
    """The Euclidean norm of all parameters together."""
    return math.sqrt(sum(np.vdot(a, a) for pair in pairs for a in map(np.float64, pair)))
