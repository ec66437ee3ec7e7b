"""Paths of data, and the directory of downloaded data sets."""

import os
from collections.abc import Collection
from pathlib import Path

from hw5.errors import InputError, did_you_mean


def absolute(path: str | Path) -> Path:
    """The absolute path, in which ~ is the home directory; links stay."""
    return Path(os.path.abspath(os.path.expanduser(path)))


def existing(source: str, names: Collection[str] = ()) -> Path:
    """The absolute path of `source`; InputError, which suggests one of `names`, if it does not exist."""
    if not source:  # which would be the current directory
        raise InputError("the path of the data is empty; give that of a file or folder, or the name of a data set")
    path = absolute(source)
    if not os.path.exists(path):
        choice = f", or choose one of the data sets {', '.join(names)}" if names else ""
        raise InputError(f"{source}: no such file or folder{did_you_mean(source, names)}; check the path{choice}")
    return path


def data_directory(data_dir: str | Path | None = None) -> Path:
    """The directory of downloaded data sets: data_dir, else $HW5_DATA, else hw5/data in the user's cache."""
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    folder = os.path.expanduser(data_dir or os.environ.get("HW5_DATA") or os.path.join(cache, "hw5", "data"))
    if folder.startswith("~"):
        raise InputError(f"{folder}: there is no such home directory; choose a folder with --data-dir or HW5_DATA")
    return absolute(folder)
