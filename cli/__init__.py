"""The hw5 program: one module a verb, loaded when it is called."""

import os
import sys
from importlib import import_module

import click

VERBS = {
    "train": "Train a classifier and save it as a checkpoint.",
    "eval": "Measure a checkpoint on labelled data.",
    "predict": "Classify new examples with a checkpoint.",
    "show": "Tell how a checkpoint was trained.",
    "plot": "Draw what a checkpoint has learned, and where it errs.",
    "export": "Write a checkpoint in the form of another program.",
    "data": "List, show and fetch data sets.",
    "check": "Find out whether the kernels and the gradients are right.",
    "bench": "Measure how fast the kernels are.",
    "completion": "Print a script that completes commands in a shell.",
    "doctor": "Tell which devices can be used, and what is missing.",
}


class Program(click.Group):
    """A group whose verbs are imported on use, and whose errors are one sentence and an exit code."""

    def list_commands(self, ctx):
        return list(VERBS)

    def get_command(self, ctx, name):
        return import_module(f"hw5.cli.{name}").command if name in VERBS else None

    def format_commands(self, ctx, formatter):
        """List the verbs without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))

    def main(self, args=None, prog_name="hw5", standalone_mode=True, **extra):
        _set_up_blas()
        arguments = sys.argv[1:] if args is None else list(args)
        try:
            return super().main(arguments, prog_name, standalone_mode=False, **extra)
        except Exception as error:
            code, sentence = _explain(error)
            if code is None or ("--debug" in arguments and not isinstance(error, click.ClickException)):
                raise
            click.echo(f"hw5: {sentence}", err=True)
            sys.exit(code)


def _set_up_blas():
    """Unless the user says otherwise, and before NumPy is loaded: one thread, and the widest vectors there are.

    The products of a training step are small: several threads gain little, lose much on a busy machine, where they wait
    for each other spinning (25 times slower was seen), and make the bits of a result depend on the number of cores.
    OpenBLAS takes an AMD processor with AVX-512 for one without it, and multiplies half as fast as it could.
    """
    variables = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
    if not any(variable in os.environ for variable in (*variables, "OMP_NUM_THREADS")):
        os.environ.update(dict.fromkeys(variables, "1"))
    if "OPENBLAS_CORETYPE" not in os.environ and _is_amd_with_avx512():
        os.environ["OPENBLAS_CORETYPE"] = "SkylakeX"


def _is_amd_with_avx512():
    """Whether Linux says so; elsewhere OpenBLAS is left alone."""
    try:
        with open("/proc/cpuinfo") as file:
            processor = file.read(4096)  # the first one
    except OSError:
        return False
    return "AuthenticAMD" in processor and all(f" avx512{part}" in processor for part in ("f", "cd", "bw", "dq", "vl"))


def _explain(error):
    """(exit code, sentence) for an error that a user can mend; (None, None) for a fault of the program."""
    from hw5.errors import InputError, Interrupted, RunError

    if isinstance(error, click.Abort):
        return 130, "interrupted"
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        return 2, error.format_message().replace("Usage: ", "name a verb\n\nUsage: ", 1)
    if isinstance(error, click.UsageError):
        hint = f" (see {error.ctx.command_path} --help)" if error.ctx else ""
        return 2, error.format_message().rstrip(".") + hint
    if isinstance(error, MemoryError):
        return 1, f"there is not enough memory ({error}); try smaller layers (--hidden) or minibatches (--batch-size)"
    if isinstance(error, OSError):
        return 1, f"{error.filename or 'writing the output'}: {(error.strerror or str(error)).lower()}"
    if isinstance(error, Interrupted):
        return 128 + error.signum, str(error)
    for kind, code in ((InputError, 2), (RunError, 1)):
        if isinstance(error, kind):
            return code, str(error)
    return None, None


@click.command("hw5", cls=Program, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="hw5", prog_name="hw5")
@click.option("--debug", is_flag=True, help="Show where an error came from.")
def main(debug):
    """Train softmax classifiers and multi-layer networks with hand-written CUDA kernels, on a GPU or without one.

    \b
    hw5 train --model mlp --hidden 128 --out model.npz
    hw5 eval model.npz
    """
