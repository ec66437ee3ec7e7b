"""Inline PTX, asm("..." : outputs : inputs), as C++."""

import re

from hw5.dialect.declarations import closing
from hw5.dialect.ptx import Translator, Unknown, c_type, literal, special

_TYPES = {"r": "uint32_t", "l": "uint64_t", "h": "uint16_t", "f": "float", "d": "double", "n": "int64_t"}
__all__ = ["Unknown", "statements"]


def statements(tokens, i):
    """The C++ of the asm statement that begins at token i, and the index of its last token; raises Unknown."""
    start = i + 1
    while tokens[start].text in ("volatile", "__volatile__"):
        start += 1
    end = closing(tokens, start)
    template, *sections = _sections(tokens[start + 1 : end])
    text = "".join(token.text[1:-1] for token in template)
    text = text.replace("\\n", "\n").replace("\\t", " ").replace("\\r", "").replace("%%", "%$")
    operands = [operand for section in sections[:2] for operand in _operands(section)]
    return _Inline(operands).translate(text), end


def _sections(tokens):
    """The token lists between colons at the outer level."""
    sections, depth = [[]], 0
    for token in tokens:
        depth += (token.text in "([{") - (token.text in ")]}")
        if depth == 0 and token.text in (":", "::"):
            sections += [[] for _ in token.text]
        else:
            sections[-1].append(token)
    return sections


def _operands(section):
    """(constraint, expression) of each operand."""
    i = 0
    while i < len(section):
        if section[i].text.startswith('"'):
            end = closing(section, i + 1)
            yield section[i].text.strip('"'), " ".join(t.text for t in section[i + 2 : end])
            i = end
        i += 1


class _Inline(Translator):
    """Operands are %0, %1, ... of the asm statement, registers that it declares, special registers and numbers."""

    def __init__(self, operands):
        self._given = operands
        self._registers = {}  # name: C++ type

    def translate(self, text):
        text = re.sub(r"//[^\n]*|/\*.*?\*/", "", text, flags=re.DOTALL)
        out = []
        for piece in re.split(r"[;{}](?![^\[\]]*\])", _hide_vectors(text)):
            piece = piece.replace("\x01", "{").replace("\x02", "}").strip()
            if piece.startswith(".reg"):
                out.append(self._declare(piece))
            elif piece:
                out.append(self.instruction(piece))
        return "{ " + " ".join(out) + " }"

    def _declare(self, piece):
        _, kind, names = piece.split(None, 2)
        T = c_type(kind.lstrip("."))
        found = [name.strip().lstrip("%") for name in names.split(",")]
        self._registers.update({name: T for name in found})
        return f"{T} " + ", ".join(f"hw5r_{name}" for name in found) + ";"

    def read(self, operand, T):
        operand = operand.strip()
        if operand.startswith("%$"):
            expression = special(operand[2:])
            if expression is None:
                raise Unknown(f"the PTX register %{operand[2:]} is not one that the emulator knows")
            return f"({T})({expression})"
        if re.fullmatch(r"%\d+", operand):
            constraint, expression = self._given[int(operand[1:])]
            own = _TYPES[constraint.lstrip("=+&")]
            return f"hw5_ptx::bits<{T}>(({own})({expression}))" if _differ(own, T) else f"({T})({expression})"
        name = operand.lstrip("%")
        if name in self._registers:
            own = self._registers[name]
            return f"hw5_ptx::bits<{T}>(hw5r_{name})" if _differ(own, T) else f"({T})hw5r_{name}"
        return literal(operand, T)

    def write(self, operand, expression, T):
        operand = operand.strip()
        if operand == "_":
            return ";"
        if re.fullmatch(r"%\d+", operand):
            constraint, target = self._given[int(operand[1:])]
            own = _TYPES[constraint.lstrip("=+&")]
            value = f"hw5_ptx::bits<{own}>(({T})({expression}))" if _differ(own, T) else f"(({T})({expression}))"
            return f"{target} = (__typeof__({target})){value};"  # which may be a pointer
        name = operand.lstrip("%")
        own = self._registers[name]
        value = f"hw5_ptx::bits<{own}>(({T})({expression}))" if _differ(own, T) else f"({own})({expression})"
        return f"hw5r_{name} = {value};"

    def address(self, operand, space):
        base, _, offset = operand.strip().strip("[]").partition("+")
        place = f"{self.read(base, 'uint64_t')} + {self.read(offset, 'int64_t') if offset else 0}"
        return f"(uintptr_t)__cvta_shared_to_generic({place})" if space == "shared" else place

    def _cvta(self, parts, a):
        name = {("cvta", "to", "shared"): "generic_to_shared", ("cvta", "shared"): "shared_to_generic"}
        name = name.get(tuple(parts[:-1]))
        x = self.read(a[1], "uint64_t")
        return self.write(
            a[0], f"(uint64_t)__cvta_{name}({'(void *)' * ('to' in parts)}({x}))" if name else x, "uint64_t"
        )

    def _is_predicate(self, operand):
        return self._registers.get(operand.lstrip("%")) == "bool"


def _differ(a, b):
    """Whether one type is floating-point and the other is not, so that bits move instead of values."""
    return (a in ("float", "double")) != (b in ("float", "double"))


def _hide_vectors(text):
    """Replace the braces of {a, b} operands, which stand after a comma or an opcode."""
    return re.sub(r"(?<=[\w,])(\s*)\{([^{};]*)\}", "\\1\x01\\2\x02", text)
