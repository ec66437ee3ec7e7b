"""Errors that end a command; the message is one sentence for the user."""

import difflib
import re


class InputError(Exception):
    """Invalid input: what is wrong, where, and what to do. Exit code 2."""


class RunError(Exception):
    """A run that failed with valid input. Exit code 1."""


class Interrupted(RunError):
    """A run stopped by a signal. Exit code 128 + signum, which is 130 for Ctrl-C."""

    def __init__(self, message, signum):
        super().__init__(message)
        self.signum = signum


def reason_of(error):
    """What an OSError says, for the middle of a sentence."""
    return (error.strerror or str(error)).lower()


def did_you_mean(name, names):
    """A hint for an unknown name, such as " (did you mean 'relu'?)", or "" if none of names is similar."""
    by_lower_case = {known.lower(): known for known in names}
    near = difflib.get_close_matches(name.lower(), by_lower_case, n=1)
    return f" (did you mean {by_lower_case[near[0]]!r}?)" if near else ""


def require_known(kind, name, names):
    """Raise InputError if name, of a kind such as "loss", is not one of names."""
    if name not in names:
        raise InputError(f"there is no {kind} {name!r}{did_you_mean(str(name), names)}; choose from {', '.join(names)}")


def in_parameters(message):
    """A message with lr_decay instead of --lr-decay, for Python; commands stay as they are."""
    return re.sub(r"(?<!hw5 train )--([a-z][a-z0-9-]*)", lambda option: option[1].replace("-", "_"), str(message))
