"""The variables of a shared library, from its symbol table, which alone has the sizes of __shared__ arrays."""

import re
import struct
from dataclasses import dataclass, replace

_SYMTAB, _DYNSYM = 2, 11  # section types
_OBJECT, _TLS = 1, 6  # symbol types
GUARD = "guard"  # of a __shared__ array: whether its constructor has run
_OWN = re.compile(r"hw5_|_ZNK?3hw5|_ZZNK?3hw5|_ZL?\d*hw5_|_ZN10hw5_math|_Z[TG]|completed|__|_DYNAMIC|_GLOBAL")
_MATH = """acos acosh asin asinh atan atan2 atanh cbrt ceil copysign cos cosh erf erfc exp exp10 exp2 expm1 fabs fdim floor
fma fmax fmin fmod frexp hypot ilogb j0 j1 jn ldexp lgamma llrint llround log log10 log1p log2 logb lrint lround modf
nearbyint nextafter pow remainder remquo rint round scalbln scalbn sin sincos sinh sqrt tan tanh tgamma trunc y0 y1 yn"""
# What a module may take from other libraries: functions that a GPU has too, and what every library needs
DEVICE_FUNCTIONS = {name + suffix for name in _MATH.split() for suffix in ("", "f")} | set(
    """abs labs llabs malloc free calloc memcmp memchr strlen strchr strrchr strcmp strcpy strncmp strncpy strcat memcpy memmove memset
    clock fegetround fesetround __tls_get_addr __cxa_finalize __gmon_start__ _ITM_deregisterTMCloneTable
    _ITM_registerTMCloneTable __stack_chk_fail __cxa_pure_virtual __errno_location""".split()
)


@dataclass(frozen=True)
class Variable:
    """offset: from the load address, or from the start of thread-local storage for a __shared__ array.

    owner: the names of the function that it is in, with its namespaces and types; empty if it is in none.
    """

    name: str
    is_shared: bool
    offset: int
    size: int
    owner: tuple = ()


def variables(library):
    """The __shared__ arrays and other variables of a library, except the emulator's own."""
    symbols = []
    for name, kind, section, value, extent in _symbols(library, _SYMTAB):
        if extent and section and kind in (_OBJECT, _TLS):
            symbols.append(Variable(name, kind == _TLS, value, extent))
    dynamic = {v.offset for v in symbols if v.name == "hw5_dynamic_shared"}
    own = {v for v in symbols if _OWN.match(v.name) or (v.is_shared and v.offset in dynamic)}
    found = [_named(v) for v in symbols if v not in own]
    return found + [Variable(GUARD, True, v.offset, v.size) for v in own if v.is_shared and v.name.startswith("_ZGV")]


def imports(library):
    """Names of the functions and variables that a library takes from others.

    Without clang++'s initialisers of `extern __shared__` arrays (_ZTH), which it calls only if there are any.
    """
    names = {name for name, _, section, _, _ in _symbols(library, _DYNSYM) if section == 0 and name}
    return {name for name in names if not name.startswith("_ZTH")}


def _symbols(library, table):
    """(name, type, section, value, size) of the symbols in a table of a 64-bit little-endian ELF file."""
    data = library.read_bytes()
    (offset,) = struct.unpack_from("<Q", data, 0x28)
    size, count = struct.unpack_from("<HH", data, 0x3A)
    sections = [struct.unpack_from("<IIQQQQIIQQ", data, offset + i * size) for i in range(count)]
    for _, kind, _, _, start, length, link, _, _, entry in sections:
        if kind != table:
            continue
        names = data[sections[link][4] :][: sections[link][5]]
        for symbol in range(start, start + length, entry):
            name, info, _, section, value, extent = struct.unpack_from("<IBBHQQ", data, symbol)
            if section < count:
                yield names[name : names.index(b"\0", name)].decode(), info & 15, section, value, extent


def demangled(symbol):
    """The name of a function without its parameters: _ZN3abc3sumEPf is abc::sum."""
    match, names = re.match(r"_Z(?:NK?)?", symbol), []
    position = match.end() if match else len(symbol)
    while length := re.compile(r"\d+").match(symbol, position):
        position = length.end() + int(length.group())
        names.append(symbol[length.end() : position])
        if not symbol.startswith("_ZN"):
            break
    return "::".join(names) or symbol


_MANGLED = re.compile(r"L[a-z]n?\d+E|[AST][0-9A-Z]*_|([1-9]\d*)")  # a literal, a type, or the length of a name


def _named(variable):
    """With its name in the source, and that of the function around it."""
    *around, name = _names(variable.name)
    owner = tuple(around) if variable.name.startswith("_ZZ") else ()
    return replace(variable, name=name, owner=owner)


def _names(symbol):
    """The names in a mangled name, in order: _ZZ3sumIfEvPT_E4tile has `sum` and `tile`."""
    position, names = 2, []
    while symbol.startswith("_Z") and (part := _MANGLED.search(symbol, position)):
        position = part.end()
        end = position + int(part[1] or 0)
        if part[1] and end <= len(symbol):
            names.append(symbol[position:end])
            position = end
    return names or [symbol]
