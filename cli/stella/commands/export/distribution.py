"""`stella export distribution`: deliveries of bundles to their targets."""

from __future__ import annotations

import click

from cli.stella.api import Api, segment
from cli.stella.options import connected, shown
from cli.stella.show.output import Output
from cli.stella.views import DISTRIBUTION


@click.command("list")
@click.option("--run", default="", metavar="RUN", help="Only deliveries of this run.")
@click.option("--limit", type=click.IntRange(0), default=100, show_default=True, help="At most; 0 is all.")
@connected
@shown
def list_distributions(api: Api, output: Output, run: str, limit: int) -> None:
    """List deliveries, newest first.

    Examples:
      stella export distribution list
      stella export distribution list --run RUN --format json
    """
    path = f"/api/export/runs/{segment(run)}/distributions" if run else "/api/export/distributions"
    document = api.pages(path, "distributions", limit=limit)
    output.listing(document, document["distributions"], DISTRIBUTION)
