"""Write files without losing what was there: write a temporary file next to the target, then rename it."""

import errno
import glob
import hashlib
import os
import shutil
import stat
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path

from hw5.errors import InputError, reason_of

try:
    import fcntl
except ImportError:  # Windows has no such locks
    fcntl = None


@contextmanager
def atomic_write(path, like=None):
    """Open a binary file that replaces path when the block ends; after an exception path is unchanged.

    The new content is on disk when the block has ended, so a power loss cannot destroy it. Missing folders are created,
    and links are followed. A copy of the file `like` gets its permissions, and write_lock removes its temporary files
    with those of `like`. Raises OSError if the folder cannot be written, or path is a device, which would be gone.
    """
    path = Path(os.path.realpath(path))  # replaces the target of a link, not the link
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=temporary_prefix(Path(like or path)))
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, _permissions(like or path))  # mkstemp gives permissions to the owner alone
        os.replace(temporary, path)
    except BaseException as error:
        with suppress(OSError):
            os.unlink(temporary)
        if isinstance(error, OSError) and error.filename in (None, temporary):
            error.filename = str(path)  # a full disk names no file
        raise
    sync_folder(path.parent)


def temporary_prefix(path):
    """The start of the names of path's temporary files."""
    return f".{_short_name(path)}.hw5-"


def _short_name(path):
    """The name of path, or a digest of a name that leaves no room for a suffix (most file systems allow 255 bytes)."""
    name = os.fsencode(path.name)
    return path.name if len(name) <= 200 else hashlib.blake2b(name, digest_size=16).hexdigest()


def _permissions(path):
    """Those of the file at path, or of a new file."""
    try:
        return stat.S_IMODE(os.stat(path).st_mode) & 0o777
    except FileNotFoundError:
        return 0o666 & ~_umask()


def sync_folder(folder):
    """Write a rename to disk, if the file system can."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


@contextmanager
def write_lock(path, option):
    """Lock path against other processes that call write_lock, and remove the temporary files of killed ones.

    The lock is a file next to path, which is released when its process ends. Raises InputError, naming the option, if
    another process has the lock.
    """
    path = Path(os.path.realpath(path))
    lock = path.with_name(f".{_short_name(path)}.lock")
    with locked(lock) as is_locked:
        if not is_locked:
            raise InputError(
                f"{option} {path}: another hw5 process is writing this file; choose another file, or wait until it ends"
            )
        for leftover in glob.glob(glob.escape(os.path.join(path.parent, temporary_prefix(path))) + "*"):
            with suppress(OSError):
                shutil.rmtree(leftover) if os.path.isdir(leftover) else os.unlink(leftover)
        yield


@contextmanager
def locked(lock):
    """Hold an advisory lock on a file, which exists during the block; gives False if another process holds it."""
    if fcntl is None:
        yield True
        return
    while True:
        lock.parent.mkdir(parents=True, exist_ok=True)
        file = open(os.open(lock, os.O_CREAT | os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666))
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
        file.close()  # the process that had the lock has just removed the file
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
    """Check before a long run that path can be written; raises InputError, naming the option.

    Nothing is created at path, where another process may write meanwhile.
    """
    path = Path(os.path.realpath(path))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):  # as atomic_write needs
            pass
        with suppress(FileNotFoundError):  # raised for a new file, but not for a name that is too long
            descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK)
            is_regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
            os.close(descriptor)
            if not is_regular:
                raise OSError(0, "it is not a regular file")
    except OSError as error:
        reason = reason_of(error)
        raise InputError(f"{option} {path} cannot be written: {reason}; choose a file in a writable folder") from error
