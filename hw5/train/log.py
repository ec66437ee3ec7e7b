"""The training log: one line of JSON per epoch, appended to a file."""

import errno
import json
import os
from abc import ABC, abstractmethod
from dataclasses import asdict

from hw5.errors import InputError, reason_of


class EpochFile(ABC):
    """Appends a record to the file path at the end of every epoch; None writes nothing.

    Training continues if a record cannot be written: one warning is given, and the record is kept and written with the
    next one. error: why records are still waiting, or None.
    """

    def __init__(self, path, warn=print):
        self.path, self.warn = path, warn
        self.error, self._waiting = None, []

    def update(self, progress):
        """Write a record if this is the end of an epoch."""
        if self.path is None or not progress.epoch_ends:
            return
        self._waiting.append(self.record(progress))
        try:
            _append(self.path, self.separator() + b"".join(self._waiting))
            self.error, self._waiting = None, []
        except OSError as error:
            is_new, self.error = self.error is None, f"{self.path} could not be written: {reason_of(error)}"
            if is_new:
                self.warn(f"{self.error}; training continues, and every epoch tries again")

    @abstractmethod
    def record(self, progress):
        """The bytes to append for an epoch."""

    def separator(self):
        """Bytes to put before the records, for a file that ends in the middle of one."""
        return b""


class Log(EpochFile):
    """A line of JSON with the fields of Progress for each epoch, after those of `which`, such as {"fold": 1}."""

    def __init__(self, path, warn=print, which=None):
        super().__init__(path, warn)
        self.which = which or {}

    def record(self, progress):
        fields = self.which | asdict(progress) | {"examples_per_second": progress.examples_per_second}
        return json.dumps(fields).encode() + b"\n"

    def separator(self):
        """Ends a line that an earlier crash has cut off."""
        with open(self.path, "ab+") as file:
            if file.tell() == 0:
                return b""
            file.seek(-1, os.SEEK_END)
            return b"" if file.read(1) == b"\n" else b"\n"


def require_log(path):
    """Raise InputError if there is another file than a log at path, which lines at its end would damage."""
    if path is None or not os.path.exists(path):
        return
    with open(path, "rb") as file:
        if file.read(1) not in (b"", b"{"):
            raise InputError(f"--log {path} is not a log but another file; choose a new file, or the log of a training")


def _append(path, data):
    """Append all of the data, or nothing if the disk is full."""
    with open(path, "ab", buffering=0) as file:
        size = file.tell()
        try:
            if file.write(data) < len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            os.truncate(path, size)
            raise
