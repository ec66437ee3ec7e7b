"""Translate code addresses to source lines, by addr2line (which comes with g++) or llvm-addr2line."""

import os
import shutil
import subprocess
from pathlib import Path


class Lines:
    """The source lines of a module: a library with debug information, compiled from files of the user."""

    def __init__(self, library, files):
        self._library = library
        self._files = list(files)  # the .cu file first
        self._folder = self.source.parent

    @property
    def source(self):
        """The .cu file."""
        return self._files[0]

    def file(self, reported):
        """The user's file for a name in the debug information, or None for files of the compiler or the emulator."""
        parts = Path(reported).parts
        for file in self._files:
            known = file.relative_to(self._folder) if file.is_relative_to(self._folder) else file
            if parts[-len(known.parts) :] == known.parts:
                return file
        return None

    def resolve(self, addresses):
        """A list [(file, line), ...] of the user's files for each address, with inlined calls, innermost first."""
        tool = shutil.which("addr2line") or shutil.which("llvm-addr2line")
        if not addresses or not tool:
            return [[] for _ in addresses]
        library = os.path.realpath(self._library)  # a path through a descriptor is this process's alone
        command = [tool, "-a", "-i", "-e", library, *map(hex, addresses)]
        output = subprocess.run(command, capture_output=True, text=True, errors="replace").stdout
        locations = []
        for line in output.splitlines():
            if line.startswith("0x"):
                locations.append([])
                continue
            name, _, number = line.split(" (discriminator")[0].rpartition(":")
            file = self.file(name)
            if file and number.isdigit() and int(number) > 0:
                locations[-1].append((file, int(number)))
        return locations
