"""`stella export plan`: what a run would export, without running."""

from __future__ import annotations

import click

from cli.stella.api import Api
from cli.stella.options import connected, shown
from cli.stella.selection import Selection, selected
from cli.stella.show import numbers
from cli.stella.show.output import Output
from cli.stella.views import PLAN_DATASET, last, number

PATH = "/api/export/plans"


@click.command()
@click.argument("profile")
@selected
@connected
@shown
def plan(api: Api, output: Output, profile: str, selection: Selection) -> None:
    """Say what a run would export, and what has changed.

    Examples:
      stella export plan nightly
      stella export plan nightly --source osv-go
    """
    body = {"profile": last(profile), **({"selector": dict(selection.members)} if selection.members else {})}
    document = api.write("POST", PATH, body)
    datasets = document.get("datasets", [])
    output.listing(document, datasets, PLAN_DATASET)
    records = sum(number(item.get("records")) for item in datasets)
    plain = sum(number(item.get("plainBytes")) for item in datasets)
    output.say(
        f"{numbers.plural(records, 'record')}, {numbers.size(plain)}, in "
        f"{numbers.plural(number(document.get('shards')), 'shard')}; export {document.get('exportId', '')}."
    )
    if document.get("unchanged"):
        output.say(
            f"Nothing has changed since run {last(document.get('previousRun'))}: the same bytes again."
        )
    elif document.get("previousRun"):
        new = sum(number(item.get("segmentsNew")) for item in datasets)
        output.say(f"{numbers.plural(new, 'segment')} new since run {last(document['previousRun'])}.")
