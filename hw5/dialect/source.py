"""Make device code of a preprocessed .cu file: leave out what only the host needs, and find the kernels.

nvcc compiles a file twice, for the host and for the GPU; this is the GPU's half. Functions stay if they are marked
(__global__, __device__) or constexpr. Types, constants and aliases stay if something that stays names them. Whatever
is left out leaves its lines behind, so that errors and reports have the right ones.
"""

import re
from dataclasses import dataclass, field

from hw5.dialect import inline_ptx, waiting
from hw5.dialect.declarations import CONSTANT, DEVICE, GLOBAL, HOST, closing_angle, declarations, members
from hw5.dialect.refusals import refused
from hw5.dialect.tokens import Preprocessed, blanked
from hw5.errors import InputError

START = "enum { hw5_dialect_ends };"  # the last line of cuda.h
_MARK = re.compile(rf"\b(?:{GLOBAL}|{DEVICE}|{HOST}|{CONSTANT})\b")
# Inlined, a structure that is passed or returned by value is copied by instructions that check mode sees.
_INLINE = "__attribute__((always_inline)) "
_INLINED = {"inline", "__inline__", "__inline"}
_KNOWN_NAMESPACES = {"std", "cooperative_groups", "nvcuda", "wmma"}


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
    kept = [d for d in _kept(found, instances) if source.range(d.tokens) not in without]
    assembly, unknown = _assembly(kept, source)
    reasons = refused(kept, source, unknown)
    kept = [d for d in kept if d not in reasons]
    kernels, templates = _kernels(found, kept, source, instances)
    if reasons and not kernels and not templates:
        raise InputError(next(iter(reasons.values())))
    edited = _edited(source, found, kept, check, assembly)
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


# ---- what stays


def _kept(found, instances):
    """The declarations that stay, in order."""
    prototypes = {d.name for d in found if d.kind == "function" and d.is_device and not d.body}
    namespaces = _KNOWN_NAMESPACES | {scope for d in found for scope in d.scopes}
    references = _reference_types(found)
    kept = {d for d in found if _is_root(d, prototypes, namespaces) or _is_reference(d, references)}
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
    launched = (arguments for *_, arguments in _in_brackets(found, templates))
    return asked | {token.text for arguments in launched for token in arguments if token.is_name}


def _in_brackets(found, templates):
    """(declaration, name, the texts after its brackets, the tokens in them) of the templates that declarations name."""
    for declaration in found:
        tokens = declaration.tokens
        for i in range(len(tokens) - 4):
            if tokens[i].text in templates and tokens[i + 1].text == "<":
                end = closing_angle(tokens, i + 1)
                if end is not None:
                    after = [t.text for t in tokens[end + 1 : end + 4]]
                    yield declaration, tokens[i].text, after, tokens[i + 2 : end]


def _is_root(declaration, prototypes, namespaces):
    if declaration.kind == "function":
        marked = declaration.is_device and "constexpr" not in declaration.words
        return marked or (declaration.name in prototypes and declaration.name != "operator")
    if declaration.words[:2] == ["using", "namespace"]:
        return namespaces.issuperset(word for word in declaration.words[2:] if word != "::")
    return declaration.kind == "variable" and declaration.is_device and "constexpr" not in declaration.words


_REFERENCES = {"texture": "hw5_texture", "surface": "hw5_surface"}


def _reference_types(found):
    """Which of CUDA's templates texture and surface a file may use; another class of the name is its own."""
    own = {d.name for d in found if d.kind == "type" or d.words[:1] == ["using"]}
    return _REFERENCES.keys() - own


def _is_reference(declaration, types):
    """Whether it is a texture or surface reference, a variable of file scope that the host binds."""
    if declaration.kind != "variable" or not types & set(declaration.words):
        return False
    words = [word for word in declaration.words if word not in ("static", "extern", "const")]
    return words[0] in types and words[1:2] == ["<"]


def _may_stay(declaration, namespaces):
    """A GPU has no variables of the host, except constants."""
    if declaration.words[:1] == ["namespace"]:
        return declaration.words[-1] in namespaces
    if declaration.words[:2] == ["using", "namespace"]:
        return False
    return declaration.kind != "variable" or bool({"const", "constexpr"} & set(declaration.words))


# ---- kernels


