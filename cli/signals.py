"""Signals that stop a training: it ends after its step, and saves what there is."""

import signal
from contextlib import contextmanager

from hw5.cli import output


@contextmanager
def stoppable():
    """Yield a list to which Ctrl-C, SIGTERM and SIGHUP are appended; a second Ctrl-C or SIGTERM ends the program.

    A closed terminal may send SIGHUP several times. It stays ignored where it was, as under nohup.
    """
    signals = []

    def stop(signum, frame):
        if not signals:
            output.tell_from_signal_handler("stopping after this step; press Ctrl-C again to quit immediately")
            for each in before.keys() & {signal.SIGINT, signal.SIGTERM}:
                signal.signal(each, signal.SIG_DFL)
        signals.append(signum)

    chosen = {signal.SIGINT, signal.SIGTERM}
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        chosen.add(signal.SIGHUP)
    before = {signum: signal.getsignal(signum) for signum in chosen}
    try:
        for signum in chosen:
            signal.signal(signum, stop)
        yield signals
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)
