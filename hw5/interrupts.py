"""Ctrl-C in Python: what runs stops where it is consistent."""

import signal
import threading
from contextlib import contextmanager


def is_interrupt(error):
    """Whether an exception is Ctrl-C, or was made of it.

    Python 3.11 makes a RuntimeError of one in __set_name__, while a module is imported; pybind11 an ImportError, while it
    loads a library.
    """
    while error and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return error is not None


@contextmanager
def interruptible():
    """Yield a list that is empty until Ctrl-C; the second Ctrl-C raises KeyboardInterrupt, as outside.

    Only the main thread gets signals; elsewhere the list stays empty.
    """
    asked = []
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or before is None:
        yield asked
        return

    def note(signum, frame):
        asked.append(signum)
        signal.signal(signal.SIGINT, before)

    try:
        signal.signal(signal.SIGINT, note)
        yield asked
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def interrupt_afterwards():
    """Let Ctrl-C take effect when the block has ended; a second one does so at once.

    For what would make another error of it: zipfile raises ValueError when it closes an archive that is being written.
    """
    asked = ()
    try:
        with interruptible() as asked:
            yield
    finally:
        if asked:
            signal.raise_signal(signal.SIGINT)
