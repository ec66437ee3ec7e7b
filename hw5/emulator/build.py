"""Compile the runtime of a mode, and a module library for each .cu file."""

import json
import os
import platform
import re
from dataclasses import dataclass
from pathlib import Path

import hw5.dialect
from hw5.cache import cached
from hw5.compiler import CompileError, build_shared_library, digest, find_compiler, with_includes
from hw5.dialect.source import START, device_code
from hw5.emulator.elf import DEVICE_FUNCTIONS, demangled, imports

HERE = Path(__file__).parent
_DIALECT = Path(hw5.dialect.__file__).parent


@dataclass(frozen=True)
class Mode:
    """Compiler flags for the runtime and for modules; gcc are module flags that clang++ does not have."""

    name: str
    runtime: tuple[str, ...]
    module: tuple[str, ...]
    gcc: tuple[str, ...]


# Without -march and without contraction to fused multiply-adds, results have the same bits on every machine. (nvcc
# contracts by default, so the last bits on a GPU differ anyway. A kernel that wants an FMA calls fmaf.) Endless loops
# are not optimised away, so that they reach the time limit.
_LANGUAGE = (
    "-std=c++17",
    "-fPIC",
    "-fvisibility=hidden",
    "-fno-exceptions",
    "-fno-rtti",
    "-fno-builtin-printf",
    "-fsanitize=return",  # report a function that ends without a return value; it would run on into other code
    "-fno-delete-null-pointer-checks",
    "-fstack-clash-protection",
    "-w",
    "-fmax-errors=10",
)
_COMMON = (*_LANGUAGE, "-ffp-contract=off", "-fno-finite-loops")
# Otherwise g++ checks at every use of an `extern __shared__` array whether it is initialised.
_GCC = ("-fno-extern-tls-init", "-fno-gnu-unique")

_RUNTIME = ("-O2", "-pthread", *(("-mno-red-zone",) if platform.machine() == "x86_64" else ()))  # see fiber.h
FAST = Mode("fast", _RUNTIME, ("-O2",), _GCC)
# Little optimisation, so that an access keeps its line; frame pointers, for the trace of calls. -g1 leaves out
# variables, which take a fifth of the time; addr2line reads inlined calls of clang++ in DWARF 4. -fno-tree-sra moves
# vectors as a whole, so that misaligned ones are detected; clang++ has no such flag, and misses some.
CHECK = Mode(
    "check",
    (*_RUNTIME, "-DHW5_CHECK", "-fno-omit-frame-pointer"),
    (
        "-O1",
        "-g1",
        "-gdwarf-4",
        "-fsanitize=thread,bounds,alignment,object-size",
        "-DHW5_CHECK",
        "-fno-omit-frame-pointer",
        "-fno-optimize-sibling-calls",
        "-ftrivial-auto-var-init=pattern",
    ),
    (
        *_GCC,
        "-fno-tree-sra",
        "-fno-isolate-erroneous-paths-dereference",
        "-fno-ipa-sra",
        "--param=tsan-distinguish-volatile=1",
        "-fno-aggressive-loop-optimizations",  # or a loop ends where an index would be out of bounds
    ),
)
_CLANG = (
    "-Wno-invalid-constexpr",  # an error there: CUDA's log is constant for nvcc
    "-fno-builtin-malloc",  # or an access outside what malloc returned is a trap, which does not say so much
)


def runtime_library(mode):
    """The path of the compiled runtime of a mode."""
    return build_shared_library(HERE / "runtime.cpp", mode.runtime)


def module_library(source, mode, instances=(), include=()):
    """The path of the compiled module of a .cu file; raises CompileError with the compiler's output.

    instances: of kernel templates, such as "reduce<float>". include: folders of headers.
    """
    compiler = find_compiler()
    flags = (*_COMMON, *mode.module, *(_CLANG if compiler.is_clang else mode.gcc))
    flags += tuple(f"-I{Path(folder).resolve()}" for folder in include)
    own = [
        *sorted(HERE.rglob("*.h")),
        HERE / "complex",
        HERE / "cuda" / "pipeline",
        *sorted(_DIALECT.glob("*.py")),
        HERE / "build.py",
        HERE / "elf.py",
    ]
    key = digest(compiler, [*with_includes(source, [Path(folder) for folder in include]), *own], (*flags, *instances))
    return cached(source.stem, key, lambda library: _compile(compiler, source, flags, library, mode, instances))


