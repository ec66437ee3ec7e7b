"""Registers, spills and occupancy of a kernel, by what nvcc's assembler says of it."""

import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from hw5.dialect.instances import same_instance
from hw5.errors import InputError

WARP = 32


@dataclass(frozen=True)
class Multiprocessor:
    """What a multiprocessor of an architecture has: warps, blocks and bytes of shared memory at once."""

    warps: int
    blocks: int
    shared: int
    reserved: int  # bytes of shared memory that each block takes in addition
    registers: int = 65536


MULTIPROCESSORS = {  # by compute capability, from the CUDA C++ programming guide
    "75": Multiprocessor(32, 16, 64 * 1024, 0),
    "80": Multiprocessor(64, 32, 164 * 1024, 1024),
    "86": Multiprocessor(48, 16, 100 * 1024, 1024),
    "89": Multiprocessor(48, 24, 100 * 1024, 1024),
    "90": Multiprocessor(64, 32, 228 * 1024, 1024),
}
ARCHITECTURES = {
    "h100": "90",
    "h200": "90",
    "a100": "80",
    "l4": "89",
    "t4": "75",
    "rtx4090": "89",
    "rtx3060": "86",
}  # of profile.GPUS, but those that nvcc no longer compiles for


@dataclass(frozen=True)
class Resources:
    """What nvcc made of a kernel for an architecture such as "90".

    Registers are per thread, bytes per thread or block.
    """

    architecture: str
    registers: int
    spill_stores: int
    spill_loads: int
    stack: int
    shared: int  # static, per block

    def occupancy(self, threads, dynamic_shared=0):
        """(warps at once on a multiprocessor, the most that it can have, what limits them) for blocks of threads."""
        has = MULTIPROCESSORS[self.architecture]
        warps = -(-threads // WARP)
        # A warp gets registers in units of 256, from one of four parts of the multiprocessor.
        per_warp = -(-max(self.registers, 1) * WARP // 256) * 256
        shared = self.shared + dynamic_shared
        per_block = -(-(shared + has.reserved) // 128) * 128 if shared + has.reserved else 0
        blocks = {
            "threads": has.warps // warps,
            "blocks": has.blocks,
            "registers": has.registers // 4 // per_warp * 4 // warps,
            "shared memory": has.shared // per_block if per_block else has.blocks,
        }
        limit = min(blocks, key=blocks.get)
        return blocks[limit] * warps, has.warps, limit


def nvcc_path():
    """The path of nvcc, or None."""
    home = os.environ.get("CUDA_HOME") or "/usr/local/cuda"
    return shutil.which("nvcc") or shutil.which("nvcc", path=os.path.join(home, "bin"))


def resources(source, gpu, include=()):
    """{kernel: Resources} of what nvcc compiles of a .cu file for a GPU; instances of templates as "sum<float>".

    Raises InputError if nvcc is not installed, or does not know the GPU, or does not compile the file.
    """
    nvcc = nvcc_path()
    if not nvcc:
        raise InputError("nvcc is not on PATH: install CUDA's toolkit, which needs no GPU")
    if gpu not in ARCHITECTURES:
        raise InputError(f"nvcc no longer compiles for {gpu}")
    architecture = ARCHITECTURES[gpu]
    with tempfile.TemporaryDirectory() as scratch:
        output = Path(scratch) / "kernels.cubin"
        folders = [f"-I{folder}" for folder in include]
        command = [nvcc, "-std=c++17", "-cubin", f"-arch=sm_{architecture}", "-Xptxas", "-v", *folders, str(source)]
        done = subprocess.run([*command, "-o", str(output)], capture_output=True, text=True, errors="replace")
    if done.returncode:
        raise InputError(f"{source} does not compile with nvcc:\n{done.stderr.strip()}")
    return dict(_entries(done.stderr, architecture))


def _entries(text, architecture):
    """(kernel, Resources) of what ptxas -v prints."""
    parts = re.split(r"Compiling entry function '([^']+)' for '[^']+'", text)
    for symbol, name, said in zip(parts[1::2], _plain(parts[1::2]), parts[2::2]):
        figures = (_number(said, words) for words in _WORDS)
        yield same_instance(name or symbol), Resources(architecture, *figures)


_WORDS = ("registers", "bytes spill stores", "bytes spill loads", "bytes stack frame", "bytes smem")


def _number(text, words):
    found = re.search(rf"(\d+) {words}", text)
    return int(found[1]) if found else 0


def _plain(symbols):
    """The names of kernels in the source, such as sum<float>, or None if c++filt is missing."""
    filter_ = shutil.which("c++filt")
    if not filter_ or not symbols:
        return [None] * len(symbols)
    done = subprocess.run([filter_], input="\n".join(symbols), capture_output=True, text=True)
    return [re.sub(r"^void ", "", name).partition("(")[0] for name in done.stdout.splitlines()]
