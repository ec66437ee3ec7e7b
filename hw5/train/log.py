"""The training log: a file to which every epoch appends a line of JSON."""

import errno
import json
import os
from dataclasses import asdict


class Log:
    """Appends to the file path; None writes nothing.

    A training goes on when a line cannot be written: the next one tries again with all that wait. trouble tells why
    some still do, if so.
    """

    def __init__(self, path, warn=print):
        self.path, self.warn = path, warn
        self.trouble, self._waiting = None, []

    def see(self, progress):
        """Write a line if an epoch ends here."""
        if self.path is None or not progress.epoch_ends:
            return
        fields = asdict(progress) | {"examples_per_second": progress.examples_per_second}
        self._waiting.append(json.dumps(fields) + "\n")
        try:
            self._append("".join(self._waiting))
            self.trouble, self._waiting = None, []
        except OSError as error:
            self.trouble = f"{self.path} could not be written: {(error.strerror or str(error)).lower()}"
            self.warn(f"{self.trouble}; the training goes on, and the next epoch tries again")

    def _append(self, text):
        """All of the text, or nothing where the disk is full; a line torn by a crash before this run stays apart."""
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
