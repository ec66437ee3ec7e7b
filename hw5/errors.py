"""The ways in which a command ends early; each carries one sentence for the user."""

import difflib


class InputError(Exception):
    """Bad input: what was wrong, where, and what to do. The program exits with code 2."""


class RunError(Exception):
    """A run that failed although its input was sound. The program exits with code 1."""


class Interrupted(RunError):
    """A run that a signal stopped. The program exits with the code 128 + signum: 130 after Ctrl-C."""

    def __init__(self, sentence, signum):
        super().__init__(sentence)
        self.signum = signum


def did_you_mean(name, names):
    """Of the names the one that is nearest to an unknown name, in words: " (did you mean 'relu'?)"; or nothing."""
    by_lower_case = {known.lower(): known for known in names}
    near = difflib.get_close_matches(name.lower(), by_lower_case, n=1)
    return f" (did you mean {by_lower_case[near[0]]!r}?)" if near else ""


def require_known(what, name, names):
    """Raise InputError where name is none of the names of what."""
    if name not in names:
        raise InputError(f"there is no {what} {name!r}{did_you_mean(str(name), names)}; they are {', '.join(names)}")
