"""The kernels of a .cu file: their names, the expressions that select them, and what they may call."""

from dataclasses import dataclass

from hw5.dialect import waiting
from hw5.dialect.calls import reachable
from hw5.dialect.instances import BUILTIN, instances_of, parts_of, spaced
from hw5.errors import InputError


@dataclass(frozen=True)
class KernelSource:
    """A kernel: its name, the C++ expression for it, the file and line of its body, and the functions it may call.

    cooperative: whether blocks may wait for each other in it, or in one of them. scopes: its namespaces, which may
    have the types in the expression.
    """

    name: str
    expression: str
    file: str
    line: int
    reaches: frozenset
    cooperative: bool
    scopes: tuple = ()


def kernels_of(found, kept, source, instances):
    """The KernelSources, and {name: InputError's sentence} for templates without an instance."""
    calls = {}
    for declaration in kept:
        calls.setdefault(declaration.name, set()).update(declaration.names)
    wanted = instances_of(found, kept, instances)
    overloads = _overloaded(kept)
    waiting_names = {d.name for d in kept if _may_wait(d)}
    kernels, templates = [], {}
    for declaration in kept:
        if not declaration.is_kernel or not declaration.body or declaration.is_specialisation:
            continue
        _check_kernel(declaration, source)
        file, line = source.place(declaration.tokens[declaration.body[0] - 1].start)
        expression = "::" + "::".join([*declaration.scopes, declaration.name])
        reaches = reachable(declaration.name, calls)
        about = (file, line, reaches, bool(reaches & waiting_names), declaration.scopes)
        if not declaration.template:
            name, expression = _chosen(declaration, expression, overloads)
            kernels.append(KernelSource(name, expression, *about))
            continue
        for arguments in wanted.get(declaration.name, ()):
            name = f"{declaration.name}<{arguments}>"
            kernels.append(KernelSource(name, f"{expression}<{arguments}>", *about))
        if declaration.name not in wanted:
            parameters = spaced(" ".join(token.text for token in declaration.template))
            templates[declaration.name] = f"{file}:{line}: template <{parameters}>"
    return list({kernel.name: kernel for kernel in kernels}.values()), templates


def _may_wait(declaration):
    """Whether a function, or one of a class, waits for other blocks: by the group of the grid, or in a loop."""
    return bool({"this_grid", "grid_group"} & declaration.names) or waiting.waits(declaration.tokens)


def _overloaded(kept):
    """{(scopes, name): whether several kernels have it}, of overloaded kernels.

    There are functions of other parameters with their names.
    """
    found = {}
    for d in kept:
        if d.kind == "function" and not d.is_specialisation:
            kinds = found.setdefault((d.scopes, d.name), {})
            kinds[_types(d)] = kinds.get(_types(d), False) or (d.is_kernel and not d.template)
    return {key: sum(kinds.values()) > 1 for key, kinds in found.items() if len(kinds) > 1 and any(kinds.values())}


def _chosen(declaration, expression, overloads):
    """The name of a kernel, with its parameters if another kernel has the name, and the expression that selects it.

    Outside namespaces, functions of C may have the name too, such as exp.
    """
    ambiguous = overloads.get((declaration.scopes, declaration.name))
    if ambiguous is None and (declaration.scopes or declaration.linkage or "auto" in declaration.words):
        return declaration.name, expression
    types = _types(declaration)
    name = f"{declaration.name}({types})" if ambiguous else declaration.name
    return name, f"(static_cast<void (*)({types})>({expression}))"


def _types(declaration):
    """The types of a function's parameters, as text: const float *, int"""
    parameters = parts_of([token.text for token in declaration.parameters])
    return ", ".join(spaced(" ".join(_without_name(parameter))) for parameter in parameters)


def _without_name(parameter):
    """The texts of a parameter without its name and its default."""
    texts = [text for text in parameter if text not in ("__restrict__", "__restrict")]
    texts = texts[: texts.index("=")] if "=" in texts else texts
    last = (texts.index("[") if "[" in texts else len(texts)) - 1
    if last > 0 and texts[last].isidentifier() and texts[last] not in BUILTIN:
        if texts[last - 1] not in ("const", "struct", "enum", "::"):
            del texts[last]
    return texts


def _check_kernel(declaration, source):
    if "void" not in declaration.words and "auto" not in declaration.words:
        file, line = source.place(declaration.head[0].start)
        raise InputError(
            f"{file}:{line}: the kernel {declaration.name} returns a value; a __global__ function returns void"
        )
