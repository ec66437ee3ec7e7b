"""hw5 profile"""

import json
from dataclasses import asdict

import click

from hw5.cli import options
from hw5.cli.display import print_tables, say, table, warn
from hw5.cli.parameter_types import Layers
from hw5.cli.plan import given_options
from hw5.dialect.instances import same_instance
from hw5.emulator import occupancy
from hw5.emulator.profile import GPUS
from hw5.errors import InputError
from hw5.text import counted


class Shape(click.ParamType):
    """The shape of an example: 784, or 28x28x1."""

    name = "D|HxWxC"

    def convert(self, value, param, ctx):
        if isinstance(value, tuple):
            return value
        parts = value.split("x")
        if len(parts) not in (1, 3) or not all(part.isdecimal() and int(part) for part in parts):
            self.fail(f"{value!r} is neither a number of features, such as 784, nor a shape, such as 28x28x1")
        return tuple(map(int, parts))


gpu_option = click.option(
    "--gpu", type=click.Choice(list(GPUS)), help="GPU for which to print a lower bound of the time."
)


@click.group("profile")
def command():
    """Count memory accesses of kernels, without a GPU.

    \b
    hw5 profile kernels
    hw5 profile step
    """


@command.command("kernels")
@click.option(
    "--kernels",
    "folder",
    type=click.Path(exists=True, file_okay=False),
    help="Directory of .cu files to profile instead of hw5's own.",
)
@click.option("--rows", type=click.IntRange(2), default=256, show_default=True, help="Rows of the arrays.")
@click.option("--columns", type=click.IntRange(2), default=128, show_default=True, help="Columns of the arrays.")
@gpu_option
@options.as_json()
def kernels(folder, rows, columns, gpu, as_json):
    """Count sectors, bank conflicts and active lanes of each kernel, as Nsight Compute does on a GPU.

    The emulator records every access. The number of 32-byte sectors is compared with the minimum for the accesses, and
    the number of bytes with the minimum that the kernel must move.

    \b
    hw5 profile kernels --kernels my-solution --gpu t4
    """
    from hw5.verify.profiling import profile_kernels

    found = list(profile_kernels(folder, (rows, columns)))
    made = _made(found, gpu)
    if as_json:
        return click.echo(json.dumps([as_dict(one.profile, gpu, made) | {"must_move": one.nbytes} for one in found]))
    columns = ["kernel", "sectors", "of ideal", "bank conflicts", "active lanes", "bytes", "must move"]
    more = [f"least time, {gpu} (us)"] if gpu else []
    more += ["registers", "spills", "occupancy"] if made else []
    listing = table(*columns, *more)
    for one in found:
        profile = one.profile
        resources = _resources_of(profile, made)
        more = [*_bound(profile, gpu), *(_cells(profile, resources) if made else [])]
        listing.add_row(profile.kernel, *_figures(profile), f"{one.nbytes:,}", *more)
    print_tables(listing)
    for one in found:
        _advise(one.profile)


@command.command("step")
@click.option("--inputs", type=Shape(), default="784", help="Features, or height x width x channels.  [default: 784]")
@click.option(
    "--model", type=click.Choice(["mlp", "linear"]), default="mlp", help="Model type: with hidden layers, or none."
)
@click.option(
    "--hidden", type=Layers(), default="128", help="Hidden layers of an mlp, as in hw5 train.  [default: 128]"
)
@click.option("--classes", type=click.IntRange(2), default=10, show_default=True, help="Units of the top layer.")
@click.option("--batch-size", type=click.IntRange(1), default=32, show_default=True, help="Examples per minibatch.")
@click.option("--optimizer", type=click.Choice(["sgd", "adam"]), default="adam", show_default=True, help="Optimizer.")
@click.option("--activation", default="relu", show_default=True, help="Activation, as in hw5 train.")
@gpu_option
@options.as_json()
@click.pass_context
def step(ctx, inputs, model, hidden, classes, batch_size, optimizer, activation, gpu, as_json):
    """List the launches of a training step on a GPU: which kernels, how often, and the bytes that they touch.

    \b
    hw5 profile step --inputs 28x28x1 --hidden conv:6x5+2,pool:2,120 --batch-size 128 --gpu h100
    """
    from hw5.devices.base import Rates
    from hw5.verify.step_profile import profile_step

    if model == "linear":
        unused = next((name for name in ("hidden", "activation") if name in given_options(ctx)), None)
        if unused:
            raise InputError(f"--{unused} has no effect on --model linear; leave it out")
        hidden = ()
    rates = Rates(0.01, adam=optimizer == "adam")
    found, longest = profile_step(inputs, hidden, classes, batch_size, rates, activation)
    if as_json:
        bounds = [{"least_seconds": one.least_seconds(gpu), "gpu": gpu} if gpu else {} for one in found]
        of_kernels = [asdict(one) | bound for one, bound in zip(found, bounds)]
        return click.echo(json.dumps({"launches": of_kernels, "longest_path": longest}))
    _print_launches(found, longest, batch_size, gpu)


