"""nvcc for the fake driver: its machine code is a library of hw5's emulator, and a list of its shared variables.

nvcc --cubin [option ...] FILE.cu    write FILE.cubin
nvcc --version
"""

import shutil
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
    cubin = source.with_suffix(".cubin")
    shutil.copyfile(library, cubin)
    with cubin.open("ab") as file:
        file.write("\n".join(shared).encode() + b"\0")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