def _kernels(found, kept, source, instances):
    """The KernelSources, and {name: InputError's sentence} for templates without an instance."""
    calls = {}
    for declaration in kept:
        calls.setdefault(declaration.name, set()).update(declaration.names)
    wanted = _instances(found, kept, source, instances)
    overloads = _overloaded(kept)
    waiting_names = {d.name for d in kept if _may_wait(d)}
    kernels, templates = [], {}
    for declaration in kept:
        if not declaration.is_kernel or not declaration.body or declaration.is_specialisation:
            continue
        _check_kernel(declaration, source)
        file, line = source.place(declaration.tokens[declaration.body[0] - 1].start)
        expression = "::" + "::".join([*declaration.scopes, declaration.name])
        reaches = _reachable(declaration.name, calls)
        about = (file, line, reaches, bool(reaches & waiting_names), declaration.scopes)
        if not declaration.template:
            name, expression = _chosen(declaration, expression, overloads)
            kernels.append(KernelSource(name, expression, *about))
            continue
        for arguments in wanted.get(declaration.name, ()):
            name = f"{declaration.name}<{arguments}>"
            kernels.append(KernelSource(name, f"{expression}<{arguments}>", *about))
        if declaration.name not in wanted:
            parameters = _spaced(" ".join(token.text for token in declaration.template))
            templates[declaration.name] = f"{file}:{line}: template <{parameters}>"
    return list({kernel.name: kernel for kernel in kernels}.values()), templates


def _may_wait(declaration):
    """Whether a function, or one of a class, waits for other blocks: by the group of the grid, or in a loop."""
    return bool({"this_grid", "grid_group"} & declaration.names) or waiting.waits(declaration.tokens)


def _overloaded(kept):
    """{(scopes, name): whether several kernels have it}, of kernels of which there are functions of other parameters."""
    found = {}
    for d in kept:
        if d.kind == "function" and not d.is_specialisation:
            kinds = found.setdefault((d.scopes, d.name), {})
            kinds[_types(d)] = kinds.get(_types(d), False) or (d.is_kernel and not d.template)
    return {key: sum(kinds.values()) > 1 for key, kinds in found.items() if len(kinds) > 1 and any(kinds.values())}


def _chosen(declaration, expression, overloads):
    """The name of a kernel, with its parameters if another kernel has the name, and the expression that selects it."""
    ambiguous = overloads.get((declaration.scopes, declaration.name))
    if ambiguous is None:
        return declaration.name, expression
    types = _types(declaration)
    name = f"{declaration.name}({types})" if ambiguous else declaration.name
    return name, f"(static_cast<void (*)({types})>({expression}))"


def _types(declaration):
    """The types of a function's parameters, as text: const float *, int"""
    parameters = _parts([token.text for token in declaration.parameters])
    return ", ".join(_spaced(" ".join(_without_name(parameter))) for parameter in parameters)


def _without_name(parameter):
    """The texts of a parameter without its name and its default."""
    texts = [text for text in parameter if text not in ("__restrict__", "__restrict")]
    texts = texts[: texts.index("=")] if "=" in texts else texts
    last = (texts.index("[") if "[" in texts else len(texts)) - 1
    if last > 0 and texts[last].isidentifier() and texts[last] not in _BUILTIN:
        if texts[last - 1] not in ("const", "struct", "enum", "::"):
            del texts[last]
    return texts


def _check_kernel(declaration, source):
    if "void" not in declaration.words and "auto" not in declaration.words:
        file, line = source.place(declaration.head[0].start)
        raise InputError(
            f"{file}:{line}: the kernel {declaration.name} returns a value; a __global__ function returns void"
        )


def _reachable(name, calls):
    """Names of the functions that a function may call, itself included."""
    reached, queue = {name}, [name]
    while queue:
        for other in calls.get(queue.pop(), ()):
            if other in calls and other not in reached:
                reached.add(other)
                queue.append(other)
    return frozenset(reached)


def _instances(found, kept, source, asked):
    """{template: [its arguments as text]}, of those asked for, explicit ones, and launches whose arguments are known."""
    wanted = {}

    def add(name, arguments):
        known = wanted.setdefault(name, [])
        if arguments not in known:
            known.append(arguments)

    templates = {d.name: d.template for d in kept if d.is_kernel and d.template}
    for instance in asked:
        name, _, arguments = instance.partition("<")
        if name.strip() in templates:
            add(name.strip(), _spaced(arguments.strip().removesuffix(">")))
    file_scope = {name for d in kept for name in d.declared} - {""}
    for declaration, name, after, inside in _in_brackets(found, templates):
        explicit = declaration.is_instantiation or declaration.is_specialisation
        if after == ["<", "<", "<"] or (explicit and declaration.is_kernel and after[:1] == ["("]):
            arguments = _resolved(inside, declaration, file_scope)
            if arguments is not None and len(_parts(arguments)) >= _required(templates[name]):
                add(name, _spaced(" ".join(arguments)))
    return wanted