def _print_launches(found, longest, batch_size, gpu):
    from hw5.verify.step_profile import SECONDS_OF_A_LAUNCH

    listing = table("kernel", "launches", "bytes", *([f"least time, {gpu} (us)"] if gpu else []))
    for one in found:
        bound = [f"{1e6 * one.least_seconds(gpu):.3g}"] if gpu else []
        listing.add_row(one.kernel, str(one.count), f"{'' if one.is_complete else 'at least '}{one.nbytes:,}", *bound)
    print_tables(listing)
    launches, nbytes = sum(one.count for one in found), sum(one.nbytes for one in found)
    say(
        f"{launches} launches, {longest} of them one after another, and {nbytes:,} bytes of global memory for a step "
        f"of {batch_size} examples"
    )
    if gpu:
        by_bandwidth = 1e6 * sum(one.least_seconds(gpu) for one in found)
        by_launches = 1e6 * SECONDS_OF_A_LAUNCH * longest
        say(
            f"at least {max(by_bandwidth, by_launches):.3g} us on {gpu}, a bound: {by_launches:.3g} by the launches "
            f"one after another, 1 us each in a CUDA graph, and {by_bandwidth:.3g} by its memory bandwidth, with "
            "nothing in its caches"
        )


def _made(found, gpu):
    """{(file, kernel): Resources} of what nvcc makes of the kernels for a GPU, if it can."""
    made = {}
    for source in sorted({one.profile.source for one in found}) if gpu else ():
        made |= {(source, name): it for name, it in resources_of(source, gpu).items()}
    return made


def resources_of(source, gpu, include=()):
    """What nvcc makes of a file, or {} with a sentence to standard error."""
    try:
        return occupancy.resources(source, gpu, include)
    except InputError as error:
        warn(f"no registers and occupancy: {str(error).splitlines()[0]}")
        return {}


def _resources_of(profile, made):
    return made.get((profile.source, same_instance(profile.kernel)))


def _cells(profile, resources):
    if not resources:
        return ["", "", ""]
    warps, most, limit = resources.occupancy(profile.threads, profile.shared)
    spills = resources.spill_stores + resources.spill_loads
    return [str(resources.registers), f"{spills:,} bytes" if spills else "", f"{100 * warps / most:.0f} % ({limit})"]


def print_profile(profile, gpu, resources=None):
    """Print a Profile line by line. resources: what nvcc makes of the kernel, if it is known."""
    listing = table("line", "operation", "requests", "cost per request", "ideal", "active lanes", "bytes")
    for line in profile.lines:
        listing.add_row(
            f"{line.file}:{line.line}",
            f"{line.space} {line.operation}",
            f"{line.requests:,}",
            f"{line.cost / line.requests:.2f}",
            f"{line.ideal / line.requests:.2f}",
            f"{line.active:.1f}",
            f"{line.nbytes:,}",
        )
    print_tables(listing)
    say("cost: sectors of 32 bytes in global memory, wavefronts in shared memory")
    say(f"{counted(profile.barriers, 'barrier')}; {counted(profile.distinct, 'byte')} of global memory touched")
    if gpu:
        say(f"no {gpu} needs less than {1e6 * profile.least_seconds(gpu):.3g} us, by its memory bandwidth (a bound)")
    if resources:
        say(described(profile, resources))
    _advise(profile)


def described(profile, resources):
    """A sentence on registers, spills and occupancy."""
    warps, most, limit = resources.occupancy(profile.threads, profile.shared)
    spills = resources.spill_stores + resources.spill_loads
    return (
        f"nvcc for sm_{resources.architecture}: {resources.registers} registers per thread, "
        f"{f'{spills:,} bytes of spills' if spills else 'no spills'}, {resources.stack:,} bytes of stack, "
        f"{resources.shared + profile.shared:,} bytes of shared memory per block; {warps} of {most} warps fit on a "
        f"multiprocessor, limited by {limit}"
    )


def as_dict(profile, gpu, made=None):
    """A Profile for JSON, with what nvcc makes of the kernels, {(file, kernel): Resources}."""
    found = asdict(profile)
    resources = _resources_of(profile, made or {})
    if resources:
        warps, most, limit = resources.occupancy(profile.threads, profile.shared)
        found["resources"] = asdict(resources) | {"warps": warps, "most_warps": most, "limited_by": limit}
    for entry, line in zip(found["lines"], profile.lines):
        entry["advice"] = line.advice
    return found | ({"least_seconds": profile.least_seconds(gpu), "gpu": gpu} if gpu else {})


def _figures(profile):
    shared = [line for line in profile.lines if line.space == "shared"]
    cost, ideal = sum(line.cost for line in shared), sum(line.ideal for line in shared)
    lanes, requests = sum(line.lanes for line in profile.lines), sum(line.requests for line in profile.lines)
    yield f"{profile.sectors:,}"
    yield f"{profile.sectors / max(profile.ideal_sectors, 1):.2f}"
    yield f"{cost / ideal:.2f}" if ideal else ""
    yield f"{lanes / max(requests, 1):.1f}"
    yield f"{profile.distinct:,}"


def _bound(profile, gpu):
    return [f"{1e6 * profile.least_seconds(gpu):.3g}"] if gpu else []


def _advise(profile):
    worst = profile.worst
    if worst:
        say(f"{profile.kernel}: {worst.file}:{worst.line}: {worst.space} {worst.operation}: {worst.advice}")
    if not profile.is_complete:
        say(f"{profile.kernel}: only the first accesses of {profile.accesses:,} were examined; use a smaller grid")
