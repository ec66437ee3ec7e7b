"""Instances of kernel templates: which a file uses, and how their names are written."""

import re

from hw5.dialect.declarations import closing_angle


def in_brackets(found, templates):
    """(declaration, name, the texts after its brackets, the tokens in them) of the templates that declarations name."""
    for declaration in found:
        tokens = declaration.tokens
        for i in range(len(tokens) - 4):
            if tokens[i].text in templates and tokens[i + 1].text == "<":
                end = closing_angle(tokens, i + 1)
                if end is not None:
                    after = [t.text for t in tokens[end + 1 : end + 4]]
                    yield declaration, tokens[i].text, after, tokens[i + 2 : end]


def instances_of(found, kept, asked):
    """{template: [its arguments as text]} of the instances that a file uses.

    These are those asked for, explicit ones, and launches whose arguments are known.
    """
    wanted = {}

    def add(name, arguments):
        known = wanted.setdefault(name, [])
        if arguments not in known:
            known.append(arguments)

    templates = {d.name: d.template for d in kept if d.is_kernel and d.template}
    for instance in asked:
        name, _, arguments = instance.partition("<")
        if name.strip() in templates:
            add(name.strip(), spaced(arguments.strip().removesuffix(">")))
    file_scope = {name for d in kept for name in (*d.declared, *d.scopes)} - {""}
    for declaration, name, after, inside in in_brackets(found, templates):
        explicit = declaration.is_instantiation or declaration.is_specialisation
        if after == ["<", "<", "<"] or (explicit and declaration.is_kernel and after[:1] == ["("]):
            arguments = _resolved(inside, declaration, file_scope)
            if arguments is not None and len(parts_of(arguments)) >= _required(templates[name]):
                add(name, spaced(" ".join(arguments)))
    return wanted


def parts_of(texts):
    """A list of texts, split at its outer commas."""
    parts, depth = [[]], 0
    for text in texts:
        depth += (text in ("(", "<", "[", "{")) - (text in (")", ">", "]", "}"))
        if text == "," and depth == 0:
            parts.append([])
        else:
            parts[-1].append(text)
    return parts if texts else []


def _required(template):
    """How many arguments a template needs; the compiler may deduce some of them at a launch, but not from a name."""
    return sum(not {"=", "."} & set(part) for part in parts_of([token.text for token in template]))


BUILTIN = set("void bool char short int long float double signed unsigned const true false sizeof std cub".split())
BUILTIN |= {"int8_t", "int16_t", "int32_t", "int64_t", "uint8_t", "uint16_t", "uint32_t", "uint64_t", "size_t", "uint"}
_VECTOR = re.compile(r"(u?char|u?short|u?int|u?long|u?longlong|float|double)[1-4]|__half2?|half2?")


def _resolved(arguments, declaration, file_scope):
    """The texts of template arguments, with constants of the launching function replaced by their values, or None."""
    parameters = {token.text for token in declaration.template}
    texts = []
    for before, token in zip(["", *(a.text for a in arguments)], arguments):
        text = token.text
        if token.is_name and before != "::" and (text in parameters or not _is_global(text, file_scope)):
            text = _local_constant(text, declaration)
            if text is None:
                return None
        texts.append(text)
    return texts


def _is_global(name, file_scope):
    return name in BUILTIN or name in file_scope or bool(_VECTOR.fullmatch(name))


def _local_constant(name, declaration):
    """The number that a function gives a constant: const int n = 256;"""
    tokens = [token.text for token in declaration.tokens]
    for i in range(len(tokens) - 3):
        if tokens[i] == name and tokens[i + 1] == "=" and tokens[i + 2][0].isdigit() and tokens[i + 3] in ",;":
            return tokens[i + 2]
    return None


def spaced(text):
    """Template arguments in one spelling: float, 16"""
    text = re.sub(r"\s*([<>(),*&:])\s*", r"\1", " ".join(text.split()))
    return text.replace(",", ", ")


def example_instance(name, place):
    """An instance of a kernel template to suggest, such as fill<float, 32>; place: its text in DeviceCode.templates."""
    parameters = [
        part for part in parts_of(re.findall(r"[\w.]+|\S", place.partition("template <")[2][:-1])) if "=" not in part
    ]
    words = {"typename": "float", "class": "float", "bool": "true"}
    return f"{name}<{', '.join(words.get(part[0], '32') for part in parameters)}>"


def same_instance(name):
    """A key that is equal for all spellings of a kernel's name."""
    return re.sub(r"\s+", "", name)
