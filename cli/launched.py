"""hw5 in a process that an MPI launcher started; see ranks.py. Nothing here takes time to import."""

import os
import sys

from hw5.cli.output import discard
from hw5.devices.launcher import launch
from hw5.errors import InputError

voice = 2  # the descriptor for the last words of a rank that is otherwise silent


def silence():
    """Let a rank other than 0 print nothing: rank 0 prints what there is to say."""
    global voice
    launched = launch()
    if launched and launched.rank:
        voice = os.dup(2)
        discard(sys.stdout)
        discard(sys.stderr)


def require_one_process(verb):
    """Raise InputError if a launcher started several processes for a verb that does not share its work."""
    launched = launch()
    if launched and launched.ranks > 1:
        raise InputError(
            f"hw5 {verb} works in one process, and the MPI launcher started {launched.ranks}; start it without the "
            "launcher"
        )
