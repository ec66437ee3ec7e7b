"""Training curves for TensorBoard, in the event format of tensorboardX.

Training and validation are two runs with the same tags, so that TensorBoard draws both in one chart. tensorboardX's own
writer has a thread, which hangs for good when the disk is full; so its events are appended here.
"""

import os
import socket
import struct
import time
from dataclasses import asdict

from hw5.errors import InputError, reason_of
from hw5.train.log import EpochFile


class TensorBoard:
    """Appends the figures of every epoch to event files in the folders train and validation of a folder, or of None.

    settings: the Settings of the training, which are its hyperparameters and give its learning rates. Raises InputError
    if tensorboardX is not installed, or a folder cannot be created.
    """

    def __init__(self, folder, settings, warn=print):
        names = [] if folder is None else ["train", "validation"] if settings.validation else ["train"]
        paths = {name: _event_file(os.path.join(folder, name)) for name in names}
        self._warn = warn
        self.files = [_Events(path, name, settings, name == names[-1], self._once) for name, path in paths.items()]

    def _once(self, text):
        """Warn of the first of the files that cannot be written."""
        if sum(bool(file.error) for file in self.files) == 1:
            self._warn(text)

    def update(self, progress):
        """Write events if this is the end of an epoch."""
        for file in self.files:
            file.update(progress)

    @property
    def error(self):
        """Why events are still waiting to be written, or None."""
        return next((file.error for file in self.files if file.error), None)


class _Events(EpochFile):
    """The event file of the run "train" or "validation".

    Before the first event, it has the version and the hyperparameters.
    """

    def __init__(self, path, name, settings, has_hyperparameters, warn):
        super().__init__(path, warn)
        self.name, self.settings, self.has_hyperparameters, self._is_new = name, settings, has_hyperparameters, True

    def record(self, progress):
        from tensorboardX.summary import scalar

        events = list(self._first_events()) if self._is_new else []
        self._is_new = False
        for tag, value in _figures(self.name, progress, self.settings):
            events.append(_event(progress.epoch, summary=scalar(tag, value)))
        return b"".join(events)

    def _first_events(self):
        from tensorboardX.summary import hparams

        yield _event(0, file_version="brain.Event:2")
        if self.has_hyperparameters:
            values = {
                name: x if isinstance(x, (bool, int, float, str)) else str(x) for name, x in self._chosen().items()
            }
            for summary in hparams(values, dict.fromkeys(("loss", "accuracy"))):
                yield _event(0, summary=summary)

    def _chosen(self):
        """The settings that have a value; the layers as --hidden has them."""
        settings = asdict(self.settings) | {"hidden": ",".join(map(str, self.settings.hidden))}
        return {name: value for name, value in settings.items() if value is not None}


def _figures(name, progress, settings):
    prefix = "" if name == "train" else "validation_"
    for tag in ("loss", "accuracy"):
        value = getattr(progress, prefix + tag)
        if value is not None:
            yield tag, value
    if name == "train":
        yield "learning_rate", settings.rates(progress.epoch).eta
        yield "examples_per_second", progress.examples_per_second


def _event(step, **content):
    """An event as a record of TensorFlow's format: length, its checksum, data, its checksum."""
    from tensorboardX.proto.event_pb2 import Event
    from tensorboardX.record_writer import masked_crc32c

    data = Event(wall_time=time.time(), step=step, **content).SerializeToString()
    length = struct.pack("<Q", len(data))
    return length + struct.pack("<I", masked_crc32c(length)) + data + struct.pack("<I", masked_crc32c(data))


def _event_file(folder):
    try:
        import tensorboardX  # noqa: F401
    except ImportError as error:
        raise InputError("--tensorboard needs tensorboardX: pip install 'hw5[tensorboard]'") from error
    try:
        os.makedirs(folder, exist_ok=True)
        path = os.path.join(
            folder, f"events.out.tfevents.{time.time_ns() // 10**9}.{socket.gethostname()}.{os.getpid()}"
        )
        with open(path, "xb"):
            return path
    except OSError as error:
        reason = reason_of(error)
        raise InputError(f"--tensorboard {folder} cannot be written: {reason}; choose another directory") from error
