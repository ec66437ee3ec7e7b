"""hw5 doctor"""

import json
from dataclasses import asdict

import click

from hw5.cli import options
from hw5.cli.display import print_tables, table
from hw5.devices.doctor import REQUIREMENTS, examine


@click.command("doctor")
@options.as_json()
def command(as_json):
    """Show for each device whether it works, and how to fix what is missing.

    \b
    hw5 doctor --json
    """
    findings = {device: list(examine(device)) for device in REQUIREMENTS}
    if as_json:
        click.echo(json.dumps({device: [asdict(finding) for finding in chain] for device, chain in findings.items()}))
        return
    listing = table("device", "requirement", "", "details", numbers=False)
    for device, chain in findings.items():
        for finding in chain:
            listing.add_row(device, finding.requirement, "ok" if finding.ok else "failed", finding.text)
            device = ""
        listing.add_section()
    print_tables(listing)
    for device, chain in findings.items():
        broken = next((finding for finding in chain if not finding.ok), None)
        click.echo(f"{device}: {f'not available: {broken.requirement}: {broken.text}' if broken else 'available'}")