def _parts(texts):
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
    return sum(not {"=", "."} & set(part) for part in _parts([token.text for token in template]))


_BUILTIN = set("void bool char short int long float double signed unsigned const true false sizeof std".split())
_BUILTIN |= {"int8_t", "int16_t", "int32_t", "int64_t", "uint8_t", "uint16_t", "uint32_t", "uint64_t", "size_t", "uint"}
_VECTOR = re.compile(r"(u?char|u?short|u?int|u?long|u?longlong|float|double)[1-4]|__half2?|half2?")


def _resolved(arguments, declaration, file_scope):
    """The texts of template arguments, with constants of the launching function replaced by their values, or None."""
    parameters = {token.text for token in declaration.template}
    texts = []
    for token in arguments:
        text = token.text
        if token.is_name and (text in parameters or not _is_global(text, file_scope)):
            text = _local_constant(text, declaration)
            if text is None:
                return None
        texts.append(text)
    return texts


def _is_global(name, file_scope):
    return name in _BUILTIN or name in file_scope or bool(_VECTOR.fullmatch(name))


def _local_constant(name, declaration):
    """The number that a function gives a constant: const int n = 256;"""
    tokens = [token.text for token in declaration.tokens]
    for i in range(len(tokens) - 3):
        if tokens[i] == name and tokens[i + 1] == "=" and tokens[i + 2][0].isdigit() and tokens[i + 3] in ",;":
            return tokens[i + 2]
    return None


def _spaced(text):
    """Template arguments in one spelling: float, 16"""
    text = re.sub(r"\s*([<>(),*&:])\s*", r"\1", " ".join(text.split()))
    return text.replace(",", ", ")


def example_instance(name, place):
    """An instance of a kernel template to suggest, such as fill<float, 32>; place: its text in DeviceCode.templates."""
    parameters = [
        part for part in _parts(re.findall(r"[\w.]+|\S", place.partition("template <")[2][:-1])) if "=" not in part
    ]
    words = {"typename": "float", "class": "float", "bool": "true"}
    return f"{name}<{', '.join(words.get(part[0], '32') for part in parameters)}>"


def same_instance(name):
    """A key that is equal for all spellings of a kernel's name."""
    return re.sub(r"\s+", "", name)


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


# ---- the text


def _assembly(kept, source):
    """Edits that replace inline PTX by C++, and {declaration: the reason} of what is not translated."""
    edits, unknown = [], {}
    for declaration in kept:
        tokens = declaration.tokens
        for i, token in enumerate(tokens):
            if token.text not in ("asm", "__asm__", "__asm"):
                continue
            try:
                text, end = inline_ptx.statements(tokens, i)
                text = re.sub(rf"\b({'|'.join(_AT)})\b", lambda index: _AT[index.group()], text)
                lines = blanked(source.text[token.start : tokens[end].end])
                edits.append((token.start, tokens[end].end, text + lines))
            except (inline_ptx.Unknown, IndexError, KeyError, ValueError) as error:
                file, line = source.place(token.start)
                reason = str(error) if isinstance(error, InputError) else "this assembly is not understood"
                unknown.setdefault(declaration, f"{file}:{line}: {reason}")
    return edits, unknown


