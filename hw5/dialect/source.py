"""Make device code of a preprocessed .cu file: leave out what only the host needs, and find the kernels.

nvcc compiles a file twice, for the host and for the GPU; this is the GPU's half. Functions stay if they are marked
(__global__, __device__) or constexpr. Types, constants and aliases stay if something that stays names them. Whatever
is left out leaves its lines behind, so that errors and reports have the right ones.
"""

from dataclasses import dataclass, field

from hw5.dialect.declarations import CONSTANT, declarations
from hw5.dialect.edits import assembly_edits, edited_text
from hw5.dialect.kernel_sources import kernels_of
from hw5.dialect.refusals import refused
from hw5.dialect.staying import kept_of
from hw5.dialect.tokens import Preprocessed
from hw5.errors import InputError

START = "enum { hw5_dialect_ends };"  # the last line of cuda.h


@dataclass(frozen=True)
class DeviceCode:
    """The text to compile, its kernels, and the templates of which the file uses no instance.

    refused: {kernel: the reason}, of kernels that use what a GPU or the emulator does not have. They are left out; if
    there is no other kernel, device_code raises InputError.

    dynamic_arrays: symbols of `extern __shared__` arrays. constants: {name: whether it has a value}.
    host_functions: names of functions that were left out. swaps: whether it uses atomicCAS.
    optional: (file, first line, last line) of types, constants and aliases, which stay only because something that
    stays has the same name in it. standard: names after std:: in what stays.
    """

    text: str
    kernels: list
    templates: dict
    refused: dict
    dynamic_arrays: tuple
    constants: dict
    host_functions: frozenset = field(default_factory=frozenset)
    swaps: bool = False
    optional: tuple = ()
    standard: frozenset = field(default_factory=frozenset)


def device_code(text, instances=(), check=False, without=()):
    """The DeviceCode of a preprocessed file.

    instances: of kernel templates, such as "reduce<float>". check: whether it is compiled for check mode. without:
    which of the `optional` places to leave out.
    Raises InputError, with file and line, for what a GPU or the emulator does not have.
    """
    source = Preprocessed(text, text.index(START))
    found = declarations(source.tokens)
    kept = [d for d in kept_of(found, instances) if source.range(d.tokens) not in without]
    assembly, unknown = assembly_edits(kept, source)
    reasons = refused(kept, source, unknown)
    kept = [d for d in kept if d not in reasons]
    kernels, templates = kernels_of(found, kept, source, instances)
    if reasons and not kernels and not templates:
        raise InputError(next(iter(reasons.values())))
    edited = edited_text(source, found, kept, check, assembly)
    return DeviceCode(
        edited,
        kernels,
        templates,
        {d.name: reason for d, reason in reasons.items() if d.is_kernel},
        tuple(_dynamic_arrays(kept)),
        {d.name: bool({"=", "{"} & {t.text for t in d.tokens}) for d in kept if CONSTANT in d.words},
        frozenset(d.name for d in found if d.kind == "function") - frozenset(d.name for d in kept),
        "atomicCAS" in edited[edited.index(START) :],
        tuple(source.range(d.tokens) for d in kept if d.kind != "function" and not d.is_device),
        frozenset(name for d in kept for name in _standard(d.tokens)),
    )


def _standard(tokens):
    """The names after std:: in some tokens."""
    return {tokens[i + 2].text for i in range(len(tokens) - 2) if [t.text for t in tokens[i : i + 2]] == ["std", "::"]}


def _dynamic_arrays(kept):
    """The symbols of `extern __shared__` arrays: the name, mangled if it is in a namespace."""
    for declaration in kept:
        tokens = [token.text for token in declaration.tokens]
        for i, text in enumerate(tokens):
            if text != "extern":
                continue
            start = next((k + 1 for k in range(i - 1, -1, -1) if tokens[k] in ";{}"), 0)
            end = tokens.index(";", i) if ";" in tokens[i:] else len(tokens)
            words = tokens[start:end]
            if "thread_local" in words and "[" in words:
                names = [*declaration.scopes, words[words.index("[") - 1]]
                yield names[0] if len(names) == 1 else "_ZN" + "".join(f"{len(n)}{n}" for n in names) + "E"
