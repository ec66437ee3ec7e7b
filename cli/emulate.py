"""hw5 emulate"""

import json
from functools import partial
from pathlib import Path

import click
import numpy as np

from hw5.cli import options
from hw5.cli.display import say
from hw5.cli.kernel_arguments import arguments_of, parameter_types
from hw5.cli.options import require_picture
from hw5.cli.profile import as_dict, gpu_option, print_profile, resources_of
from hw5.dialect.instances import example_instance, same_instance
from hw5.emulator import Emulator, KernelFault
from hw5.emulator.runtime import ORDERS
from hw5.errors import InputError
from hw5.plots import require_matplotlib


class Size(click.ParamType):
    """A grid or block: 4, or 4,2 or 4,2,1."""

    name = "N[,N[,N]]"

    def convert(self, value, param, ctx):
        if isinstance(value, tuple):
            return value
        parts = value.split(",")
        if not 1 <= len(parts) <= 3 or not all(part.strip().isdecimal() for part in parts):
            self.fail(f"{value!r} is not 1 to 3 whole numbers, such as 4 or 4,2")
        return tuple(map(int, parts))


@click.command("emulate")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--kernel", help="Kernel to run; an instance of a template as 'reduce<float>'.  [default: list them]")
@click.option("--grid", type=Size(), default=(1,), help="Blocks, in up to 3 dimensions.  [default: 1]")
@click.option("--block", type=Size(), default=(32,), help="Threads per block, in up to 3 dimensions.  [default: 32]")
@click.option(
    "--args",
    "arguments",
    default="",
    help="Arguments, separated by commas or spaces: zeros:N, ones:N, arange:N, random:N or FILE.npy for a pointer, "
    "null for a null pointer, FILE.npy for a texture or surface, and numbers.",
)
@click.option("--shared", type=click.IntRange(0), default=0, help="Bytes of dynamic shared memory.  [default: 0]")
@click.option(
    "--shared-limit",
    type=click.IntRange(0, 232448),
    default=49152,
    show_default=True,
    help="Bytes of shared memory that a block may use.",
)
@click.option(
    "--order", type=click.Choice(["all", *ORDERS]), default="all", show_default=True, help="Order of threads."
)
@click.option("--fast", is_flag=True, help="Run without checks, in one order.")
@click.option(
    "--profile", "wants_profile", is_flag=True, help="Count sectors, bank conflicts and active lanes by line."
)
@gpu_option
@click.option(
    "--plot", type=click.Path(dir_okay=False, path_type=Path), help="PNG file for a heat map of the source (--profile)."
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Random seed (order, random:N).")
@click.option("--time-limit", type=click.FloatRange(0.01), help="Seconds per launch.  [default: 10; none with --fast]")
@click.option(
    "-I", "--include", multiple=True, type=click.Path(exists=True, file_okay=False), help="Directory of headers."
)
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), help="Directory for the arrays, as arg1.npy, ..."
)
@options.as_json()
def command(
    file,
    kernel,
    grid,
    block,
    arguments,
    shared,
    shared_limit,
    order,
    fast,
    wants_profile,
    gpu,
    plot,
    seed,
    time_limit,
    include,
    out,
    as_json,
):
    """Run a kernel of any .cu file without a GPU.

    Host code in the file is left out. The kernel runs in every order of threads, and data races, out-of-bounds
    accesses, divergent barriers and reads of uninitialised shared memory are reported by file and line. The exit code
    is 1 if there are any.

    \b
    hw5 emulate saxpy.cu
    hw5 emulate saxpy.cu --kernel saxpy --grid 4 --block 256 --args 1000,2.0,random:1000,zeros:1000
    """
    if not wants_profile and (plot or gpu):
        raise InputError(f"{'--plot' if plot else '--gpu'} shows a profile; add --profile")
    if plot:
        require_picture(plot, "--plot", file)
        require_matplotlib()
    instances = (kernel,) if kernel and "<" in kernel else ()
    emulator = Emulator(
        file,
        not fast,
        seed=seed,
        time_limit=time_limit,
        instances=instances,
        include=include,
        shared_limit=shared_limit,
    )
    emulator.print_to_stderr(as_json)
    if kernel is None:
        return _list(emulator, as_json)
    kernel = _found(emulator, kernel)
    new_arguments = partial(arguments_of, kernel, arguments, seed)
    launch = partial(emulator.run, kernel.name, grid, block, shared=shared)
    if wants_profile:
        if fast:
            raise InputError("--profile examines every access, and --fast none; leave out one of them")
        found = emulator.profile(kernel.name, partial(launch, new_arguments()))
        return _show_profile(found, plot, gpu, include, as_json)
    orders = ORDERS if order == "all" and not fast else ["forward" if order == "all" else order]
    arrays, changed, notes = _run(emulator, orders, new_arguments, launch)
    if out:
        _save(arrays, out)
    _print(kernel, orders, arrays, changed, notes, emulator.check, as_json)


