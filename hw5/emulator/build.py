"""Compile the runtime of a mode, and a module library for each .cu file."""

from dataclasses import dataclass
from pathlib import Path

from hw5.cache import cached
from hw5.compiler import build_shared_library, digest, find_compiler, with_includes
from hw5.emulator.source import scan

HERE = Path(__file__).parent


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
_LANGUAGE = ("-std=c++17", "-fPIC", "-fvisibility=hidden", "-fno-exceptions", "-w", "-fmax-errors=10")
_COMMON = (*_LANGUAGE, "-ffp-contract=off", "-fno-finite-loops")
# Otherwise g++ checks at every use of an `extern __shared__` array whether it is initialised.
_GCC = ("-fno-extern-tls-init", "-fno-gnu-unique")

FAST = Mode("fast", ("-O2",), ("-O2",), _GCC)
# Little optimisation, so that an access keeps its line; frame pointers, for the trace of calls. -fno-tree-sra moves
# vectors as a whole, so that misaligned ones are detected; clang++ has no such flag, and misses some.
CHECK = Mode(
    "check",
    ("-O2", "-DHW5_CHECK", "-fno-omit-frame-pointer"),
    ("-O1", "-g", "-fsanitize=thread", "-DHW5_CHECK", "-fno-omit-frame-pointer", "-fno-optimize-sibling-calls"),
    (*_GCC, "-fno-tree-sra"),
)


def runtime_library(mode):
    """The path of the compiled runtime of a mode."""
    return build_shared_library(HERE / "runtime.cpp", mode.runtime)


def module_library(source, mode):
    """The path of the compiled module of a .cu file; raises CompileError with the compiler's output."""
    compiler = find_compiler()
    flags = (*_COMMON, *mode.module, *(() if compiler.is_clang else mode.gcc))
    own = [*sorted(HERE.glob("*.h")), HERE / "build.py", HERE / "source.py"]
    key = digest(compiler, [*with_includes(source), *own], flags)
    return cached(source.stem, key, lambda library: _compile(compiler, source, flags, library))


def _compile(compiler, source, flags, library):
    """Preprocess a file, append the table of its kernels, and compile it.

    The compiler runs in the folder of the source, so that messages have its bare name wherever the folder is.
    """
    preprocessed = library.with_suffix(".ii")
    preprocess = ["-E", "-x", "c++", "-include", str(HERE / "cuda.h"), "-isystem", str(HERE), source.name]
    compiler.run([*flags, *preprocess, "-o", str(preprocessed)], source.parent, str(source), library.parent)
    text = preprocessed.read_text(encoding="utf-8", errors="surrogateescape")
    declarations = scan(text)
    preprocessed.write_text(text + _epilogue(declarations), encoding="utf-8", errors="surrogateescape")
    # Only C's libraries, because the emulator replaces libtsan, which the compiler would add. -Bsymbolic makes memcpy
    # the module's own (hooks.h) instead of the C library's.
    link = ["-shared", "-nodefaultlibs", "-Wl,-Bsymbolic", str(preprocessed), "-o", str(library), "-lm", "-lc", "-lgcc"]
    compiler.run([*flags, *link], source.parent, str(source), library.parent)


def _epilogue(declarations):
    """The table of kernels, and aliases that make all dynamic shared arrays one array."""
    aliases = "".join(
        f'asm(".globl {name}\\n.hidden {name}\\n.set {name}, hw5_dynamic_shared\\n");\n'
        for name in declarations.dynamic_arrays
    )
    kernels = "".join(
        f'    hw5::describe<{name}>("{name.split("::")[-1]}", {{"{file}", {line}}}),\n'
        for name, (file, line) in declarations.kernels.items()
    )
    return f"""
# 1 "<the emulator's table of kernels>"
{aliases}
namespace hw5 {{
static const Kernel kernels[] = {{
{kernels}    {{}}
}};
static unsigned char *dynamic_shared() {{ return hw5_dynamic_shared; }}
}}
extern "C" __attribute__((visibility("default"))) const hw5::Module hw5_module = {{
    hw5::kernels, {len(declarations.kernels)}, &hw5_link, hw5::dynamic_shared
}};
"""
