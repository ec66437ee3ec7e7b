"""What the emulator must know of a kernel file: its kernels, and its `extern __shared__` arrays.

Both are read from the preprocessed text, where macros are expanded and comments are gone, by splitting it into tokens.
A declaration is what stands between two of `;`, `{` and `}`, so neither templates nor attributes get in the way.
"""

import re
from dataclasses import dataclass

from hw5.errors import InputError

_KERNEL = "__attribute__((used))"  # what cuda.h makes of __global__
_START = "enum { hw5_dialect_ends };"  # its last line
_TOKEN = re.compile(
    r'R"(?P<raw>[^(\s]*)\(.*?\)(?P=raw)"'  # a raw string
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'(?:[^'\\\n]|\\.)+'"
    r"|^\#[^\n]*"  # a line marker, or a #pragma
    rf"|{re.escape(_KERNEL)}"
    r"|[A-Za-z_]\w*|[0-9](?:[\w.']|(?<=[eEpP])[+-])*|::|[^\s]",
    re.DOTALL | re.MULTILINE,
)
_IDENTIFIER = re.compile(r"[A-Za-z_]\w*")
_MARKER = re.compile(r'^# (\d+) "((?:[^"\\]|\\.)*)"', re.MULTILINE)


@dataclass(frozen=True)
class Declarations:
    """What a file declares: kernels by the name to refer to them by, with the file and line of their body; dynamic
    shared arrays by their symbol."""

    kernels: dict[str, tuple[str, int]]
    dynamic_arrays: tuple[str, ...]


def scan(text):
    """The Declarations of a preprocessed file; InputError for a kernel that has no plain name to find it by."""
    start = text.index(_START)
    kernels, arrays = {}, {}
    scopes, declaration = [], []  # the braces around, and the tokens since the last of ; { }
    for match in _TOKEN.finditer(text, start):
        token = match.group()
        if token not in ";{}":
            if not token.startswith("#"):
                declaration.append(token)
            continue
        if token == "{":
            if _KERNEL in declaration:
                _check_linkage(declaration, scopes, text, match.start())
                kernels[_qualified(_function_name(declaration), scopes)] = place(text, match.start())
            scopes.append(declaration)
        elif token == "}":
            del scopes[-1:]
        elif "extern" in declaration and "thread_local" in declaration and "[" in declaration:
            arrays[_symbol(declaration[declaration.index("[") - 1], scopes)] = None
        declaration = []
    return Declarations(kernels, tuple(arrays))


def _function_name(declaration):
    """The identifier ahead of the first parenthesis after __global__ that is not an attribute's."""
    tokens = declaration[declaration.index(_KERNEL) :]
    for token, following in zip(tokens, tokens[1:]):
        if following == "(" and _IDENTIFIER.fullmatch(token) and token != "__attribute__":
            return token
    return "?"


def _check_linkage(declaration, scopes, text, position):
    is_c = any(_opens_c_linkage(tokens) for tokens in [declaration, *scopes])
    if is_c and "template" not in declaration:
        return
    file, line = place(text, position)
    raise InputError(
        f'{file}:{line}: the kernel {_function_name(declaration)} is not extern "C", and kernels are found by their '
        'plain name: write extern "C" __global__ (a kernel template needs an extern "C" kernel that calls its body)'
    )


def _opens_c_linkage(tokens):
    return any(pair == ("extern", '"C"') for pair in zip(tokens, tokens[1:]))


def _namespaces(scopes):
    """The names of the namespaces around a declaration, outermost first."""
    names = []
    for tokens in scopes:
        if "namespace" in tokens:
            names += [t for t in tokens[tokens.index("namespace") + 1 :] if _IDENTIFIER.fullmatch(t)]
    return names


def _qualified(name, scopes):
    return "::" + "::".join([*_namespaces(scopes), name])


def _symbol(name, scopes):
    """The symbol of a variable: its name as it is, or mangled when it is in a namespace."""
    names = [*_namespaces(scopes), name]
    return name if len(names) == 1 else "_ZN" + "".join(f"{len(n)}{n}" for n in names) + "E"


def place(text, position):
    """The file and line that a position in preprocessed text came from."""
    marker = None
    for marker in _MARKER.finditer(text, 0, position):
        pass
    if marker is None:
        return "?", 0
    return marker.group(2), int(marker.group(1)) + text.count("\n", marker.end(), position) - 1
