"""The variables of a shared library, from its symbol table, which alone has the sizes of __shared__ arrays."""

import re
import struct
from dataclasses import dataclass

_SYMTAB = 2  # section type
_WRITABLE = 1  # section flag
_OBJECT, _TLS = 1, 6  # symbol types


@dataclass(frozen=True)
class Variable:
    """offset is from the load address, or from the start of thread-local storage for a __shared__ array."""

    name: str
    is_shared: bool
    offset: int
    size: int


def variables(library):
    """The __shared__ arrays and writable variables of a 64-bit little-endian ELF file, except the emulator's own."""
    data = library.read_bytes()
    (offset,) = struct.unpack_from("<Q", data, 0x28)
    size, count = struct.unpack_from("<HH", data, 0x3A)
    sections = [struct.unpack_from("<IIQQQQIIQQ", data, offset + i * size) for i in range(count)]
    symbols = []
    for _, kind, _, _, start, length, link, _, _, entry in sections:
        if kind != _SYMTAB:
            continue
        names = data[sections[link][4] :][: sections[link][5]]
        for symbol in range(start, start + length, entry):
            name, info, _, section, value, extent = struct.unpack_from("<IBBHQQ", data, symbol)
            if extent == 0 or not 0 < section < count:
                continue
            is_shared = info & 15 == _TLS
            if is_shared or (info & 15 == _OBJECT and sections[section][2] & _WRITABLE):
                text = names[name : names.index(b"\0", name)].decode()
                symbols.append(Variable(text, is_shared, value, extent))
    dynamic = {v.offset for v in symbols if v.name == "hw5_dynamic_shared"}
    own = {v for v in symbols if v.name.startswith("hw5_") or (v.is_shared and v.offset in dynamic)}
    return [Variable(_plain(v.name), v.is_shared, v.offset, v.size) for v in symbols if v not in own]


def _plain(symbol):
    """The name in the source, which follows the last length in a mangled name: _ZZ3sumIfEvPT_E4tile is `tile`."""
    if symbol.startswith("_Z"):
        for length in re.finditer(r"\d+", symbol):
            end = length.end() + int(length.group())
            if end <= len(symbol) and re.fullmatch(r"E?(_\d+)?", symbol[end:]):
                return symbol[length.end() : end]
    return symbol
