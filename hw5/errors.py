"""The ways in which a command ends early; each carries one sentence for the user."""


class InputError(Exception):
    """Bad input: what was wrong, where, and what to do. The program exits with code 2."""


class RunError(Exception):
    """A run that failed although its input was sound. The program exits with code 1."""


class Interrupted(RunError):
    """A run that the user stopped. The program exits with code 130."""
