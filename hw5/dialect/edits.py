"""Edit the text of a .cu file: leave out host code, and put what the host's compiler knows for what CUDA has."""

import re

from hw5.dialect import inline_ptx, waiting
from hw5.dialect.array_tables import table_edits, tables_in
from hw5.dialect.calls import pointed_to, recursive
from hw5.dialect.cuda_names import INDICES, bulk_edits, index_edits, overload_edits
from hw5.dialect.declarations import BUILTIN, CONSTANT, DEVICE, GLOBAL, HOST, members
from hw5.dialect.references import is_reference, reference_edits, reference_types
from hw5.dialect.tokens import blanked
from hw5.errors import InputError

_MARK = re.compile(rf"\b(?:{GLOBAL}|{DEVICE}|{HOST}|{CONSTANT}|{BUILTIN})\b")
# Inlined, a structure that is passed or returned by value is copied by instructions that check mode sees.
_INLINE = "__attribute__((always_inline)) "
_INLINED = {"inline", "__inline__", "__inline"}


def assembly_edits(kept, source):
    """Edits that replace inline PTX by C++, and {declaration: the reason} of what is not translated."""
    edits, unknown = [], {}
    for declaration in kept:
        tokens = declaration.tokens
        for i, token in enumerate(tokens):
            if token.text not in ("asm", "__asm__", "__asm"):
                continue
            try:
                text, end = inline_ptx.statements(tokens, i)
                text = re.sub(rf"\b({'|'.join(INDICES)})\b", lambda index: INDICES[index.group()], text)
                lines = blanked(source.text[token.start : tokens[end].end])
                edits.append((token.start, tokens[end].end, text + lines))
            except (inline_ptx.Unknown, IndexError, KeyError, ValueError) as error:
                file, line = source.place(token.start)
                reason = str(error) if isinstance(error, InputError) else "this assembly is not understood"
                unknown.setdefault(declaration, f"{file}:{line}: {reason}")
    return edits, unknown


def edited_text(source, found, kept, check, assembly):
    """The text without host code, and with CUDA's words replaced by what the host's compiler knows."""
    edits, staying, editor = list(assembly), set(kept), _Editor(source, found, kept, check)
    for declaration in found:
        if declaration in staying:
            edits += editor.edits(declaration)
        else:
            start, end = declaration.tokens[0].start, declaration.tokens[-1].end
            edits.append((start, end, blanked(source.text[start:end])))
    return _apply(source.text, edits)


class _Editor:
    """Gives the edits of declarations that stay. check: whether they are compiled for check mode."""

    def __init__(self, source, found, kept, check):
        self._source, self._check, self._references = source, check, reference_types(found)
        self._tables = {name for d in kept if d.kind != "function" for name, _ in tables_in(d)}
        self._called_later = recursive(kept) | pointed_to(kept)
        self._functions = {d.name for d in kept if d.kind == "function"}
        self._elsewhere = {d.name for d in kept if {CONSTANT, "extern"} <= set(d.words)}

    def edits(self, declaration):
        edits, marks = self._of_bodies(declaration)
        tokens, references = declaration.tokens, self._references
        if declaration.kind == "function" and declaration.name in self._called_later:
            edits += [(t.start, t.end, f"{'unused':{len(t.text)}}") for t in tokens if t.text == "always_inline"]
        is_bound = is_reference(declaration, references)
        variable = declaration.kind in ("variable", "type") and {DEVICE, CONSTANT} & set(declaration.words)
        gap = f"__attribute__((used{', aligned(4096)' * self._check})) " if variable or is_bound else ""
        if references & declaration.names:
            edits += reference_edits(tokens, references, gap * is_bound)
        edits += index_edits(tokens) + overload_edits(tokens) + _pauses(tokens)
        if self._check:
            edits += bulk_edits(tokens, self._functions)
        return [*edits, *_mark_edits(declaration, marks, gap, self._elsewhere)]

    def _of_bodies(self, declaration):
        """Edits within the bodies of functions, and {start of a mark: its text} of functions to be inlined."""
        edits, marks = [], {}
        if declaration.kind == "type" and declaration.body and "enum" not in declaration.words:
            for member in members(declaration):
                edits += _member_edits(member, self._source, marks if self._check else None, self._called_later)
        elif self._check and declaration.kind == "function" and declaration.body:
            if not declaration.is_kernel:
                _mark_inline(declaration, marks, self._called_later)
            edits += table_edits(declaration, self._tables)
        return edits, marks


def _mark_edits(declaration, marks, gap, elsewhere):
    """Edits that replace CUDA's marks by those in `marks` and, of variables, by the attributes `gap`.

    elsewhere: names of constants that are also declared `extern`.
    """
    for token in declaration.tokens:
        if token.text in (DEVICE, GLOBAL, HOST):
            new = marks.get(token.start, gap if token.text == DEVICE else "")
            yield token.start, token.end, new or " " * len(token.text)  # columns stay
        elif token.text == CONSTANT:
            linkage = (
                "" if {"static", "extern"} & set(declaration.words) or declaration.name in elsewhere else "static "
            )
            yield token.start, token.end, linkage + gap


def _pauses(tokens):
    """Edits that let other threads run in a loop that waits for them."""
    return [(t.start, t.end, t.text.replace(";", "") + "::hw5_link.runtime.spin();") for t in waiting.pauses(tokens)]


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


def _apply(text, edits):
    """The text with the edits, which are (start, end, new); one that is inside another is left out."""
    parts, position = [], 0
    for start, end, new in sorted(edits, key=lambda edit: (edit[0], -edit[1])):
        if start >= position:
            parts += [text[position:start], new]
            position = end
    return _MARK.sub(lambda mark: " " * len(mark.group()), "".join([*parts, text[position:]]))
