"""Translate the kernels of a PTX file, as nvcc writes it, to a .cu file of the emulator's dialect.

Registers become local variables, and labels stay labels. Shared memory has 32-bit addresses in PTX: the number of the
array in the upper bits, and the offset in the lower 20.
"""

import re

from hw5.dialect.ptx import Translator, Unknown, c_type, literal, special

_REGISTERS = {"p": "bool", "rs": "uint16_t", "r": "uint32_t", "rd": "uint64_t", "f": "float", "fd": "double"}
_PARAMETERS = {
    "P": "void *", "?": "bool ", "b": "signed char ", "B": "unsigned char ", "h": "short ", "H": "unsigned short ",
    "i": "int ", "I": "unsigned ", "q": "long long ", "Q": "unsigned long long ", "f": "float ", "d": "double ",
}  # fmt: skip
_ENTRY = re.compile(r"\.visible \.entry (\w+)\((.*?)\)\s*(?:\.\w+ [^\n]*\n)*\{(.*?)\n\}", re.DOTALL)
_SHARED = re.compile(r"\.shared \.align \d+ \.[a-z](\d+) ([\w$]+)(?:\[(\d*)\])?;")
_GRID_BARRIER = "%envreg2"  # the register with half of its address
_LOCAL = re.compile(r"\.local \.align (\d+) \.b8 \t?(\w+)\[(\d+)\];")


def translated(text, signatures):
    """The text of a .cu file with the kernels of a PTX file.

    signatures: {kernel: the type codes of its parameters}, since PTX does not tell pointers from integers. Kernels that
    are not in it are left out, and those whose blocks wait for each other: in PTX that is a loop that reads memory
    until all blocks have written, and here blocks run one after the other. Raises Unknown for an instruction that is
    not translated.
    """
    arrays = {
        name: (i, "" if size == "" and f"{name}[]" in text else int(bits) // 8 * int(size or 1))
        for i, (bits, name, size) in enumerate(_SHARED.findall(text), start=1)
    }
    entries = [(_plain(name), body) for name, _, body in _ENTRY.findall(text)]
    its = [(name, body) for name, body in entries if name in signatures and _GRID_BARRIER not in body]
    kernels = [_Kernel(name, body, arrays, signatures[name]).text() for name, body in its]
    return "\n".join(kernels)


def _plain(name):
    """The name of a kernel in the source: _Z5scalePfi is scale."""
    mangled = re.match(r"_Z(\d+)", name)
    return name[mangled.end() :][: int(mangled[1])] if mangled else name


class _Kernel(Translator):
    def __init__(self, name, body, arrays, signature):
        self._name, self._body, self._signature = name, body, signature
        self._named = {}  # registers with a name of their own: type
        self._arrays = {array: place for array, place in arrays.items() if re.search(rf"\b{re.escape(array)}\b", body)}

    def text(self):
        parameters = ", ".join(f"{_PARAMETERS[code]}P{i}" for i, code in enumerate(self._signature))
        lines = [*self._declarations(), *self._statements()]
        inner = "\n".join(f"    {line}" for line in lines)
        return f'extern "C" __global__ void {self._name}({parameters}) {{\n{inner}\n}}\n'

    def _declarations(self):
        for kind, count in re.findall(r"\.reg \.\w+\s+%([a-z]+)<(\d+)>;", self._body):
            names = ", ".join(f"{kind}{i}" for i in range(1, int(count)))
            if names:
                yield f"{_REGISTERS[kind]} {names};"
        for array, (number, size) in self._arrays.items():
            yield (
                f"__shared__ __align__(16) unsigned char S{number}[{size}];"
                if size
                else f"extern __shared__ unsigned char S{number}[];"
            )
        cases = "".join(f"case {n}: return (uintptr_t)S{n} + (a & 0xfffff); " for n, _ in self._arrays.values())
        if cases:
            yield f"auto shared = [&](uint32_t a) -> uintptr_t {{ switch (a >> 20) {{ {cases}}} return 0; }};"
        for alignment, name, size in _LOCAL.findall(self._body):
            yield f"__align__({alignment}) unsigned char {name}[{size}];"
            yield "uint64_t SP, SPL;"

    def _statements(self):
        for line in self._body.splitlines():
            line = line.split("//")[0].strip()
            named = re.fullmatch(r"\.reg \.(\w+)\s+%(\w+);", line)
            if named:  # of an inner block
                self._named[named[2]] = c_type(named[1])
                yield f"{c_type(named[1])} {named[2]};"
            if not line or line.startswith("."):
                continue
            if line in "{}":
                yield line
                continue
            label = re.fullmatch(r"(\$\w+):", line)
            yield f"{_label(label[1])}:;" if label else self.instruction(line.rstrip(";"))

    def _ld(self, parts, a):
        if parts[1] == "param":
            T, number = c_type(parts[-1]), re.search(r"param_(\d+)", a[1])[1]
            return self.write(a[0], f"({T})P{number}", T)
        return super()._ld(parts, a)

    def _bra(self, parts, a):
        return f"goto {_label(a[0])};"

    def read(self, operand, T):
        operand = operand.strip()
        expression = special(operand) if operand.startswith("%") else None
        if expression:
            return f"({T})({expression})"
        if operand.startswith("%"):
            own = self._type(operand)
            return operand[1:] if own == T else _cast(operand[1:], own, T)
        if operand in self._arrays:
            return f"({T}){self._arrays[operand][0] << 20}u"
        if operand.startswith("__local_depot"):
            return f"({T})(uintptr_t){operand}"
        return literal(operand, T)

    def write(self, operand, expression, T):
        own = self._type(operand)
        return f"{operand.strip()[1:]} = {expression if own == T else _cast(f'({T})({expression})', T, own)};"

    def address(self, operand, space):
        base, _, offset = operand.strip().strip("[]").partition("+")
        if space == "shared":
            return f"shared({self.read(base, 'uint32_t')} + {offset or 0})"
        if base.lstrip("%").isidentifier() and not base.startswith("%"):
            raise Unknown(f"the PTX variable {base} is not one that the emulator knows")
        return f"{self.read(base, 'uint64_t')} + ({offset or 0})"

    def _type(self, operand):
        if operand.strip()[1:] in self._named:
            return self._named[operand.strip()[1:]]
        if operand.strip() in ("%SP", "%SPL"):
            return "uint64_t"
        match = re.fullmatch(r"%([a-z]+)\d+", operand.strip())
        if not match:
            raise Unknown(f"the PTX register {operand} is not one that the emulator knows")
        return _REGISTERS[match[1]]


def _cast(expression, own, T):
    floating = ("float", "double")
    return f"hw5_ptx::bits<{T}>({expression})" if (own in floating) != (T in floating) else f"({T})({expression})"


def _label(name):
    return name.replace("$", "").replace("__", "L_")
