"""The faults that can be planted in a text: one operator, number or word replaced by another.

C++ and Python share most operators, so one table serves both. Comments, strings and lines of the preprocessor stay, and
whether a dataclass is frozen.
"""

import re
from dataclasses import dataclass

_STRINGS = r"f?\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'"
_SKIPPED = {
    True: rf'"""(?:.|\n)*?"""|\#[^\n]*|@dataclass[^\n]*|{_STRINGS}',
    False: r"//[^\n]*|/\*(?:.|\n)*?\*/|^[ \t]*\#[^\n]*(?:\\\n[^\n]*)*|template ?<[^>\n]*>|->|<<<|>>>|" + _STRINGS,
}  # in Python, and in C++
_TOKEN = (
    r"(?P<token>\+\+|--|&&|\|\||[-+*/%]=|[<>=!]=|//|\*\*|<<|>>|[-+*/%<>]|\b\d+(?:\.\d+)?(?:f\b|\b)"
    r"|\b[A-Za-z_]\w*(?:\.[xyz]\b)?)"
)
_OTHERS = {
    "+": "-",
    "-": "+",
    "*": "/",
    "/": "*",
    "//": "*",
    "%": "/",
    "+=": "-=",
    "-=": "+=",
    "*=": "/=",
    "/=": "*=",
    "<": "<= >",
    "<=": "< >",
    ">": ">= <",
    ">=": "> <",
    "==": "!=",
    "!=": "==",
    "&&": "||",
    "||": "&&",
    "<<": ">>",
    ">>": "<<",
    "and": "or",
    "or": "and",
    "min": "max",
    "max": "min",
    "fmaxf": "fminf",
    "fminf": "fmaxf",
    "True": "False",
    "False": "True",
    "true": "false",
    "false": "true",
    "threadIdx.x": "threadIdx.y",
    "threadIdx.y": "threadIdx.x",
    "blockIdx.x": "blockIdx.y",
    "blockIdx.y": "blockIdx.x",
    "blockDim.x": "blockDim.y",
    "blockDim.y": "blockDim.x",
    "gridDim.x": "gridDim.y",
    "gridDim.y": "gridDim.x",
    "__syncthreads": "__syncwarp",
    "continue": "break",
    "break": "continue",
    "rows": "columns",
    "columns": "rows",
    "first": "last",
    "last": "first",
}


@dataclass(frozen=True)
class Fault:
    """Something in a text that something else replaces."""

    line: int
    start: int
    old: str
    new: str

    def planted_in(self, text):
        return text[: self.start] + self.new + text[self.start + len(self.old) :]

    def lines_in(self, text):
        """The line without and with the fault."""
        start, end = text.rfind("\n", 0, self.start) + 1, text.find("\n", self.start)
        at, after = self.start - start, self.start - start + len(self.old)
        line = text[start:end]
        return line.strip(), (line[:at] + self.new + line[after:]).strip()

    def __str__(self):
        return f"line {self.line}: {self.old} -> {self.new}"


def faults_of(text, is_python):
    """Every Fault of a text in Python or C++, in its order."""
    found = []
    for match in re.finditer(f"(?:{_SKIPPED[is_python]})|{_TOKEN}", text, re.MULTILINE):
        old = match["token"]
        for new in _replacements(old) if old else ():
            found.append(Fault(text.count("\n", 0, match.start()) + 1, match.start(), old, new))
    return found


def _replacements(token):
    if token in _OTHERS:
        return _OTHERS[token].split()
    if not token[0].isdigit():
        return ()
    number, suffix = token.rstrip("f"), "f" * token.endswith("f")
    if "." in number:
        return (f"({token} + 0.25{suffix})",)
    return (str(int(number) + 1), *((str(int(number) - 1),) if int(number) else ()))
