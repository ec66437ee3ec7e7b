"""The cpu device: compiled C++ trains and evaluates, and NumPy runs single operations.

step.cpp is for networks of dense layers, images.cpp for those with other layers.
"""

import ctypes
import functools
import math

import numpy as np

from hw5.devices.base import BETA1, BETA2, EPSILON
from hw5.devices.cores import usable_cores
from hw5.devices.cpu import CpuDevice
from hw5.devices.native.job import Job, activation_of, address, is_dense, layers_for_job
from hw5.devices.native.library import load
from hw5.devices.stepper import Stepper
from hw5.errors import InputError

_FLOPS_PER_THREAD = 1_000_000  # of a minibatch: about 10 microseconds, for which one more thread pays off


class CompiledDevice(CpuDevice):
    """The cpu device, whose steppers run compiled code in float32, with the same bits for any number of threads."""

    name = "cpu"
    arithmetic = "the compiled step"

    def __init__(self, threads=None):
        """threads: maximum number to use (default: usable_cores()). Raises InputError if the code does not compile."""
        super().__init__()
        self.threads = threads or usable_cores()
        self._step = load("step.cpp")

    @property
    def how(self):
        """A short description of how it trains."""
        return f"compiled step, {f'up to {self.threads} threads' if self.threads > 1 else '1 thread'}"

    def stepper(self, network, data):
        try:
            return CompiledStepper(network, data, self._library_for(network, data))
        except InputError as error:
            return NumpyStepper(network, data, error)

    @functools.cached_property
    def _images(self):
        return load("images.cpp")

    def _library_for(self, network, data):
        """The library that trains the network on the data. Raises InputError, with the reason, if there is none."""
        library = self._step if is_dense(network) else self._images
        if reason := library.unsupported(network, data):
            raise InputError(reason)
        return library


class CpuFallback(CpuDevice):
    """The cpu device if the step does not compile: NumPy computes everything."""

    name = "cpu"

    def __init__(self, error):
        """error: the InputError of CompiledDevice."""
        super().__init__()
        self.error, self.how = error, how_without(error)

    def stepper(self, network, data):
        return NumpyStepper(network, data, self.error)


class NumpyStepper(Stepper):
    """Trains a network of the cpu device that the compiled code cannot train."""

    is_fallback = True

    def __init__(self, network, data, error):
        """error: the InputError with the reason."""
        super().__init__(network, data, how_without(error))
        self.arithmetic = CpuDevice.arithmetic


def how_without(error):
    """A short description of how the cpu device trains, where the compiled code has raised an InputError."""
    reason, _, _ = str(error).partition(":")
    return f"NumPy: {reason}"


def open_cpu(threads=None):
    """Open the CompiledDevice, or the CpuFallback if it does not compile."""
    try:
        return CompiledDevice(threads)
    except InputError as error:
        return CpuFallback(error)


class CompiledStepper(Stepper):
    """Runs many training steps, or many forward passes, in one call of compiled code."""

    def __init__(self, network, data, library):
        super().__init__(network, data, network.device.how)
        theta = activation_of(network)
        self._train, self._predict = library.train, library.predict
        self._products = sum(layer.places * layer.fan_in * layer.units for layer in network.weighted)
        self.job = Job(
            **layers_for_job(network),
            activation=library.activations.get(theta.name, -1),
            alpha=theta.alpha,
            loss=library.losses[network.loss.name],
            class_weights=address(network.class_weights),
            X=address(data.X),
            is_uint8=data.X.dtype == np.uint8,
            y=address(data.y),
            y_columns=math.prod(data.y.shape[1:]),
            mean=address(data.mean),
            scale=address(data.scale),
            beta2=BETA2,
            epsilon=EPSILON,
        )

    def train(self, order, batch_size, rates, tally):
        job = self.job
        job.eta, job.momentum, job.l1, job.l2 = rates.eta, rates.momentum, rates.l1, rates.l2
        job.nesterov, job.adam, job.weight_decay = rates.nesterov, rates.adam, rates.weight_decay
        job.updates = self.network.updates[0]
        if rates.adam:
            job.momentum = BETA1
        if rates.adam or self.network.counts_updates:
            self.network.updates += math.ceil(len(order) / batch_size)
        job.losses, job.correct, job.Z = address(tally.loss), address(tally.correct), None
        self._call(self._train, order, batch_size)

    def forward(self, order, start, space):
        rows = order[start : start + len(space.Z)]
        np.take(self.data.y, rows, axis=0, out=space.y, mode="clip")
        self.job.Z = address(space.Z)
        self._call(self._predict, rows, len(rows))

    def _call(self, function, order, batch_size):
        job = self.job
        job.order, job.examples, job.batch_size = address(order), len(order), batch_size
        examples = job.share_end - job.share_begin if job.slice else batch_size
        job.threads = _useful_threads(self.device.threads, self._products, examples)
        if function(ctypes.byref(job)) != 0:
            raise MemoryError("could not allocate memory or threads for the compiled step")


def _useful_threads(most, products, k):
    """The number of threads that pay off for minibatches of k examples with this number of products each."""
    flops = 4 * k * products
    return max(1, min(most, flops // _FLOPS_PER_THREAD))
