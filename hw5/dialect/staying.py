"""Which declarations of a .cu file stay: device code, and the types, constants and aliases that it names."""

import re

from hw5.dialect.declarations import BUILTIN
from hw5.dialect.instances import in_brackets
from hw5.dialect.references import is_reference, reference_types

_KNOWN_NAMESPACES = {"std", "cub", "cooperative_groups", "nvcuda", "wmma"}


def kept_of(found, instances):
    """The declarations that stay, in order."""
    prototypes = {d.name for d in found if d.kind == "function" and d.is_device and not d.body}
    namespaces = _KNOWN_NAMESPACES | {scope for d in found for scope in d.scopes}
    references = reference_types(found)
    kept = {d for d in found if _is_root(d, prototypes, namespaces) or is_reference(d, references)}
    by_name = {}
    for declaration in found:
        if declaration.kind != "function" or "constexpr" in declaration.words:
            for name in declaration.declared:
                by_name.setdefault(name, []).append(declaration)
    queue = [_names_in_instances(found, instances), *(declaration.names for declaration in kept)]
    while queue:
        for name in queue.pop() & by_name.keys():
            for declaration in by_name.pop(name):
                if declaration not in kept and _may_stay(declaration, namespaces):
                    kept.add(declaration)
                    queue.append(declaration.names)
    return [d for d in found if d in kept]


def _names_in_instances(found, instances):
    """Names in the arguments of kernel templates, such as those of types that only the launching host uses."""
    asked = {name for instance in instances for name in re.findall(r"[A-Za-z_]\w*", instance.partition("<")[2])}
    templates = {d.name for d in found if d.is_kernel and d.template}
    launched = (arguments for *_, arguments in in_brackets(found, templates))
    return asked | {token.text for arguments in launched for token in arguments if token.is_name}


def _is_root(declaration, prototypes, namespaces):
    if declaration.kind == "function":
        if BUILTIN in declaration.words:
            return False
        marked = declaration.is_device and "constexpr" not in declaration.words
        return marked or (declaration.name in prototypes and declaration.name != "operator")
    if declaration.words[:2] == ["using", "namespace"]:
        return namespaces.issuperset(word for word in declaration.words[2:] if word != "::")
    return declaration.kind == "variable" and declaration.is_device and "constexpr" not in declaration.words


def _may_stay(declaration, namespaces):
    """A GPU has no variables of the host, except constants."""
    if declaration.words[:1] == ["namespace"]:
        return declaration.words[-1] in namespaces
    if declaration.words[:2] == ["using", "namespace"]:
        return False
    return declaration.kind != "variable" or bool({"const", "constexpr"} & set(declaration.words))
