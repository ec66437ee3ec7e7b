"""nvcc for the fake driver: its machine code is a line with the size of a library of hw5's emulator, this library, and
a list of its shared variables.

nvcc --cubin [option ...] FILE.cu    write FILE.cubin
nvcc --version
"""

import sys
from pathlib import Path

from hw5.emulator import CompileError
from hw5.emulator.build import FAST, module_library
from hw5.emulator.elf import GUARD, variables

VERSION = "Cuda compilation tools, release 13.0, V13.0.1\nBuild cuda_13.0.fake"


def main(arguments):
    if arguments == ["--version"]:
        print(VERSION)
        return 0
    source = Path(arguments[-1])
    try:
        library = module_library(source.resolve(), FAST)
    except CompileError as error:
        print(error, file=sys.stderr)
        return 1
    shared = [f"{v.name} {4 if v.name == GUARD else 0} {v.offset} {v.size}" for v in variables(library) if v.is_shared]
    code, table = library.read_bytes(), "\n".join(shared).encode()
    source.with_suffix(".cubin").write_bytes(b"fake cubin %d\n%b%b\0" % (len(code), code, table))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
