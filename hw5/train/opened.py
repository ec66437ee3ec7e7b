"""Devices and models that stay open between calls: opening a device takes longer than predicting a thousand examples.

Every thread has its own, since threads cannot share a device's memory. A forked process opens its own too: it cannot
use those of its parent, nor close them.
"""

import os
import threading
from collections import defaultdict
from contextlib import contextmanager
from weakref import WeakKeyDictionary

from hw5.devices import open_device
from hw5.errors import RunError
from hw5.train.predictor import Predictor

MOST_EXAMPLES = 1024  # of a call that uses them; memory for more would stay in use after the call
_MOST_MODELS = 16  # of a thread; those used last


class _Opened:
    """What one thread of one process has opened. models: by their owners, (Checkpoint, Predictor)."""

    def __init__(self):
        self.devices, self.models = {}, WeakKeyDictionary()

    def model(self, owner, checkpoint, device):
        its_checkpoint, model = self.models.pop(owner, (None, None))
        if its_checkpoint is not checkpoint or model.network.device is not device:
            model = Predictor(device, checkpoint)
        self.models[owner] = checkpoint, model  # the last one
        while len(self.models) > _MOST_MODELS:
            self.models.pop(next(iter(self.models)))
        return model


class _ByThread(threading.local):
    def __init__(self):
        self.by_process = defaultdict(_Opened)


_THREAD = _ByThread()


def close():
    """Close the devices and models that the calling thread keeps open; later calls open them again."""
    _THREAD.by_process.pop(os.getpid(), None)


@contextmanager
def opened_device(name, threads, examples):
    """The Device open_device(name, threads=threads), for a number of examples; it stays open if these are few.

    It is closed if a computation fails. Raises InputError if the device cannot be used.
    """
    if examples > MOST_EXAMPLES:
        yield open_device(name, threads=threads)
        return
    opened = _THREAD.by_process[os.getpid()]
    if (name, threads) not in opened.devices:
        opened.devices[name, threads] = open_device(name, threads=threads)
    try:
        yield opened.devices[name, threads]
    except RunError:
        close()
        raise


@contextmanager
def opened_model(owner, checkpoint, name, threads, examples):
    """The Predictor of a checkpoint on opened_device(name, threads, examples).

    It stays open, with the device, as long as its owner lives and has this checkpoint.
    """
    with opened_device(name, threads, examples) as device:
        is_kept = examples <= MOST_EXAMPLES
        opened = _THREAD.by_process[os.getpid()]
        yield opened.model(owner, checkpoint, device) if is_kept else Predictor(device, checkpoint)
