"""nvcc for the fake driver: its machine code is a library of hw5's emulator.

nvcc --cubin [option ...] FILE.cu    write FILE.cubin
nvcc --version
"""

import shutil
import sys
from pathlib import Path

from hw5.emulator import CompileError
from hw5.emulator.build import FAST, module_library

VERSION = "Cuda compilation tools, release 13.0, V13.0.0\nBuild cuda_13.0.fake"


def main(arguments):
    if arguments == ["--version"]:
        print(VERSION)
        return 0
    source = Path(arguments[-1])
    try:
        shutil.copyfile(module_library(source.resolve(), FAST), source.with_suffix(".cubin"))
    except CompileError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
