"""Find the C++ compiler, and build shared libraries, which are cached under a digest of all that goes into them."""

import functools
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from hw5.cache import cached
from hw5.errors import InputError


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

    def run(self, arguments, directory, source, scratch=None):
        """Run the compiler in a directory; raises CompileError, naming the source, if it fails.

        scratch: a folder for its temporary files, which it leaves there if it is killed.
        """
        command = [self.path, *arguments]
        environment = os.environ | ({"TMPDIR": str(scratch)} if scratch else {})
        try:
            result = subprocess.run(
                command, cwd=directory, env=environment, capture_output=True, text=True, errors="replace"
            )
        except OSError as error:
            raise CompileError(f"{source} does not compile:\n{self.path} cannot be run: {error.strerror}") from error
        if result.returncode != 0:
            raise CompileError(f"{source} does not compile:\n{result.stderr.strip()}")


def version_lines(program):
    """The lines that a program prints for --version."""
    return subprocess.run([program, "--version"], capture_output=True, text=True).stdout.strip().splitlines() or ["?"]


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


def build_shared_library(source, flags=("-O2",), folders=()):
    """Compile a C++ file, which may include files from folders, to a shared library in the cache; return its path.

    Raises CompileError or InputError.
    """
    source = Path(source)
    compiler = find_compiler()
    flags = ("-std=c++17", "-fPIC", "-shared", "-fvisibility=hidden", *flags)

    def build(library):
        includes = [f"-I{folder}" for folder in folders]
        compiler.run([*flags, *includes, str(source), "-o", str(library)], source.parent, str(source), library.parent)

    return cached(source.stem, digest(compiler, with_includes(source, folders), flags), build)