def _edited(source, found, kept, check, assembly):
    """The text without host code, and with CUDA's words replaced by what the host's compiler knows."""
    edits = list(assembly)
    tables = {name for d in kept if d.kind != "function" for name, _ in _tables(d)}
    staying = set(kept)
    references = _reference_types(found)
    called_later = _recursive(kept) | _pointed_to(kept)
    for declaration in found:
        tokens = declaration.tokens
        if declaration not in staying:
            start, end = tokens[0].start, tokens[-1].end
            edits.append((start, end, blanked(source.text[start:end])))
            continue
        marks = {}
        if declaration.kind == "type" and declaration.body and "enum" not in declaration.words:
            for member in members(declaration):
                edits += _member_edits(member, source, marks if check else None, called_later)
        elif check and declaration.kind == "function" and declaration.body:
            if not declaration.is_kernel:
                _mark_inline(declaration, marks, called_later)
            edits += _rows(declaration, tables)
        variable = declaration.kind in ("variable", "type") and {DEVICE, CONSTANT} & set(declaration.words)
        if declaration.kind == "function" and declaration.name in called_later:
            edits += [(t.start, t.end, f"{'unused':{len(t.text)}}") for t in tokens if t.text == "always_inline"]
        is_reference = _is_reference(declaration, references)
        gap = f"__attribute__((used{', aligned(4096)' * check})) " if variable or is_reference else ""
        if references & declaration.names:
            edits += _references(tokens, references, gap * is_reference)
        edits += _indices(tokens) + _overloads(tokens) + _pauses(tokens)
        for token in tokens:
            if token.text in (DEVICE, GLOBAL, HOST):
                new = marks.get(token.start, gap if token.text == DEVICE else "")
                edits.append((token.start, token.end, new or " " * len(token.text)))  # columns stay
            elif token.text == CONSTANT:
                linkage = "" if {"static", "extern"} & set(declaration.words) else "static "
                edits.append((token.start, token.end, linkage + gap))
    return _apply(source.text, edits)


# Where the emulator has CUDA's indices; a text without macros, since the file is preprocessed.
_AT = {
    "threadIdx": "hw5::position_here().thread",
    "blockIdx": "hw5::position_here().block",
    "blockDim": "hw5::position_here().block_size",
    "gridDim": "hw5::position_here().grid_size",
}
_BEFORE_AN_EXPRESSION = {"return", "else", "case", "throw", "and", "or", "not", "do"}


def _indices(tokens):
    """Edits that put the emulator's indices for CUDA's, unless the declaration has something else of that name."""
    found = [i for i, token in enumerate(tokens) if token.text in _AT]
    own = {tokens[i].text for i in found if _is_declared(tokens, i)}
    return [
        (tokens[i].start, tokens[i].end, f"({_AT[tokens[i].text]})")
        for i in found
        if tokens[i].text not in own and not _is_member(tokens, i)
    ]


def _references(tokens, types, before):
    """Edits that put the emulator's templates for CUDA's, after the text `before`, in texture<float, 2> name and the like."""
    for i, (token, after) in enumerate(zip(tokens, tokens[1:])):
        if token.text in types and after.text == "<":
            end = closing_angle(tokens, i + 1)
            inside = tokens[i + 2 : end]
            if end and all(t.is_name or t.text.isalnum() or t.text in (",", "::", "<", ">") for t in inside):
                yield token.start, token.end, before + _REFERENCES[token.text]


def _pauses(tokens):
    """Edits that let other threads run in a loop that waits for them."""
    return [(t.start, t.end, t.text.replace(";", "") + "::hw5_link.runtime.spin();") for t in waiting.pauses(tokens)]


_MATH = set(
    """fabs sqrt cbrt exp exp2 expm1 log log2 log10 log1p sin cos tan asin acos atan sinh cosh tanh erf erfc lgamma tgamma
    floor ceil trunc round rint nearbyint pow fmod atan2 hypot copysign fmin fmax fdim remainder nextafter fma sincos modf
    scalbn logb ldexp frexp abs min max isnan isinf isfinite signbit""".split()
)


def _overloads(tokens):
    """Edits that make ::exp(x) CUDA's function, which is overloaded, instead of C's."""
    texts = [token.text for token in tokens]
    return [
        (tokens[i].start, tokens[i].end, "hw5_math::")
        for i in range(len(tokens) - 2)
        if texts[i] == "::"
        and texts[i + 1] in _MATH
        and texts[i + 2] == "("
        and not (i and _ends_a_name(tokens[i - 1]))
    ]


def _ends_a_name(token):
    """Whether the token before :: makes it std::exp or the like."""
    return token.text == ">" or (token.is_name and token.text not in _BEFORE_AN_EXPRESSION)


def _is_declared(tokens, i):
    """Whether the name at i follows a type: dim3 blockDim, const dim3 &blockDim."""
    before = [token.text for token in tokens[max(i - 2, 0) : i]]
    if before[-1:] in (["&"], ["*"]) and tokens[i + 1].text in (",", ")"):
        before.pop()
    return bool(before) and before[-1].isidentifier() and before[-1] not in _BEFORE_AN_EXPRESSION


