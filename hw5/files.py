"""Writing files so that nothing that existed is lost: beside the target first, then renamed over it."""

import glob
import os
import shutil
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path

from hw5.errors import InputError

try:
    import fcntl
except ImportError:  # on Windows another process goes undetected
    fcntl = None


@contextmanager
def atomic_write(path):
    """A binary file that becomes path when the block ends well; on an exception path stays as it was.

    When the block has ended, the new content survives even a loss of power. Missing folders are made. Raises OSError
    where the folder cannot be written.
    """
    path = Path(os.path.realpath(path))  # of a link, what it leads to is replaced
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=_temporary_prefix(path))
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise
    _sync_folder(path.parent)


def _temporary_prefix(path):
    return f".{path.name}.hw5-"


def _sync_folder(folder):
    """Make a renaming in the folder last; some file systems know no such thing."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _umask():
    """The permissions that new files of this process lack; mkstemp leaves theirs to the owner alone."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


@contextmanager
def write_lock(path, option):
    """For the length of the block, let no other process that asks the same write path.

    What a killed process has left half written beside path is removed. Raises InputError, naming the option, where
    another process has path already. The lock is a file beside path, and goes with the process that holds it.
    """
    path = Path(os.path.realpath(path))
    lock = path.with_name(f".{path.name}.lock")
    with _locked(lock) as held:
        if not held:
            raise InputError(
                f"{option} {path}: another hw5 is writing this file; name another one, or wait for its end"
            )
        for leftover in glob.glob(glob.escape(os.path.join(path.parent, _temporary_prefix(path))) + "*"):
            with suppress(OSError):
                shutil.rmtree(leftover) if os.path.isdir(leftover) else os.unlink(leftover)
        yield


@contextmanager
def _locked(lock):
    """Hold an advisory lock on a file that exists for the length of the block; gives False where another holds it."""
    if fcntl is None:
        yield True
        return
    while True:
        lock.parent.mkdir(parents=True, exist_ok=True)
        file = open(os.open(lock, os.O_CREAT | os.O_RDONLY, 0o666))
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            yield False
            return
        except OSError:  # a file system without locks
            break
        if _is_still_at(lock, file):
            break
        file.close()  # its holder before has just removed it
    try:
        yield True
    finally:
        with suppress(OSError):
            os.unlink(lock)
        file.close()


def _is_still_at(path, file):
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(path))
    except FileNotFoundError:
        return False


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
