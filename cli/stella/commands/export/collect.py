"""`stella export collect`: removes stored bytes that nothing needs, now instead of later."""

from __future__ import annotations

from datetime import timedelta

import click

from cli.stella.api import Api, Json
from cli.stella.options import connected, shown
from cli.stella.show.output import Output
from cli.stella.values import DURATION
from cli.stella.views import COLLECTION

PATH = "/api/export/blobs:collect"


@click.command()
@click.option("--dry-run", is_flag=True, help="Say what would be removed; remove nothing.")
@click.option(
    "--grace",
    type=DURATION,
    metavar="DURATION",
    help="Leave what was stored or used so lately (2h, 30d; 0s is nothing); else as the installation says.",
)
@connected
@shown
def collect(api: Api, output: Output, dry_run: bool, grace: timedelta | None) -> None:
    """Remove stored bytes that no bundle needs.

    This is done again and again by itself. With a short --grace, runs under way may fail and need a retry.

    Examples:
      stella export collect --dry-run
      stella export collect --grace 0s
    """
    request: Json = {"validateOnly": dry_run}
    if grace is not None:
        request["graceSeconds"] = str(int(grace.total_seconds()))
    answer = api.write("POST", PATH, request)
    output.one(answer, COLLECTION)
    if not answer.get("complete"):
        output.good("Not everything was looked at in the time of one call; the same command goes on.")
    elif dry_run:
        output.good("Nothing was removed. Next: stella export collect")
