"""What `load` is given as a source: the name of a data set, a path, standard input, or data in memory."""

import os
from pathlib import Path
from typing import Any

from hw5.datasets import memory
from hw5.datasets.built_in import BUILT_IN
from hw5.datasets.paths import absolute, existing
from hw5.opening import Spool, standard_input
from hw5.text import printable

Source = str | tuple | Any  # a name or path, (X, y), or a DataFrame
STANDARD_INPUT = "-"


def name_and_source(source: Source) -> tuple[str, str]:
    """The Dataset's name and source."""
    if not isinstance(source, str):
        return memory.WHERE, memory.SOURCE
    if source in BUILT_IN:
        return source, source
    if source == STANDARD_INPUT:
        return "standard input", source
    path = absolute(source)
    return printable(path.name), str(path)


def file_of(source: str) -> Path | Spool:
    """The file or folder of a source that is no built-in data set. Raises InputError."""
    return standard_input() if source == STANDARD_INPUT else existing(source, BUILT_IN)


def are_same_file(source: Source, test: Source) -> bool:
    """Whether two sources are the same file."""
    paths = [each for each in (source, test) if isinstance(each, str) and each not in BUILT_IN and os.path.isfile(each)]
    return len(paths) == 2 and os.path.samefile(*paths)
