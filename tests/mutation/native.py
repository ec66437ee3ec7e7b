"""What the compiler makes of the compiled CPU step of a copy of the repository."""

import tempfile
from pathlib import Path

from hw5.compiler import CompileError, find_compiler, with_includes
from hw5.devices.native.library import FLAGS


def programs(root, path):
    """The programs of a repository that include a file, directly or not."""
    folder = root / "hw5" / "devices" / "native"
    return [source for source in sorted(folder.glob("*.cpp")) if path in with_includes(source)]


def compiles(root, path):
    """Whether the programs that include a file compile."""
    try:
        for source in programs(root, path):
            _compile(root, source, "-fsyntax-only")
    except CompileError:
        return False
    return True


def assembly(root, path):
    """The assembly code of the programs that include a file."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "code.s"
        return [_compile(root, source, "-S", "-o", str(out)) or out.read_bytes() for source in programs(root, path)]


def _compile(root, source, *options):
    arguments = ["-std=c++17", *FLAGS, f"-I{root / 'kernels'}", *options, source.name]
    find_compiler().run(arguments, source.parent, str(source))
