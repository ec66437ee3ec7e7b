"""From a kernel file to a library: the runtime of a mode, and one module for each .cu file."""

from dataclasses import dataclass
from pathlib import Path

from hw5.compiler import build_shared_library, cached, digest, find_compiler, with_includes
from hw5.emulator.source import scan

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Mode:
    """How the runtime and the modules of a mode are compiled; gcc has what clang++ does not know."""

    name: str
    runtime: tuple[str, ...]
    module: tuple[str, ...]
    gcc: tuple[str, ...]


# No -march and no contraction to fused multiply-adds: one source gives the same bits on every machine. (nvcc contracts
# by default, so a GPU's last bits differ from these in any case. A kernel says fmaf where it wants one.) Loops without
# an end are kept, so that they run into the time limit.
_LANGUAGE = ("-std=c++17", "-fPIC", "-fvisibility=hidden", "-fno-exceptions", "-w", "-fmax-errors=10")
_COMMON = (*_LANGUAGE, "-ffp-contract=off", "-fno-finite-loops")
# g++ would ask at every use of an `extern __shared__` array whether it needs initialisation.
_GCC = ("-fno-extern-tls-init", "-fno-gnu-unique")

FAST = Mode("fast", ("-O2",), ("-O2",), _GCC)
# Little optimisation, so that an access stays on its line; frame pointers, so that the calls leading to it are known.
# Vectors are moved in one piece, so that their alignment can be seen; clang++ cannot be told to, and misses it.
CHECK = Mode(
    "check",
    ("-O2", "-DHW5_CHECK", "-fno-omit-frame-pointer"),
    ("-O1", "-g", "-fsanitize=thread", "-DHW5_CHECK", "-fno-omit-frame-pointer", "-fno-optimize-sibling-calls"),
    (*_GCC, "-fno-tree-sra"),
)


def runtime_library(mode):
    """The compiled runtime of a mode: a path."""
    return build_shared_library(HERE / "runtime.cpp", mode.runtime)


def module_library(source, mode):
    """The compiled module of a .cu file: a path. CompileError names the file as the compiler sees it."""
    compiler = find_compiler()
    flags = (*_COMMON, *mode.module, *(() if compiler.is_clang else mode.gcc))
    ours = [*sorted(HERE.glob("*.h")), HERE / "build.py", HERE / "source.py"]
    key = digest(compiler, [*with_includes(source), *ours], flags)
    return cached(source.stem, key, lambda library: _compile(compiler, source, flags, library))


def _compile(compiler, source, flags, library):
    """Preprocess, see what there is, append the table of kernels, compile.

    The compiler runs beside the source and is given its bare name, so that the name in messages is the same wherever
    the folder lies.
    """
    preprocessed = library.with_suffix(".ii")
    preprocess = ["-E", "-x", "c++", "-include", str(HERE / "cuda.h"), "-isystem", str(HERE), source.name]
    compiler.run([*flags, *preprocess, "-o", str(preprocessed)], source.parent, str(source))
    text = preprocessed.read_text(encoding="utf-8", errors="surrogateescape")
    declarations = scan(text)
    preprocessed.write_text(text + _epilogue(declarations), encoding="utf-8", errors="surrogateescape")
    # Only C's libraries: the compiler would add libtsan, whose place the emulator takes. A call of memcpy is for the
    # module's own (hooks.h), though the C library declares it for all to see.
    link = ["-shared", "-nodefaultlibs", "-Wl,-Bsymbolic", str(preprocessed), "-o", str(library), "-lm", "-lc", "-lgcc"]
    compiler.run([*flags, *link], source.parent, str(source))


def _epilogue(declarations):
    """The table of kernels, and the dynamic shared arrays as other names of the one there is."""
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
