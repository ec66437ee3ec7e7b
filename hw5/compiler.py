"""Compiled C++ components: find the compiler, build a shared library once, keep it in the user's cache.

A library is kept under a digest of all that went into it, so a warm start runs no compiler, and no stale build is ever
found. It is built under another name and renamed when complete: two processes may build the same one at once.
"""

import functools
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from hw5.errors import InputError

KEEP_UNUSED = 30 * 24 * 3600  # seconds that a library stays in the cache without being used


class CompileError(InputError):
    """A source file that the compiler refused; the message holds the compiler's own lines."""


@dataclass(frozen=True)
class Compiler:
    """A C++ compiler on this machine."""

    path: str

    @property
    def is_clang(self):
        return "clang" in Path(self.path).name

    @property
    def identity(self):
        """What changes when another compiler is installed in its place; asking it for its version takes longer."""
        file = Path(self.path).resolve()
        status = file.stat()
        return f"{file} {status.st_size} {status.st_mtime_ns}"

    def run(self, arguments, directory, what):
        """Run the compiler in a directory; CompileError, beginning with `what`, if it fails."""
        command = [self.path, *arguments]
        result = subprocess.run(command, cwd=directory, capture_output=True, text=True, errors="replace")
        if result.returncode != 0:
            raise CompileError(f"{what} does not compile:\n{result.stderr.strip()}")


def find_compiler():
    """The compiler named by $CXX, else g++, else clang++; InputError if there is none, or not on this system."""
    if sys.platform != "linux" or platform.machine() not in ("x86_64", "aarch64"):
        raise InputError(
            f"this needs Linux on x86-64 or aarch64, and this is {platform.system()} on {platform.machine()}: "
            "use --device cpu"
        )
    for name in (os.environ.get("CXX"), "g++", "clang++"):
        path = name and shutil.which(name)
        if path:
            return Compiler(path)
    raise InputError("no C++ compiler was found on PATH (g++ or clang++): install one, for instance `apt install g++`")


_temporary = []  # the folder instead of a cache, kept for as long as the process runs, then removed
_temporary_lock = threading.Lock()


def _temporary_folder():
    with _temporary_lock:
        if not _temporary:
            _temporary.append(tempfile.TemporaryDirectory(prefix="hw5-"))
        return Path(_temporary[0].name)


def cache_folder():
    """Where compiled libraries are kept: $HW5_CACHE, $XDG_CACHE_HOME/hw5 or ~/.cache/hw5, if it can be written to."""
    if os.environ.get("HW5_CACHE"):
        folder = Path(os.environ["HW5_CACHE"])
    else:
        folder = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "hw5"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except (OSError, RuntimeError):  # RuntimeError: no home directory
        return _temporary_folder()


_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*"([^"\n]+)"', re.MULTILINE)


def with_includes(source, folders=()):
    """A source file and, transitively, the files that it includes in quotes from its own folder or from folders."""
    found, left = [], [Path(source)]
    while left:
        file = left.pop()
        if file in found or not file.is_file():
            continue
        found.append(file)
        text = file.read_text(encoding="utf-8", errors="replace")
        left += [
            Path(os.path.normpath(folder / name)) for name in _INCLUDE.findall(text) for folder in (file.parent, *folders)
        ]
    return found


def digest(compiler, files, flags):
    """A key for what a compiler makes of files with flags; it tells machines apart where the flags ask for that."""
    key = hashlib.sha256()
    for part in (compiler.identity, platform.machine(), *flags):
        key.update(part.encode() + b"\0")
    if "-march=native" in flags:
        key.update(_processor())
    for file in files:
        key.update(file.name.encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    return key.hexdigest()[:32]


@functools.cache
def _processor():
    """The lines of /proc/cpuinfo that say which instructions there are."""
    lines = Path("/proc/cpuinfo").read_bytes().splitlines()
    return b"\n".join(sorted({line for line in lines if line.startswith((b"model name", b"flags", b"Features"))}))


def cached(name, key, build, suffix=".so"):
    """The file of this name and key from the cache; if it is not there, build(path) makes it at a path."""
    folder = cache_folder()
    library = folder / f"{name}-{key}{suffix}"
    try:
        os.utime(library)  # it is in use: see _remove_unused
        return library
    except FileNotFoundError:
        pass
    with tempfile.TemporaryDirectory(dir=folder, prefix="build-") as scratch:
        unfinished = Path(scratch) / library.name
        build(unfinished)
        os.replace(unfinished, library)
    _remove_unused(folder)
    return library


def _remove_unused(folder):
    for library in (*folder.glob("*.so"), *folder.glob("*.cubin")):
        try:
            if library.stat().st_mtime < time.time() - KEEP_UNUSED:
                library.unlink()
        except FileNotFoundError:
            pass  # another process was quicker


def build_shared_library(source, flags=("-O2",), folders=()):
    """Compile one C++ file, with what it includes also from folders, to a shared library; return the library's path."""
    source = Path(source)
    compiler = find_compiler()
    flags = ("-std=c++17", "-fPIC", "-shared", "-fvisibility=hidden", *flags)

    def build(library):
        includes = [f"-I{folder}" for folder in folders]
        compiler.run([*flags, *includes, str(source), "-o", str(library)], source.parent, str(source))

    return cached(source.stem, digest(compiler, with_includes(source, folders), flags), build)
