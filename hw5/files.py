"""Writing files so that nothing that existed is lost: beside the target first, then renamed over it."""

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path

from hw5.errors import InputError


@contextmanager
def replacing(path):
    """A binary file that becomes path when the block ends well; on an exception path stays as it was.

    Missing folders are made. Raises OSError where the folder cannot be written.
    """
    path = Path(os.path.realpath(path))  # of a link, what it leads to is replaced
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".hw5-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _umask():
    """The permissions that new files of this process lack; mkstemp leaves theirs to the owner alone."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def require_writable(path, option):
    """Find out before the work, not after it, that path cannot be written; raises InputError naming the option."""
    path = Path(path)
    existed = path.exists()
    try:
        if existed and not path.is_file():
            raise OSError(0, "it is a folder" if path.is_dir() else "it is not a regular file")
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent), open(path, "ab"):
            pass  # the folder takes new files, and the file new content
        if not existed:
            path.unlink()
    except OSError as error:
        reason = error.strerror.lower() if error.strerror else str(error)
        raise InputError(
            f"{option} {path} cannot be written: {reason}; name a file in a folder you may write to"
        ) from error
