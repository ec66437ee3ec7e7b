"""Training curves for TensorBoard, in the event format of tensorboardX.

tensorboardX's own writer has a thread, which hangs for good when the disk is full; so its events are appended here.
"""

import os
import socket
import struct
import time

from hw5.errors import InputError
from hw5.train.log import EpochFile


class TensorBoard(EpochFile):
    """Appends the metrics of every epoch to an event file in a folder; None writes nothing.

    Raises InputError if tensorboardX is not installed, or the folder cannot be created.
    """

    def __init__(self, folder, warn=print):
        super().__init__(folder and _event_file(folder), warn)
        self._is_new = True

    def record(self, progress):
        """Events with the losses, the accuracies and the speed; before the first, one with the version."""
        from tensorboardX.summary import scalar

        events = [] if not self._is_new else [_event(0, file_version="brain.Event:2")]
        self._is_new = False
        for name, value in _metrics(progress):
            events.append(_event(progress.epoch, summary=scalar(name, value)))
        return b"".join(events)


def _metrics(progress):
    for name in ("loss", "accuracy"):
        for prefix, split in (("", "train"), ("validation_", "validation")):
            value = getattr(progress, prefix + name)
            if value is not None:
                yield f"{name}/{split}", value
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
        reason = (error.strerror or str(error)).lower()
        raise InputError(f"--tensorboard {folder} cannot be written: {reason}; choose another directory") from error
