"""A temporary folder of this process, removed when it ends; those of killed processes are removed by later ones."""

import atexit
import os
import shutil
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows has no such locks
    fcntl = None

DAY = 24 * 3600  # seconds
_PREFIX = "hw5-compile-"
_folders = {}  # by process, because a forked process has its own
_lock = threading.Lock()


def process_folder():
    """The temporary folder of this process, which only the user can read or write; OSError if there can be none."""
    with _lock:
        folder = _folders.get(os.getpid())
        if folder is None or not folder.is_dir():
            with suppress(OSError):
                _remove_abandoned(Path(tempfile.gettempdir()))
            while not (folder := _new_folder()):
                pass
            _folders[os.getpid()] = folder
            atexit.register(_remove, folder, os.getpid())
        return folder


def _new_folder():
    """A new folder, locked until this process ends; None if another process took it for abandoned before that."""
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    with suppress(FileNotFoundError):
        if _lock_folder(os.open(folder, os.O_RDONLY)) and folder.is_dir():
            return folder
    return None


def _remove(folder, process):
    if os.getpid() == process:
        shutil.rmtree(folder, ignore_errors=True)


def _remove_abandoned(parent):
    for name in os.listdir(parent):
        if name.startswith(_PREFIX):
            with suppress(OSError), _opened(parent / name) as descriptor:
                status = os.fstat(descriptor)
                if is_private(status) and _lock_folder(descriptor, changed=status.st_mtime):
                    shutil.rmtree(parent / name)


@contextmanager
def _opened(folder):
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _lock_folder(descriptor, changed=0):
    """Whether a folder could be locked. Where there are no locks, it can be if it was not changed within a day."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except (OSError, AttributeError):
        return changed < time.time() - DAY
    return True


def is_private(status):
    """Whether a file or folder is the user's and no other user can write to it."""
    return status.st_uid == os.geteuid() and not status.st_mode & 0o022
