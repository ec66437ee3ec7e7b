"""The CPU device whose steps are compiled: step.cpp behind Device.train, and NumPy for what that does not cover."""

import ctypes
import math
import os
from pathlib import Path

import numpy as np

from hw5.compiler import build_shared_library
from hw5.devices.cpu import CpuDevice
from hw5.errors import InputError

_FLAGS = ("-O3", "-march=native", "-ffp-contract=fast", "-pthread")
# Floating-point operations of a minibatch that make one more thread worth its while: some 10 microseconds
_FLOPS_PER_THREAD = 1_000_000

# As enumerated in activations.h and job.h
_ACTIVATIONS = {"relu": 0, "leaky_relu": 1, "elu": 2, "tanh": 3, "sigmoid": 4, "linear": 5}
_LOSSES = {"cross-entropy": 0, "binary-cross-entropy": 1, "squared": 2}

_POINTER, _INT, _DOUBLE = ctypes.c_void_p, ctypes.c_int64, ctypes.c_double


class _Layer(ctypes.Structure):
    _fields_ = [("d", _INT), ("m", _INT), *((name, _POINTER) for name in ("W", "b", "V", "Vb"))]


class _Job(ctypes.Structure):
    """Fields that are not given are 0: no class weights, no momentum, ..."""

    _fields_ = [
        ("layers", ctypes.POINTER(_Layer)),
        ("depth", _INT),
        ("activation", _INT),
        ("alpha", _DOUBLE),
        ("loss", _INT),
        ("class_weights", _POINTER),
        ("X", _POINTER),
        ("is_uint8", _INT),
        ("y", _POINTER),
        ("mean", _POINTER),
        ("scale", _POINTER),
        ("order", _POINTER),
        ("examples", _INT),
        ("batch_size", _INT),
        *((name, _DOUBLE) for name in ("eta", "momentum", "l1", "l2")),
        ("nesterov", _INT),
        ("losses", _POINTER),
        ("hits", _POINTER),
        ("Z", _POINTER),
        ("threads", _INT),
    ]


class CompiledDevice(CpuDevice):
    """NumPy's operations, and training and forward passes by compiled code in float32.

    The results are the same bits for any number of threads.
    """

    name = "cpu"

    def __init__(self, threads=None):
        """threads: at most so many, by default as many as there are cores for this process.

        Raises InputError where the code cannot be compiled.
        """
        super().__init__()
        self.threads = threads or usable_cores()
        self._library = _load()

    @property
    def description(self):
        return f"{self.name} (compiled step, {self.threads} thread{'s' * (self.threads > 1)})"

    def train(self, network, data, order, batch_size, rates, tally):
        if not _covers(network, data):
            return super().train(network, data, order, batch_size, rates, tally)
        job = _job(network, data, order, batch_size, self.threads)
        job.class_weights = _address(network.class_weights)
        job.eta, job.momentum, job.l1, job.l2 = rates.eta, rates.momentum, rates.l1, rates.l2
        job.nesterov = rates.nesterov
        job.losses, job.hits = _address(tally.loss), _address(tally.hits)
        _carry_out(self._library.hw5_train, job)

    def forward(self, network, data, order, start, space):
        if not _covers(network, data):
            return super().forward(network, data, order, start, space)
        Z = space.Z[-1]
        rows = order[start : start + len(Z)]
        np.take(data.y, rows, out=space.y, mode="clip")
        job = _job(network, data, rows, len(Z), self.threads)
        job.Z = _address(Z)
        _carry_out(self._library.hw5_predict, job)


class NumpyInstead(CpuDevice):
    """The device cpu where the step cannot be compiled: NumPy does it all, and the description says why."""

    name = "cpu"

    def __init__(self, error):
        """error: the InputError of CompiledDevice."""
        super().__init__()
        self._reason, _, _ = str(error).partition(":")

    @property
    def description(self):
        return f"{self.name} (NumPy: {self._reason})"


def _covers(network, data):
    """Whether step.cpp knows the network's activation and loss, and can read the data."""
    known = network.activation.name in _ACTIVATIONS and network.loss.name in _LOSSES
    return known and data.X.dtype in (np.uint8, np.float32) and data.X.flags.c_contiguous


def _job(network, data, order, batch_size, threads):
    """What training and a forward pass have in common."""
    layers = [
        _Layer(*reversed(layer.W.shape), *map(_address, (layer.W, layer.b, layer.V, layer.Vb)))
        for layer in network.layers
    ]
    return _Job(
        layers=(_Layer * len(layers))(*layers),
        depth=len(layers),
        activation=_ACTIVATIONS[network.activation.name],
        alpha=network.activation.alpha,
        loss=_LOSSES[network.loss.name],
        X=_address(data.X),
        is_uint8=data.X.dtype == np.uint8,
        y=_address(data.y),
        mean=_address(data.mean),
        scale=_address(data.scale),
        order=_address(order),
        examples=len(order),
        batch_size=batch_size,
        threads=_useful_threads(threads, network.sizes, batch_size),
    )


def _address(array):
    return array.ctypes.data


def _useful_threads(most, sizes, k):
    """How many threads a minibatch of k examples is worth."""
    flops = 4 * k * sum(d * m for d, m in zip(sizes, sizes[1:]))
    return max(1, min(most, flops // _FLOPS_PER_THREAD))


def _carry_out(work, job):
    if work(ctypes.byref(job)) != 0:
        raise MemoryError("there is not enough memory, or there are not enough threads, for a training step")


def _load():
    path = build_shared_library(Path(__file__).parent / "step.cpp", _FLAGS)
    try:
        library = ctypes.CDLL(str(path))
    except OSError as error:
        raise InputError(f"the compiled step does not load: {error}") from error
    for function in (library.hw5_train, library.hw5_predict):
        function.argtypes = [ctypes.POINTER(_Job)]
    return library


def usable_cores():
    """The number of cores on which this process may run; threads that share a core count once.

    A container's share of the processor's time counts, too: 1.5 cores are 2.
    """
    cores = set()
    for cpu in os.sched_getaffinity(0):
        siblings = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
        cores.add(siblings.read_text() if siblings.is_file() else cpu)
    return math.ceil(min(len(cores), _quota()))


def _quota(membership=Path("/proc/self/cgroup"), root=Path("/sys/fs/cgroup")):
    """How many processors' time this process may use by its control groups (version 2); infinity without a limit."""
    lines = membership.read_text().splitlines() if membership.is_file() else []
    groups = [root / line[len("0::/") :] for line in lines if line.startswith("0::/")]
    limits = [folder / "cpu.max" for group in groups for folder in (group, *group.parents)]
    quotas = [limit.read_text().split() for limit in limits if limit.is_file()]
    return min((int(time) / int(period) for time, period in quotas if time != "max"), default=math.inf)
