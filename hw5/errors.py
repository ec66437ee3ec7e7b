"""The ways in which a command ends early; each carries one sentence for the user."""

import difflib


class InputError(Exception):
    """Bad input: what was wrong, where, and what to do. The program exits with code 2."""


def require_known(what, name, names):
    """Raise InputError where name is none of the names of what, with the nearest of them."""
    if name not in names:
        near = difflib.get_close_matches(str(name), names, n=1)
        guess = f"did you mean {near[0]!r}? " if near else ""
        raise InputError(f"there is no {what} {name!r}; {guess}they are {', '.join(names)}")


class RunError(Exception):
    """A run that failed although its input was sound. The program exits with code 1."""


class Interrupted(RunError):
    """A run that a signal stopped. The program exits with the code 128 + signum: 130 after Ctrl-C."""

    def __init__(self, sentence, signum):
        super().__init__(sentence)
        self.signum = signum