def _is_member(tokens, i):
    before = [token.text for token in tokens[max(i - 2, 0) : i]]
    return before[-1:] in (["."], ["::"]) or before == ["-", ">"]


def _tables(declaration):
    """(name, index of the token after its declarator) of arrays with several dimensions in shared or global memory."""
    tokens = [token.text for token in declaration.tokens]
    for i, text in enumerate(tokens):
        if text not in ("thread_local", DEVICE, CONSTANT):
            continue
        if tokens[i + 1] == "__attribute__":
            i = tokens.index("thread_local", i) if text != "thread_local" else i
            i += 2 + len(_parenthesised(tokens, i + 2))
        end = next((k for k in range(i, len(tokens)) if tokens[k] in (";", "{", "(", "=")), len(tokens))
        for k in range(i, end):
            if tokens[k] == "[" and "][" in "".join(tokens[k:end]) and tokens[k - 1].isidentifier():
                yield tokens[k - 1], end


def _rows(function, of_file):
    """Edits that tell check mode the shapes of the tables that a function uses, see hooks.h.

    A row of them may be indexed beyond its end, to read the array as one row; the array's own bounds are checked.
    """
    tokens = function.tokens
    places = [(name, function.body[0] - 1) for name in sorted(of_file & function.names)]
    places += [(name, end) for name, end in _tables(function) if tokens[end].text == ";"]
    known = {}
    for name, at in places:
        known.setdefault(tokens[at].end, []).append(f" ::hw5::add_table<decltype({name})>();")
    return [(position, position, "".join(texts)) for position, texts in known.items()]


def _parenthesised(tokens, i):
    """The tokens from the ( at i to the ) that closes it."""
    depth = 0
    for k in range(i, len(tokens)):
        depth += (tokens[k] == "(") - (tokens[k] == ")")
        if depth == 0:
            return tokens[i : k + 1]
    return tokens[i:]


def _mark_inline(declaration, marks, called_later):
    if declaration.name not in called_later:
        _mark(declaration, marks, _INLINE + ("" if _INLINED & set(declaration.words) else "inline "))


def _mark(declaration, marks, text):
    """Add text where a function is marked as device code."""
    mark = next((token for token in declaration.head if token.text in (DEVICE, GLOBAL)), None)
    if mark:
        marks[mark.start] = marks.get(mark.start, "") + text


def _member_edits(member, source, marks, called_later):
    """Leave out the body of a member function that only the host has."""
    if member.kind != "function" or not member.body:
        return []
    if member.is_device:
        if marks is not None:
            _mark_inline(member, marks, called_later)
        return []
    cut = member.tokens[member.body[0] - 1].start
    depth = 0
    for token in member.head:
        depth += (token.text in "([") - (token.text in ")]")
        if token.text == ":" and depth == 0:  # the initialisers of a constructor
            cut = token.start
            break
    end = member.tokens[-1].end
    is_destructor = "~" in member.words
    return [(cut, end, (" {}" if is_destructor else ";") + blanked(source.text[cut:end]))]


def _recursive(kept):
    """Names of functions that may call themselves."""
    calls = {}
    for declaration in kept:
        if declaration.kind == "function" and declaration.body:
            names = {t.text for t in declaration.tokens[slice(*declaration.body)] if t.is_name}
            calls.setdefault(declaration.name, set()).update(names)
    for name, names in calls.items():
        calls[name] = names & calls.keys()
    return {name for name in calls if any(name in _reachable(other, calls) for other in calls[name])}


def _pointed_to(kept):
    """Names of functions that are used other than by a call: they may be called by a pointer."""
    functions = {d.name for d in kept if d.kind == "function" and not d.is_kernel}
    return {
        token.text
        for d in kept
        for token, after in zip(d.tokens, d.tokens[1:])
        if token.text in functions and after.text not in ("(", "<")
    }


def _apply(text, edits):
    """The text with the edits, which are (start, end, new); one that is inside another is left out."""
    parts, position = [], 0
    for start, end, new in sorted(edits, key=lambda edit: (edit[0], -edit[1])):
        if start >= position:
            parts += [text[position:start], new]
            position = end
    return _MARK.sub(lambda mark: " " * len(mark.group()), "".join([*parts, text[position:]]))
