"""The command line: one module per command, imported on use."""

import os
import re
import sys
from importlib import import_module

import click

from hw5.cli.launched import require_one_process, silence
from hw5.cli.output import Closed, discard, no_silent_exit, occupy_closed_descriptors

VERBS = {
    "tour": "See what hw5 does, in ten minutes.",
    "train": "Train a model.",
    "tune": "Search for better training options.",
    "eval": "Evaluate a model on labelled data.",
    "predict": "Predict classes or values for new examples.",
    "show": "Show how a model was trained.",
    "plot": "Plot a model and its mistakes.",
    "lecture": "Draw the pictures of the lectures.",
    "export": "Export a model to ONNX, safetensors, PyTorch, NumPy or a page.",
    "data": "List, show and download data sets.",
    "emulate": "Run a kernel of any .cu file without a GPU.",
    "check": "Check kernels and gradients.",
    "profile": "Count memory accesses of kernels, without a GPU.",
    "bench": "Benchmark the kernels.",
    "completion": "Print a shell completion script.",
    "doctor": "Show which devices work, and what the others need.",
}


class Program(click.Group):
    """A group that imports its commands on use, and reports each error as one sentence and an exit code."""

    def list_commands(self, ctx):
        return list(VERBS)

    def get_command(self, ctx, name):
        if name in VERBS and name not in ("train", "tune"):
            require_one_process(name)
        return import_module(f"hw5.cli.{name}").command if name in VERBS else None

    def format_commands(self, ctx, formatter):
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))

    def make_context(self, *arguments, **extra):
        with no_silent_exit():
            return super().make_context(*arguments, **extra)

    def invoke(self, ctx):
        with no_silent_exit():
            return super().invoke(ctx)

    def main(self, args=None, prog_name="hw5", standalone_mode=True, **extra):
        _set_up_blas()
        _set_up_streams()
        silence()
        arguments = sys.argv[1:] if args is None else list(args)
        try:
            returned = super().main(arguments, prog_name, standalone_mode=False, **extra)
            with no_silent_exit():
                sys.stdout.flush()  # what is buffered fails here, not at the end of the program, which would be silent
            return returned
        except Exception as error:
            code, sentence = _explain(error)
            if code is None or ("--debug" in arguments and not isinstance(error, click.ClickException)):
                sys.excepthook = _print_traceback
                raise
            discard(sys.stdout)
            try:
                click.echo(f"hw5: {_printable(sentence, error)}", err=True)
            except OSError:  # standard error is gone, too
                discard(sys.stderr)
            sys.exit(code)


def _set_up_streams():
    """Let no character of the data end the program: what a terminal's encoding lacks is written as an escape.

    Closed streams are replaced, for they would also give their descriptors to the next files that are opened.
    """
    occupy_closed_descriptors()
    sys.stdout = sys.stdout or Closed()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _set_up_blas():
    """Set BLAS to one thread and the widest vectors, unless the user has set it. Call before importing NumPy.

    The products of a training step are small. More threads gain little, can be 25 times slower on a busy machine, where
    they spin while waiting for each other, and make the results depend on the number of cores. OpenBLAS does not detect
    AVX-512 on AMD processors, and then runs at half speed.
    """
    variables = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
    if not any(variable in os.environ for variable in (*variables, "OMP_NUM_THREADS")):
        os.environ.update(dict.fromkeys(variables, "1"))
    if "OPENBLAS_CORETYPE" not in os.environ and _is_amd_with_avx512():
        os.environ["OPENBLAS_CORETYPE"] = "SkylakeX"


def _is_amd_with_avx512():
    """Whether this is an AMD processor with AVX-512; False on other systems than Linux."""
    try:
        with open("/proc/cpuinfo") as file:
            processor = file.read(4096)  # the first processor
    except OSError:
        return False
    return "AuthenticAMD" in processor and all(f" avx512{part}" in processor for part in ("f", "cd", "bw", "dq", "vl"))


_KINDS = {"integer range": "whole number", "float range": "number"}  # by click's names
_NOT_VALID = re.compile(f"is not a valid ({'|'.join(_KINDS)})")


def _in_words(message):
    return _NOT_VALID.sub(lambda match: f"is not a {_KINDS[match[1]]}", message)


def _explain(error):
    """(exit code, message) for an error that the user can fix; (None, None) for a bug."""
    from hw5.errors import InputError, Interrupted, RunError, reason_of
    from hw5.interrupts import is_interrupt

    if isinstance(error, Interrupted):
        return 128 + error.signum, str(error)
    if isinstance(error, click.Abort) or is_interrupt(error):
        return 130, "interrupted"
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        return 2, error.format_message().replace("Usage: ", "missing command\n\nUsage: ", 1)
    if isinstance(error, click.UsageError):
        hint = f" (see {error.ctx.command_path} --help)" if error.ctx else ""
        return 2, _in_words(error.format_message()).rstrip(".") + hint
    if isinstance(error, MemoryError):
        return (
            1,
            f"not enough memory ({error}); use fewer examples, smaller layers (--hidden) or smaller minibatches "
            "(--batch-size)",
        )
    if isinstance(error, FileNotFoundError) and error.filename is None:  # from os.getcwd()
        return 2, "the current directory no longer exists; change to another one"
    if isinstance(error, OSError):
        what = f"{error.filename}:" if error.filename else "standard output could not be written:"
        return 1, f"{what} {reason_of(error)}"
    for kind, code in ((InputError, 2), (RunError, 1)):
        if isinstance(error, kind):
            return code, str(error)
    return None, None


def _printable(sentence, error):
    """The sentence in one line, except for the lines of a compiler, and click's own list of commands."""
    from hw5.compiler import CompileError
    from hw5.text import printable, without_middle

    if isinstance(error, (click.exceptions.NoArgsIsHelpError, CompileError)):
        return printable(sentence, keep="\n\t")
    if isinstance(error, click.MissingParameter):  # click lists the choices on lines of their own
        sentence = " ".join(sentence.split())
    return without_middle(printable(sentence))


def _print_traceback(kind, error, trace):
    """Print a traceback, in which there may be text from data."""
    from traceback import format_exception

    from hw5.text import printable

    click.echo(printable("".join(format_exception(kind, error, trace)), keep="\n"), err=True, nl=False)


@click.command("hw5", cls=Program, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="hw5", prog_name="hw5")
@click.option("--debug", is_flag=True, help="Show the traceback of errors.")
def main(debug):
    """Train neural networks with hand-written CUDA kernels, on a GPU or a CPU.

    \b
    hw5 train --model mlp --hidden 128 --out model.npz
    hw5 eval model.npz
    """
