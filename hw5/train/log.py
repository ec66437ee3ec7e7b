"""The training log: one line of JSON per epoch."""

import errno
import json
import os
from dataclasses import asdict


class Log:
    """Appends a line to the file path at the end of every epoch; None writes nothing.

    Training continues if a line cannot be written: it is kept, and written with the next one. error: why lines are
    still waiting, or None.
    """

    def __init__(self, path, warn=print):
        self.path, self.warn = path, warn
        self.error, self._waiting = None, []

    def update(self, progress):
        """Write a line if this is the end of an epoch."""
        if self.path is None or not progress.epoch_ends:
            return
        fields = asdict(progress) | {"examples_per_second": progress.examples_per_second}
        self._waiting.append(json.dumps(fields) + "\n")
        try:
            self._append("".join(self._waiting))
            self.error, self._waiting = None, []
        except OSError as error:
            self.error = f"{self.path} could not be written: {(error.strerror or str(error)).lower()}"
            self.warn(f"{self.error}; training continues, and the next epoch tries again")

    def _append(self, text):
        """Append all of the text, or nothing if the disk is full; first end a line that an earlier crash cut off."""
        with open(self.path, "ab", buffering=0) as file:
            size = file.tell()
            data = _newline_after(self.path, size) + text.encode()
            try:
                if file.write(data) < len(data):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            except OSError:
                os.truncate(self.path, size)
                raise


def _newline_after(path, size):
    if size == 0:
        return b""
    with open(path, "rb") as file:
        file.seek(size - 1)
        return b"" if file.read(1) == b"\n" else b"\n"
