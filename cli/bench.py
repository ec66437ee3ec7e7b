"""hw5 bench"""

import json
from dataclasses import asdict

import click

from hw5.cli import options
from hw5.cli.display import print_tables, table, waiting
from hw5.verify.bench import bench_kernels, copy_ceiling


@click.group("bench")
def command():
    """Benchmark the kernels.

    \b
    hw5 bench kernels
    """


@command.command("kernels")
@options.device
@options.as_json("Print JSON, with all measurements.")
def kernels(device_name, as_json):
    """Time each kernel, and compare its memory throughput with a copy's.

    Calls are back to back. The time is the median of seven measurements, with their minimum and maximum.
    """
    device = options.open_named(device_name)
    with waiting("timing kernels"):
        ceiling, timings = copy_ceiling(device), list(bench_kernels(device))
    if as_json:
        click.echo(
            json.dumps({"device": device.name, "copy": ceiling, "kernels": [asdict(timing) for timing in timings]})
        )
        return
    listing = table("kernel", "shape", "time (us)", "min", "max", "GB/s", "of a copy")
    for timing in timings:
        microseconds = (
            f"{1e6 * seconds:,.1f}" for seconds in (timing.median, min(timing.seconds), max(timing.seconds))
        )
        speed = timing.bytes_per_second
        listing.add_row(
            timing.kernel,
            " x ".join(map(str, timing.shape)),
            *microseconds,
            f"{speed / 1e9:,.1f}",
            f"{speed / ceiling:.0%}",
        )
    print_tables(listing)
    click.echo(f"{device.name}: a copy reaches {ceiling / 1e9:,.1f} GB/s (reads and writes)")
