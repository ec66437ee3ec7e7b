"""Keep compiled code on disk, in a folder that only the user can write to.

A file is called NAME-KEY-DIGEST.so. The key is a digest of everything that goes into the file, so the code is never
stale; the last part is a digest of the key and the content, so a damaged file is never loaded.

Whoever can write to the cache can run code as the user. So the folder and its files must belong to the user, and nobody
else may write to them. The folder is checked when it is opened, and paths lead through the open descriptor: they stay
in this folder even if another user can rename its parents. If there is no such folder, or it is full, this process uses
a temporary one and says so.
"""

import hashlib
import os
import re
import shutil
import stat
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

from hw5.errors import InputError
from hw5.files import sync_folder
from hw5.scratch import DAY, is_private, process_folder

_MAX_UNUSED = 30 * DAY  # after which a file is removed
_UNFINISHED = "unfinished-"  # the prefix of a file that is being written
_LEFTOVER = re.compile(rf"({_UNFINISHED}|build-)[a-z0-9_]{{8}}")  # the latter are folders of earlier versions
_OURS = re.compile(r".+-[0-9a-f]{32}(-[0-9a-f]{32})?\.(so|cubin)")
_descriptors = {}  # of the folders that this process opened; never closed, because paths lead through them
_lock = threading.Lock()
_reported = set()  # caches that cannot be used


def cached(name, key, build, suffix=".so"):
    """The path of a file in the cache; if it is not there, or damaged, build(path) makes it.

    Raises InputError if there is no folder for it.
    """
    stem = f"{name}-{key}"
    try:
        folder = _open_cache()
        found = _find(folder, stem, suffix)
    except OSError as error:
        _report(error)
        folder = found = None
    try:
        return found or _build(stem, suffix, build, folder)
    except OSError as error:
        raise InputError(
            f"compiled code cannot be stored: {_reason(error)}; set HW5_CACHE and TMPDIR to folders with room that only "
            "you can write to"
        ) from error


def _build(stem, suffix, build, cache):
    """The path of a new file in the cache, or in the temporary folder of this process if the cache cannot be used."""
    temporary = process_folder()
    found = _find(temporary, stem, suffix)
    if found:
        return found
    with tempfile.TemporaryDirectory(dir=temporary, prefix="build-", ignore_cleanup_errors=True) as scratch:
        unfinished = Path(scratch) / f"{stem}{suffix}"
        build(unfinished)
        content = unfinished.read_bytes()
    name = f"{stem}-{_digest(stem, content)}{suffix}"
    if cache:
        try:
            return _store(cache, name, content)
        except OSError as error:
            _report(error)
    return _store(temporary, name, content)


# ---- the folder


def cache_folder():
    """The cache: $HW5_CACHE, else hw5/compiled in $XDG_CACHE_HOME or ~/.cache.

    Raises OSError if there is no home directory.
    """
    folder = os.path.expanduser(_configured())
    if folder.startswith("~"):
        raise OSError(0, "there is no such home directory")
    return Path(os.path.abspath(folder))


def _configured():
    user_cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return os.environ.get("HW5_CACHE") or os.path.join(user_cache, "hw5", "compiled")


def _open_cache():
    """A path of the cache that always leads to the same folder; OSError if others can write to it."""
    folder = cache_folder()
    with _lock:
        if not _is_open(folder):
            _descriptors[folder] = _open(folder)
        return Path(f"/proc/self/fd/{_descriptors[folder]}")


def _is_open(folder):
    """Whether the folder is open, and still the one at its path."""
    try:
        return os.path.samestat(os.stat(folder), os.fstat(_descriptors[folder]))
    except (KeyError, OSError):
        return False


def _open(folder):
    if not os.path.lexists(folder):
        _create(folder)
    if os.lstat(folder).st_uid not in (0, os.geteuid()):  # of a link, if it is one
        raise OSError(0, "it belongs to another user")
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    status = os.fstat(descriptor)
    if is_private(status):
        return descriptor
    os.close(descriptor)
    writable = status.st_uid == os.geteuid()
    raise OSError(0, "other users can write to it" if writable else "it belongs to another user")


def _create(folder):
    """Make the folder, but not by default in another user's home, who could not remove root's files from there."""
    if not os.environ.get("HW5_CACHE"):
        parent = next(parent for parent in folder.parents if parent.exists())
        if parent.stat().st_uid not in (0, os.geteuid()):
            raise OSError(0, f"{parent} belongs to another user")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def _report(error):
    """Say on standard error, once, why the cache cannot be used."""
    folder = _configured()
    if folder in _reported or sys.stderr is None:
        return
    _reported.add(folder)
    with suppress(OSError, ValueError):  # standard error is closed
        print(
            f"hw5: the cache of compiled code, {folder}, cannot be used: {_reason(error)}; this run uses a temporary "
            "folder (set HW5_CACHE to choose another cache)",
            file=sys.stderr,
            flush=True,
        )


def _reason(error):
    return error.strerror[:1].lower() + error.strerror[1:] if error.strerror else str(error)


# ---- its files


def _digest(stem, content):
    digest = hashlib.blake2b(stem.encode(errors="surrogateescape") + b"\0", digest_size=16)
    digest.update(content)
    return digest.hexdigest()


def _find(folder, stem, suffix):
    """The path of an undamaged file of the user, or None."""
    for name in os.listdir(folder):
        if name.startswith(f"{stem}-") and name.endswith(suffix):
            content = _read(folder / name)
            if content is not None and name == f"{stem}-{_digest(stem, content)}{suffix}":
                return folder / name
    return None


def _read(path):
    """The content of a regular file that only the user can write to, else None; marks it as used."""
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:  # a FIFO is not waited for
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode) or not is_private(status):
                return None
            with suppress(OSError):  # a read-only file system
                os.utime(file.fileno())
            return file.read()
    except OSError:
        return None


def _store(folder, name, content):
    """Write a file to disk under a temporary name and rename it, so that it is always whole; return its path."""
    descriptor, unfinished = tempfile.mkstemp(dir=folder, prefix=_UNFINISHED)
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        os.replace(unfinished, folder / name)
    except BaseException:
        with suppress(OSError):
            os.unlink(unfinished)
        raise
    sync_folder(folder)
    _remove_unused(folder)
    return folder / name


def _remove_unused(folder):
    """Remove files that were not used for long, and what killed processes left."""
    now = time.time()
    for name in os.listdir(folder):
        age = _MAX_UNUSED if _OURS.fullmatch(name) else DAY if _LEFTOVER.fullmatch(name) else None
        with suppress(OSError):  # another process has removed it
            if age and os.lstat(folder / name).st_mtime < now - age:
                _remove(folder / name)


def _remove(path):
    """Remove a file, or a folder with the mode of a temporary one."""
    mode = os.lstat(path).st_mode
    if not stat.S_ISDIR(mode):
        os.unlink(path)
    elif stat.S_IMODE(mode) == 0o700:
        shutil.rmtree(path)
