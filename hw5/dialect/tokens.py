"""Split preprocessed C++ into tokens, without the text of system headers.

The text has no macros and no comments. Where a line came from is in its line markers.
"""

import os
import re
from bisect import bisect_right
from dataclasses import dataclass

_EMULATOR = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "emulator", "")
_TOKEN = re.compile(
    r'R"(?P<raw>[^(\s]*)\(.*?\)(?P=raw)"'  # a raw string
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'(?:[^'\\\n]|\\.)+'"
    r"|^[ \t]*\#[^\n]*"  # a line marker, or a #pragma
    r"|[A-Za-z_]\w*|[0-9](?:[\w.']|(?<=[eEpP])[+-])*|::|[^\s]",
    re.DOTALL | re.MULTILINE,
)
_MARKER = re.compile(r'^# (\d+) "((?:[^"\\]|\\.)*)"([ \d]*)$', re.MULTILINE)
IDENTIFIER = re.compile(r"[A-Za-z_]\w*")


@dataclass(frozen=True)
class Token:
    """A token, and where it is in the text."""

    text: str
    start: int
    end: int

    @property
    def is_name(self):
        """Whether it is an identifier or a keyword."""
        return self.text[0].isalpha() or self.text[0] == "_"


class Preprocessed:
    """A preprocessed file from a position on: its tokens of the user's files, and their places."""

    def __init__(self, text, start):
        self.text = text
        self._markers = list(_MARKER.finditer(text))
        self._starts = [marker.start() for marker in self._markers]
        self._foreign = {m.group(2) for m in self._markers if {"1", "3"} <= set(m.group(3).split())}
        self.tokens = [token for low, high in self._user_text(start) for token in _tokens(text, low, high)]

    def _user_text(self, start):
        """The ranges of the text that are not of headers of the system (entered with flags 1 and 3) or the emulator."""
        ends = [*self._starts[1:], len(self.text)]
        for marker, end in zip(self._markers, ends):
            low = max(marker.end(), start)
            file = marker.group(2)
            if low < end and file not in self._foreign and not file.startswith((_EMULATOR, "<")):
                yield low, end

    def place(self, position):
        """The original file and line of a position."""
        index = bisect_right(self._starts, position) - 1
        if index < 0:
            return "?", 0
        marker = self._markers[index]
        return marker.group(2), int(marker.group(1)) + self.text.count("\n", marker.end(), position) - 1

    def range(self, tokens):
        """The file of some tokens, and the lines of the first and the last of them."""
        (file, first), (_, last) = self.place(tokens[0].start), self.place(tokens[-1].start)
        return file, first, last


def _tokens(text, low, high):
    for match in _TOKEN.finditer(text, low, high):
        if not match.group().lstrip().startswith("#"):
            yield Token(match.group(), match.start(), match.end())


def blanked(text):
    """The text without what is on its lines, except line markers."""
    return re.sub(r"^(?!\s*#)[^\n]+", "", text, flags=re.MULTILINE)