def _compile(compiler, source, flags, library, mode, instances):
    """Preprocess a file, leave out host code, append the table of its kernels, and compile it.

    The compiler runs in the folder of the source, so that messages have its bare name wherever the folder is.
    """
    if b"\0" in source.read_bytes():
        raise CompileError(f"{source} is not text in UTF-8 or ASCII (perhaps UTF-16); save it as UTF-8")
    preprocessed = library.with_suffix(".ii")
    text, missing = _text(compiler, source, flags, preprocessed, mode)
    # Only C's libraries, because the emulator replaces libtsan, which the compiler would add. -Bsymbolic makes memcpy
    # the module's own (hooks.h) instead of the C library's. norelro: mold protects thread-local memory that is not
    # there.
    how = ["-shared", "-nodefaultlibs", "-Wl,-Bsymbolic,-z,norelro"]
    link = [*how, str(preprocessed), "-o", str(library), "-lm", "-lc", "-lgcc"]
    without, first = set(), None
    while True:
        code = device_code(text, instances, mode is CHECK, without)
        preprocessed.write_text(code.text + _epilogue(code, missing), encoding="utf-8", errors="surrogateescape")
        try:
            compiler.run([*flags, *link], source.parent, str(source), library.parent)
            break
        except CompileError as error:
            if instances and _errors(str(error)) and {file for file, _ in _errors(str(error))} == {_TABLE}:
                unknown = "".join(f"; there is no {name}" for name in _undeclared(str(error)))
                raise CompileError(
                    f"{source.name} has no instance {', '.join(instances)} of a template{unknown}"
                ) from error
            first = first or CompileError(f"{error}{_hints(str(error), code, missing)}")
            of_host = _in_optional(str(error), code)
            if not of_host:
                raise first from error
            without |= of_host
    foreign = sorted(imports(library) - DEVICE_FUNCTIONS)
    if foreign:
        names = ", ".join(demangled(name) for name in foreign)
        raise CompileError(
            f"{source} uses what is defined nowhere in it, or only on the host: {names} (a function of another .cu file must "
            "be included: the emulator has no separate compilation)"
        )


# Headers that nvcc includes itself, and what kernels use of them. Parsing all of them takes longer than most kernels.
_STANDARD = {
    "type_traits": r"(?:is|enable|remove|add|make)_\w+|conditional\w*|decay\w*|integral_constant|true_type|false_type|void_t",
    "cstdint": r"u?int\w*_t",
    "iosfwd": r"\w*stream(?:buf)?",
    "limits": r"numeric_limits",
    "algorithm": r"min|max|clamp",
    "utility": r"move|forward|swap|pair|make_pair|declval|exchange|\w+_sequence\w*",
    "cmath": r"f?abs|sqrt|cbrt|exp\w*|log\w*|a?(?:sin|cos|tan)h?|atan2|pow|f?mod|floor|ceil|round|trunc|hypot|f?min|f?max|fma"
    r"|erfc?|isnan|isinf|isfinite|signbit|copysign",
}
_OWN = {  # headers that nvcc needs no include for, or that PTX needs, by what is in a file that needs them
    "cuda_texture.h": r"tex[123]D|surf[123]D|TextureObject_t|SurfaceObject_t|CU(?:tex|surf)Object|cudaArray_t"
    r"|(?:texture|surface) ?<",
    "mma.h": r"\b(?:mma\.sync|ldmatrix)\.",
    "cuda_fp16.h": r"\b(?:add|sub|mul|fma|min|max|neg|abs|tanh|ex2|cvt)\.(?:\w+\.)*f16",
    "cuda_bf16.h": r"\b(?:add|sub|mul|fma|min|max|neg|abs|tanh|ex2|cvt)\.(?:\w+\.)*bf16",
    "cub.h": r"\bcub\b",
}


_OF_OTHERS = {  # which headers of the host include, such as OpenCV's and PyTorch's
    "cfloat": r"\b(?:FLT|DBL)_(?:MAX|MIN|EPSILON)\b",
    str(HERE / "cuda_fp16.h"): r"\b(?:__half2?|half2|__half2float|__float2half\w*)\b|[<,] ?half>",
    str(HERE / "cuda_bf16.h"): r"\b__nv_bfloat16\w*",
}


def _text(compiler, source, flags, preprocessed, mode):
    """The preprocessed text of a .cu file, with the headers that nvcc includes if it needs them; missing headers."""
    headers = ()
    while True:
        missing = preprocess(compiler, source, (*flags, *headers), preprocessed)
        text = preprocessed.read_text(encoding="utf-8", errors="surrogateescape")
        wanted = [] if headers else _wanted(text, mode, missing)
        if not wanted:
            return text, missing
        headers = tuple(word for header in wanted for word in ("-include", header))


