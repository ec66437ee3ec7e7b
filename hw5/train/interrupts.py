"""Ctrl-C during a training in Python: the training stops where it is consistent."""

import signal
import threading
from contextlib import contextmanager


@contextmanager
def interruptible():
    """Yield a list that is empty until Ctrl-C; the second Ctrl-C raises KeyboardInterrupt, as outside.

    Only the main thread gets signals; elsewhere the list stays empty.
    """
    asked = []
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGINT) is None:
        yield asked
        return

    def note(signum, frame):
        asked.append(signum)
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, before)
