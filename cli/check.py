"""hw5 check"""

import json
import sys
from dataclasses import asdict

import click

from hw5.cli import options
from hw5.cli.display import print_tables, table, waiting
from hw5.cli.parameter_types import DeviceName
from hw5.devices import DEVICES
from hw5.verify.gradient_check import check_gradients
from hw5.verify.grading import check_kernels


@click.group("check")
def command():
    """Check kernels and gradients.

    \b
    hw5 check kernels
    """


@command.command("kernels")
@click.option(
    "--kernels",
    "folder",
    type=click.Path(exists=True, file_okay=False),
    help="Directory of .cu files to grade instead of hw5's own.",
)
@click.option(
    "--compiler",
    type=click.Choice(["host", "nvcc"]),
    default="host",
    show_default=True,
    help="Compiler: the host's C++ compiler, or nvcc, whose PTX then runs in the emulator.",
)
@options.as_json()
def kernels(folder, compiler, as_json):
    """Compare each CUDA kernel with its float64 reference, without a GPU.

    Each kernel runs in an emulator on awkward shapes and values, in several thread orders. The emulator detects data
    races, out-of-bounds accesses, divergent barriers and reads of uninitialised shared memory. kernels/README.md lists
    what each kernel must do. The exit code is 1 if a kernel is not right.

    \b
    hw5 check kernels --kernels my-solution
    """
    reports = []
    with waiting("checking kernels") as show:
        for report in check_kernels(folder, compiler == "nvcc"):
            reports.append(report)
            show(f"checking kernels: {report.kernel} is {report.verdict}")
    if as_json:
        click.echo(json.dumps([asdict(report) for report in reports]))
    else:
        _print(reports)
    sys.exit(any(report.verdict not in ("right", "not tested") for report in reports))


@command.command("gradients")
@click.option(
    "--device",
    "device_name",
    type=DeviceName([name for name in DEVICES if name != "auto"]),
    help="Device to compute the gradients on, in float32.  [default: NumPy in float64]",
)
@options.as_json()
def gradients(device_name, as_json):
    """Compare gradients with numerical differentiation, layer by layer.

    Every loss is checked with every activation: all parameters of small networks, and a random sample of a large
    network's, and the gradient with respect to the input. The exit code is 1 if a gradient is not right.

    \b
    hw5 check gradients --device emulator
    """
    device = options.open_named(device_name) if device_name else None
    with waiting("checking gradients"):
        reports = list(check_gradients(device))
    if as_json:
        click.echo(json.dumps([asdict(report) for report in reports]))
    else:
        summary = table("network", "activation", "loss", "layer", "parameters", "tried", "worst error", "verdict")
        for report in reports:
            verdict = "right" if report.is_right else "wrong"
            counts = (str(n) for n in (report.layer or "input", report.parameters, report.tried))
            error = f"{report.worst:.1e} of {report.tolerance:g}"
            summary.add_row(report.network, report.activation, report.loss, *counts, error, verdict)
        print_tables(summary)
    sys.exit(not all(report.is_right for report in reports))


def _print(reports):
    summary = table("kernel", "file", "cases", "worst error", "verdict")
    for report in reports:
        error = f"{report.worst:.2f} of {report.tolerance:g}" if report.cases else ""
        summary.add_row(report.kernel, report.file, str(report.cases or ""), error, report.verdict)
    print_tables(summary)
    for report in reports:
        if report.reason:
            click.echo(f"{report.kernel}: {report.verdict}: {report.reason}")
        if report.note:
            click.echo(f"{report.kernel}: note: {report.note}")
