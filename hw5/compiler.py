"""Find the C++ compiler, build shared libraries, and cache them.

The cache key is a digest of everything that goes into a library, so that a cached library is never stale. A library is
built under a temporary name and then renamed, so that two processes may build the same one.
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

_MAX_UNUSED = 30 * 24 * 3600  # seconds after which an unused library is removed from the cache


class CompileError(InputError):
    """A source file that does not compile; the message has the compiler's output."""


@dataclass(frozen=True)
class Compiler:
    """A C++ compiler."""

    path: str

    @property
    def is_clang(self):
        return "clang" in Path(self.path).name

    @property
    def identity(self):
        """A key that changes with the compiler; running it for its version would take longer."""
        file = Path(self.path).resolve()
        status = file.stat()
        return f"{file} {status.st_size} {status.st_mtime_ns}"

    def run(self, arguments, directory, source):
        """Run the compiler in a directory; raises CompileError, naming the source, if it fails."""
        command = [self.path, *arguments]
        result = subprocess.run(command, cwd=directory, capture_output=True, text=True, errors="replace")
        if result.returncode != 0:
            raise CompileError(f"{source} does not compile:\n{result.stderr.strip()}")


def find_compiler():
    """The compiler $CXX, else g++, else clang++; InputError if there is none, or the platform is not supported."""
    if sys.platform != "linux" or platform.machine() not in ("x86_64", "aarch64"):
        raise InputError(
            f"compiled code needs Linux on x86-64 or aarch64, not {platform.system()} on {platform.machine()}: "
            "use --device cpu"
        )
    for name in (os.environ.get("CXX"), "g++", "clang++"):
        path = name and shutil.which(name)
        if path:
            return Compiler(path)
    raise InputError("no C++ compiler (g++ or clang++) is on PATH: install one, for instance with `apt install g++`")


_temporary = []  # the folder used if the cache cannot be written; removed when the process ends
_temporary_lock = threading.Lock()


def _temporary_folder():
    with _temporary_lock:
        if not _temporary:
            _temporary.append(tempfile.TemporaryDirectory(prefix="hw5-"))
        return Path(_temporary[0].name)


def cache_folder():
    """The cache: $HW5_CACHE, else $XDG_CACHE_HOME/hw5, else ~/.cache/hw5; a temporary folder if it is not writable."""
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
    """A source file and all files that it includes in quotes, directly or not, from their own folders or `folders`."""
    files, queue = [], [Path(source)]
    while queue:
        file = queue.pop()
        if file in files or not file.is_file():
            continue
        files.append(file)
        text = file.read_text(encoding="utf-8", errors="replace")
        names = _INCLUDE.findall(text)
        queue += [Path(os.path.normpath(folder / name)) for name in names for folder in (file.parent, *folders)]
    return files


def digest(compiler, files, flags):
    """The cache key of files compiled with flags; with -march=native it depends on the processor."""
    key = hashlib.sha256()
    for text in (compiler.identity, platform.machine(), *flags):
        key.update(text.encode() + b"\0")
    if "-march=native" in flags:
        key.update(_processor())
    for file in files:
        key.update(file.name.encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    return key.hexdigest()[:32]


@functools.cache
def _processor():
    """The lines of /proc/cpuinfo that determine the instruction set."""
    lines = Path("/proc/cpuinfo").read_bytes().splitlines()
    return b"\n".join(sorted({line for line in lines if line.startswith((b"model name", b"flags", b"Features"))}))


def cached(name, key, build, suffix=".so"):
    """The path of a file in the cache; if it is not there, build(path) makes it."""
    folder = cache_folder()
    library = folder / f"{name}-{key}{suffix}"
    try:
        os.utime(library)  # marks it as used, see _remove_unused
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
            if library.stat().st_mtime < time.time() - _MAX_UNUSED:
                library.unlink()
        except FileNotFoundError:
            pass  # another process has removed it


def build_shared_library(source, flags=("-O2",), folders=()):
    """Compile a C++ file, which may include files from folders, to a shared library in the cache; return its path.

    Raises CompileError or InputError.
    """
    source = Path(source)
    compiler = find_compiler()
    flags = ("-std=c++17", "-fPIC", "-shared", "-fvisibility=hidden", *flags)

    def build(library):
        includes = [f"-I{folder}" for folder in folders]
        compiler.run([*flags, *includes, str(source), "-o", str(library)], source.parent, str(source))

    return cached(source.stem, digest(compiler, with_includes(source, folders), flags), build)
