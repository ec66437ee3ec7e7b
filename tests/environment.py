"""The environment of programs that tests start."""

import os


def python_path(*folders):
    """PYTHONPATH with these folders before those that it has, where installed packages may be."""
    return os.pathsep.join(map(str, filter(None, [*folders, os.environ.get("PYTHONPATH")])))