def _wanted(text, mode, missing):
    """The headers that a preprocessed file needs without including them."""
    own = text[text.index(START) :]
    names = device_code(text, (), mode is CHECK).standard if "std::" in own else ()
    wanted = [header for header, of_it in _STANDARD.items() if any(re.fullmatch(of_it, name) for name in names)]
    wanted += [str(HERE / header) for header, of_it in _OWN.items() if re.search(of_it, own)]
    wanted += [header for header, of_it in _OF_OTHERS.items() if missing and re.search(of_it, own)]
    return [each for each in wanted if not re.search(rf'^# 1 "[^"]*/{Path(each).name}"', text, re.MULTILINE)]


def _errors(message):
    """The files and lines of errors."""
    errors = re.findall(r"^(.+?):(\d+):\d+: error: ", message, re.MULTILINE)
    return {(file, int(line)) for file, line in errors}


def _in_optional(message, code):
    """The optional declarations in which there are errors: perhaps only the host needs them."""
    places = _errors(message)
    return {place for place in code.optional if any(f == place[0] and place[1] <= n <= place[2] for f, n in places)}


def _undeclared(message):
    return re.findall("['‘](\\w+)['’] (?:was not declared|is not a member|does not name|has not been)", message)


def _hints(message, code, missing):
    """What was left out, if the compiler misses it."""
    host = sorted(code.host_functions.intersection(_undeclared(message)))
    hints = [f"\n{name} is a function of the host; mark it __device__ to call it from a kernel" for name in host]
    if missing:
        hints.append(f"\n(headers that were not found, and were taken as empty: {', '.join(missing)})")
    return "".join(hints)


_MISSING = re.compile(r"fatal error: ['‘]?([^'’:\n]+?)['’]?(?:: No such file| file not found)")


def preprocess(compiler, source, flags, output):
    """Preprocess a .cu file; return the names of headers that do not exist, which are taken as empty.

    They are headers of the host: of the CUDA samples, OpenCV, MPI and the like.
    """
    missing, empty = [], output.parent.joinpath("missing", *9 * ["folder"])  # ../x.h is in one of these folders
    empty.mkdir(parents=True, exist_ok=True)
    command = ["-E", "-x", "c++", "-include", str(HERE / "cuda.h"), "-isystem", str(HERE), "-idirafter", str(empty)]
    command += [*flags, source.name, "-o", str(output)]
    while True:
        try:
            compiler.run(command, source.parent, str(source), output.parent)
            return missing
        except CompileError as error:
            found = _MISSING.search(str(error))
            place = found and Path(os.path.normpath(empty / found[1]))
            if not found or found[1] in missing or output.parent / "missing" not in place.parents:
                raise
            missing.append(found[1])
            place.parent.mkdir(parents=True, exist_ok=True)
            place.touch()


_TABLE = "<the emulator's table of kernels>"


def _described(kernel):
    """The C++ expression for the Kernel of a KernelSource; the names in it are those of its namespaces."""
    site, cooperative = f'{{"{kernel.file}", {kernel.line}}}', str(kernel.cooperative).lower()
    described = f'hw5::describe<{kernel.expression}>("{kernel.name}", {site}, {cooperative})'
    inner = ["::".join(kernel.scopes[: i + 1]) for i in range(len(kernel.scopes))]
    return f"[] {{ {''.join(f'using namespace ::{n}; ' for n in inner)}return {described}; }}()" if inner else described


def _epilogue(code, missing):
    """The table of kernels, and aliases that make all dynamic shared arrays one array."""
    aliases = "".join(
        f'asm(".globl {name}\\n.hidden {name}\\n.set {name}, hw5_dynamic_shared\\n");\n'
        for name in dict.fromkeys(code.dynamic_arrays)
    )
    kernels = "".join(f"    {_described(kernel)},\n" for kernel in code.kernels)
    about = {
        "templates": code.templates,
        "refused": code.refused,
        "constants": code.constants,
        "reaches": {kernel.name: sorted(kernel.reaches) for kernel in code.kernels},
        "missing_headers": missing,
    }
    return f"""
# 1 "{_TABLE}"
{aliases}
namespace hw5 {{
static constexpr Kernel kernels[] = {{
{kernels}    {{}}
}};
static unsigned char *dynamic_shared() {{ return hw5_dynamic_shared; }}
}}
extern "C" __attribute__((visibility("default"))) const hw5::Module hw5_module = {{
    hw5::kernels, {len(code.kernels)}, {str(code.swaps).lower()}, R"about({json.dumps(about)})about", &hw5_link, hw5::dynamic_shared
}};
"""