def _found(emulator, name):
    """The kernel of this name. Raises InputError."""
    try:
        return emulator.find(name)
    except KernelFault as fault:
        raise InputError(str(fault)) from None


def _show_profile(found, plot, gpu, include, as_json):
    """Plot and print a Profile, with registers and the like of the kernel on a GPU."""
    if plot:
        from hw5.plots.heat import plot_heat

        plot_heat(found, plot)
    made = resources_of(found.source, gpu, include) if gpu else {}
    if as_json:
        return click.echo(json.dumps(as_dict(found, gpu, {(found.source, name): it for name, it in made.items()})))
    return print_profile(found, gpu, made.get(same_instance(found.kernel)))


def _run(emulator, orders, new_arguments, launch):
    """The arrays after the last of the orders of threads, the number of changed elements, by name, and all notes."""
    notes = []
    for emulator.order in orders:
        args = new_arguments()
        before = [arg.copy() if isinstance(arg, np.ndarray) else arg for arg in args]
        launch(args)
        notes += [note for note in emulator.notes if note not in notes]
    arrays = {f"arg{i}": arg for i, arg in enumerate(args, start=1) if isinstance(arg, np.ndarray)}
    changed = {name: _count_changed(array, before[int(name[3:]) - 1]) for name, array in arrays.items()}
    return arrays, changed, notes


def _save(arrays, folder):
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)


def _count_changed(array, before):
    """How many elements have other bytes."""
    after, before = (np.ascontiguousarray(x).view(np.uint8).reshape(x.size, x.itemsize) for x in (array, before))
    return int((after != before).any(1).sum())


def _list(emulator, as_json):
    kernels = {kernel.name: list(parameter_types(kernel)) for kernel in emulator.kernels.values()}
    templates = emulator.templates
    if as_json:
        return click.echo(json.dumps({"kernels": kernels, "templates": templates, "refused": emulator.refused}))
    for name, parameters in kernels.items():
        say(f"{name}({', '.join(parameters)})")
    for name, place in templates.items():
        say(f"{name}: {place}; choose an instance, such as --kernel '{example_instance(name, place)}'")
    for name, reason in emulator.refused.items():
        say(f"{name}: not emulated: {reason}")
    if not kernels and not templates and not emulator.refused:
        raise InputError("the file has no __global__ function")


def _print(kernel, orders, arrays, changed, notes, check, as_json):
    if as_json:
        values = {name: array.ravel()[:1000].tolist() for name, array in arrays.items()}
        report = {"kernel": kernel.name, "orders": list(orders), "notes": notes}
        report["changed"] = sorted(name for name, count in changed.items() if count)
        return click.echo(json.dumps(report | {"arrays": values}))
    for name, array in arrays.items():
        shown = np.array2string(array.ravel()[:8], precision=6, separator=" ", max_line_width=200).strip("[]")
        more = " ..." if array.size > 8 else ""
        count = changed[name]
        state = "unchanged" if not count else "changed" if count == array.size else f"{count:,} changed"
        say(f"{name}: {array.dtype}, {array.size:,} elements, {state}: {shown}{more}")
    for note in notes:
        say(f"note: {note}")
    if check:
        say(f"{kernel.name}: no faults in {len(orders)} order{'s' * (len(orders) > 1)} of threads")
