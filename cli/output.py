"""Standard output and error during a training, which no failure of theirs may end.

The reader of a pipe may die, a disk may be full, a terminal may be closed. From then on the output goes nowhere, the
training continues and saves its model, and the exit code says that output was lost.
"""

import errno
import io
import os
import select
import sys
from contextlib import contextmanager, suppress

from hw5.errors import RunError


class Guarded:
    """A text stream whose writes never fail; `failure` is the first OSError, other than a closed pipe's."""

    def __init__(self, stream):
        self._stream, self.failure = stream, None

    def write(self, text):
        self._try(self._stream.write, text)
        return len(text)

    def flush(self):
        self._try(self._stream.flush)

    def _try(self, operation, *arguments):
        try:
            operation(*arguments)
        except (OSError, ValueError) as error:  # ValueError: the stream was closed
            if self.failure is None and not isinstance(error, BrokenPipeError):
                self.failure = error
            discard(self._stream)

    def __getattr__(self, name):
        return getattr(self._stream, name)


_CLOSED = "it is closed"


class Closed(io.TextIOBase):
    """A standard output that was closed before the program began: nobody reads it, as behind a broken pipe."""

    def write(self, text):
        raise BrokenPipeError(errno.EPIPE, _CLOSED)

    def fileno(self):
        return 1


@contextmanager
def no_silent_exit():
    """Exit without a word, and code 1, where a pipe's reader has enough, as `| head` has.

    A closed output is an error.
    """
    try:
        yield
    except (BrokenPipeError, SystemExit) as stopped:
        error = stopped if isinstance(stopped, BrokenPipeError) else stopped.__context__
        if not isinstance(error, BrokenPipeError):
            raise
        if error.strerror == _CLOSED:
            raise RunError(f"standard output could not be written: {error.strerror}") from error
        discard(sys.stdout)
        sys.exit(1)


def occupy_closed_descriptors():
    """Open nothing as each standard stream that is closed, so that no file of ours gets its descriptor."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest that is free


def discard(stream):
    """Connect the stream to nothing, so that what it has buffered does not fail again at the end of the program."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


@contextmanager
def guarded():
    """Guard standard output and error during the block; yields their Guarded streams by name."""
    streams = {name: Guarded(getattr(sys, name)) for name in ("stdout", "stderr") if getattr(sys, name) is not None}
    for name, stream in streams.items():
        setattr(sys, name, stream)
    try:
        yield streams
    finally:
        for name, stream in streams.items():
            stream.flush()
            setattr(sys, name, stream._stream)


def failure(streams):
    """A sentence on the first stream that failed, or None."""
    names = {"stdout": "standard output", "stderr": "standard error"}
    for name, stream in streams.items():
        if stream.failure:
            reason = getattr(stream.failure, "strerror", None) or str(stream.failure)
            return f"{names[name]} could not be written: {reason.lower()}"
    return None


def require_written(*writers):
    """Raise RunError if one of the writers (checkpoints, logs; some may be None) has an error."""
    error = next((each.error for each in writers if each and each.error), None)
    if error:
        raise RunError(f"training finished, but {error}")


def tell_from_signal_handler(text):
    """Write a line to standard error, unless it is closed or its reader does not read: a handler must not wait."""
    with suppress(OSError, ValueError):
        if select.select([], [2], [], 0)[1]:
            os.write(2, f"hw5: {text}\n".encode(errors="replace"))
