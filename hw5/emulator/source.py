"""Find the kernels and the `extern __shared__` arrays of a kernel file.

The preprocessed text, which has no macros and no comments, is split into tokens. A declaration is the tokens between
two of `;`, `{` and `}`, so templates and attributes need no special treatment.
"""

import re
from dataclasses import dataclass

from hw5.errors import InputError

_KERNEL = "__attribute__((used))"  # __global__, as cuda.h defines it
_START = "enum { hw5_dialect_ends };"  # the last line of cuda.h
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
    """Kernels by qualified name, with the file and line of the body, and the symbols of dynamic shared arrays."""

    kernels: dict[str, tuple[str, int]]
    dynamic_arrays: tuple[str, ...]


def scan(text):
    """The Declarations of a preprocessed file; raises InputError for a kernel that is not extern "C"."""
    start = text.index(_START)
    kernels, arrays = {}, {}
    scopes, declaration = [], []  # the declarations of the open braces, and the tokens since the last of ; { }
    for match in _TOKEN.finditer(text, start):
        token = match.group()
        if token not in ";{}":
            if not token.startswith("#"):
                declaration.append(token)
            continue
        if token == "{":
            if _KERNEL in declaration:
                _check_linkage(declaration, scopes, text, match.start())
                kernels[_qualified(_function_name(declaration), scopes)] = source_location(text, match.start())
            scopes.append(declaration)
        elif token == "}":
            del scopes[-1:]
        elif "extern" in declaration and "thread_local" in declaration and "[" in declaration:
            arrays[_symbol(declaration[declaration.index("[") - 1], scopes)] = None
        declaration = []
    return Declarations(kernels, tuple(arrays))


def _function_name(declaration):
    """The identifier before the first parenthesis after __global__ that does not belong to an attribute."""
    tokens = declaration[declaration.index(_KERNEL) :]
    for token, following in zip(tokens, tokens[1:]):
        if following == "(" and _IDENTIFIER.fullmatch(token) and token != "__attribute__":
            return token
    return "?"


def _check_linkage(declaration, scopes, text, position):
    is_c = any(_opens_c_linkage(tokens) for tokens in [declaration, *scopes])
    if is_c and "template" not in declaration:
        return
    file, line = source_location(text, position)
    raise InputError(
        f'{file}:{line}: the kernel {_function_name(declaration)} is not extern "C"; write extern "C" __global__, or '
        'call a kernel template from an extern "C" kernel'
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
    """The symbol of a variable: its name, mangled if it is in a namespace."""
    names = [*_namespaces(scopes), name]
    return name if len(names) == 1 else "_ZN" + "".join(f"{len(n)}{n}" for n in names) + "E"


def source_location(text, position):
    """The original file and line of a position in preprocessed text."""
    marker = None
    for marker in _MARKER.finditer(text, 0, position):
        pass
    if marker is None:
        return "?", 0
    return marker.group(2), int(marker.group(1)) + text.count("\n", marker.end(), position) - 1
