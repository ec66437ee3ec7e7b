"""hw5 profile"""

import json
from dataclasses import asdict

import click

from hw5.cli.display import print_tables, say, table
from hw5.emulator.profile import GPUS

gpu_option = click.option("--gpu", type=click.Choice(list(GPUS)), help="GPU for a bound of the time.")


@click.group("profile")
def command():
    """Count memory accesses of kernels, without a GPU.

    \b
    hw5 profile kernels
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
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def kernels(folder, rows, columns, gpu, as_json):
    """Count sectors, bank conflicts and active lanes of each kernel, as Nsight Compute does on a GPU.

    The emulator records every access. Sectors of 32 bytes are compared with the least that the accesses need, and bytes
    with the least that the kernel must move.

    \b
    hw5 profile kernels --kernels my-solution --gpu t4
    """
    from hw5.verify.profiling import profile_kernels

    found = list(profile_kernels(folder, (rows, columns)))
    if as_json:
        return click.echo(json.dumps([as_dict(one.profile, gpu) | {"must_move": one.nbytes} for one in found]))
    columns = ["kernel", "sectors", "of ideal", "bank conflicts", "active lanes", "bytes", "must move"]
    listing = table(*columns, *([f"least time, {gpu} (us)"] if gpu else []))
    for one in found:
        listing.add_row(one.profile.kernel, *_figures(one.profile), f"{one.nbytes:,}", *_bound(one.profile, gpu))
    print_tables(listing)
    for one in found:
        _advise(one.profile)


def print_profile(profile, gpu):
    """Print a Profile line by line."""
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
    say(f"{profile.barriers:,} barriers; {profile.distinct:,} bytes of global memory touched")
    if gpu:
        say(f"no {gpu} needs less than {1e6 * profile.least_seconds(gpu):.3g} us, by its memory bandwidth (a bound)")
    _advise(profile)


def as_dict(profile, gpu):
    """A Profile for JSON."""
    found = asdict(profile)
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
