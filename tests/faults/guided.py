"""A coverage-guided fuzz of the readers, by Atheris: python -m tests.faults.guided READER [options of libFuzzer]

The first inputs are the valid files of fuzz.py. Inputs that reach code of hw5 that none reached before are kept and
mutated further: by libFuzzer, by the mutations of fuzz.py, and member by member where a file is packed. Each must be
read or rejected as there. -runs=N ends it after N inputs, -seed=N repeats it; a failing input is written to the current
folder.
"""

import gzip
import io
import resource
import sys
import tempfile
import tracemalloc
import warnings
import zipfile
import zlib
from contextlib import suppress
from pathlib import Path

import atheris
import numpy as np

with atheris.instrument_imports(include=["hw5"]):
    from tests.faults import fuzz

_LARGEST = 1 << 17  # bytes of an input


def _unzip(content):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _unzip_arrays(content):
    return {name.removesuffix(".npy"): member for name, member in _unzip(content).items()}


def _unzip_checkpoint(content):
    members = _unzip_arrays(content)
    return members | {"description": str(np.load(io.BytesIO(members["description"]))).encode()}


_UNPACK = {  # the members that Reader.pack packs; of other files, mutated bytes are seldom caught by a checksum
    "gzip": lambda content: {"file": gzip.decompress(content)},
    "csv.gz": lambda content: {"file": gzip.decompress(content)},
    "csv.zip": lambda content: {"file": _unzip(content)["a.csv"]},
    "excel": _unzip,
    "npz": _unzip_arrays,
    "checkpoint": _unzip_checkpoint,
}


class Target:
    """Reads inputs, and mutates them for libFuzzer."""

    def __init__(self, name, folder):
        self.name, self.reader, self.folder = name, fuzz.READERS[name], folder
        valid = list(self.reader.valid())
        self.valid = [self.reader.pack(members) for members in valid]

    def read(self, content):
        """The way of reading is a function of the content, so that the same input reaches the same code."""
        fuzz.read_one(self.reader, self.folder, content, np.random.default_rng(zlib.crc32(content)), "this input")

    def mutate(self, content, most, seed):
        rng = np.random.default_rng(seed)
        mutated = self._mutated(rng, content, most)
        return mutated if len(mutated) <= most else content

    def _mutated(self, rng, content, most):
        way = rng.integers(3)
        if way == 0 and self.name in _UNPACK:
            with suppress(Exception):  # a damaged file has no members
                return self._with_a_mutated_member(rng, content, most)
        if way == 1:
            return fuzz.mutate(rng, content, self.valid[int(rng.integers(len(self.valid)))])
        return atheris.Mutate(content, most)

    def _with_a_mutated_member(self, rng, content, most):
        members = _UNPACK[self.name](content)
        name = list(members)[int(rng.integers(len(members)))]
        by = (lambda: atheris.Mutate(members[name], most), lambda: fuzz.mutate(rng, members[name], members[name]))
        return self.reader.pack(members | {name: by[int(rng.integers(2))]()})


def main(name, *options):
    with tempfile.TemporaryDirectory() as folder:
        target, corpus = Target(name, fuzz.prepared(Path(folder))), Path(folder, "corpus")
        corpus.mkdir()
        for i, content in enumerate(target.valid):
            (corpus / str(i)).write_bytes(content)
        arguments = [sys.argv[0], str(corpus), f"-max_len={_LARGEST}", "-rss_limit_mb=4096", "-timeout=60", *options]
        atheris.Setup(arguments, target.read, custom_mutator=target.mutate)
        atheris.Fuzz()


if __name__ == "__main__":
    with suppress(ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    warnings.simplefilter("error")
    tracemalloc.start()
    main(*sys.argv[1:])
