"""From code addresses to lines of the user's files, with binutils' addr2line (every g++ has it) or LLVM's."""

import shutil
import subprocess
from pathlib import Path


class Lines:
    """The lines of one module: a library with debug information, and the files that it was compiled from."""

    def __init__(self, library, files):
        self._library = library
        self._files = list(files)  # the .cu file first
        self._folder = self.source.parent

    @property
    def source(self):
        """The .cu file."""
        return self._files[0]

    def file(self, reported):
        """The user's file that the compiler calls by this name, or None: the compiler's or the emulator's own."""
        parts = Path(reported).parts
        for file in self._files:
            known = file.relative_to(self._folder) if file.is_relative_to(self._folder) else file
            if parts[-len(known.parts) :] == known.parts:
                return file
        return None

    def resolve(self, addresses):
        """For each address the places [(file, line), ...] in the user's files, innermost first; inlined calls count."""
        tool = shutil.which("addr2line") or shutil.which("llvm-addr2line")
        if not addresses or not tool:
            return [[] for _ in addresses]
        command = [tool, "-a", "-i", "-e", str(self._library), *map(hex, addresses)]
        output = subprocess.run(command, capture_output=True, text=True, errors="replace").stdout
        places = []
        for line in output.splitlines():
            if line.startswith("0x"):
                places.append([])
                continue
            name, _, number = line.split(" (discriminator")[0].rpartition(":")
            file = self.file(name)
            if file and number.isdigit() and int(number) > 0:
                places[-1].append((file, int(number)))
        return places
