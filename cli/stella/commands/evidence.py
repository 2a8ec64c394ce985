"""`stella evidence`: what the ledger holds."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from cli.stella.api import Api, Json
from cli.stella.options import connected, shown, spoken
from cli.stella.show import numbers
from cli.stella.show.output import Format, Output
from cli.stella.show.progress import Unit
from cli.stella.show.table import Column, Record, View
from cli.stella.transfer.importing import send
from cli.stella.transfer.multipart import Body, new_boundary
from cli.stella.transfer.names import gather
from cli.stella.values import KIND, TIME, kind_name, kind_word
from cli.stella.views import DATASET, QUARANTINE_COUNT, QUARANTINED, number

STATUS_PATH = "/api/evidence/status"
QUARANTINE_PATH = "/api/evidence/quarantine"
DELETE_PATH = "/api/evidence/records:delete"
EXAMPLES = 100  # enough to show one of each reason; `--quarantine` lists them
_CHANGES = ("added", "updated", "unchanged", "removed")
_RESULT = (*_CHANGES, "quarantined")


def _counted(member: str) -> Callable[[Record], str]:
    return lambda record: numbers.count(number(record.get(member)))


CHANGE = View(
    (
        Column("kind", lambda record: kind_word(str(record.get("kind", "")))),
        Column("source", lambda record: str(record.get("source", ""))),
        *(Column(name, _counted(name), right=True) for name in _CHANGES),
    ),
    lambda record: str(record.get("source", "")),
    "Nothing was taken.",
)


@click.command("import")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PATH...")
@click.option("--source", default="", metavar="NAME", help="Source; else each file's or folder's name.")
@click.option("--kind", type=KIND, help="Kind; else found by looking at each document.")
@click.option("--id-field", default="", metavar="MEMBER", help="Member with the id, for unknown formats.")
@click.option(
    "--key", type=click.Choice(["id", "path", "id+path"]), default=None, help="What identifies a record."
)
@click.option("--as-of", type=TIME, metavar="TIME", help="Time of the evidence, where documents do not say.")
@click.option(
    "--uri-prefix", default="", metavar="URI", help="Put before a file's name to make the source URI."
)
@click.option("--replace", is_flag=True, help="The files are the whole source: delete what they do not name.")
@click.option("--dry-run", is_flag=True, help="Check and count; change nothing.")
@connected
@shown
def import_evidence(api: Api, output: Output, paths: tuple[Path, ...], dry_run: bool, **options: Any) -> None:
    """Import advisories, VEX, SBOMs, findings.

    Files, folders, zip and tar archives, line files, each also compressed with gzip or zstd. The ledger
    changes once, at the end, or not at all; importing the same again changes nothing.

    Examples:
      stella evidence import advisories/
      stella evidence import feed.zip --source vendor --kind advisory --replace
    """
    start = time.monotonic()
    files = gather(paths)
    total = sum(file.size for file in files)
    output.say(f"Importing {numbers.plural(len(files), 'file')}, {numbers.size(total)}.")
    done = 0

    def sent(size: int) -> None:
        nonlocal done
        done += size
        progress.move(done, total)

    with output.progress("import", Unit.BYTES) as progress:
        body = Body(json.dumps(spec(dry_run=dry_run, **options)).encode(), files, new_boundary(), sent)
        result = send(api, body, progress, total)
    _report(output, result, total, time.monotonic() - start, dry_run=dry_run)


def spec(
    *,
    source: str,
    kind: str | None,
    id_field: str,
    key: str | None,
    as_of: str | None,
    uri_prefix: str,
    replace: bool,
    dry_run: bool,
) -> Json:
    """Return the ImportSpec of the flags."""
    members: Json = {
        "source": source,
        "kind": kind_name(kind) if kind else None,
        "idField": id_field,
        "key": key,
        "asOf": as_of,
        "uriPrefix": uri_prefix,
        "mode": "MODE_REPLACE" if replace else None,
        "validateOnly": dry_run,
    }
    return {name: value for name, value in members.items() if value}


def _report(output: Output, result: Json, total: int, seconds: float, *, dry_run: bool) -> None:
    output.listing(result, result.get("datasets", []), CHANGE)
    counts = {name: number(result.get(name)) for name in _RESULT}
    records = sum(counts.values()) - counts["removed"]
    listed = ", ".join(f"{numbers.count(count)} {name}" for name, count in counts.items())
    output.good(
        f"{'Checked, nothing changed' if dry_run else 'Imported'}: {listed}; {numbers.size(total)} "
        f"in {numbers.duration(seconds)}, {numbers.count_rate(records, seconds, 'records')}."
    )
    if counts["quarantined"]:
        reasons = ", ".join(
            f"{item.get('reason', '')} {numbers.count(number(item.get('records')))}"
            for item in result.get("reasons", [])
        )
        output.warn(
            f"{numbers.plural(counts['quarantined'], 'record')} put aside ({reasons}).",
            "" if dry_run else "See them: stella evidence status --quarantine",
        )


@click.command()
@click.option("--quarantine", is_flag=True, help="List the records that were put aside.")
@click.option("--source", default="", metavar="NAME", help="Only this source.")
@click.option("--limit", type=click.IntRange(0), default=100, show_default=True, help="At most; 0 is all.")
@connected
@shown
def status(api: Api, output: Output, quarantine: bool, source: str, limit: int) -> None:
    """Show what the ledger holds.

    Examples:
      stella evidence status
      stella evidence status --quarantine --source osv-go
    """
    query = {"source": source} if source else {}
    if quarantine:
        found = api.pages(QUARANTINE_PATH, "records", query, limit)
        output.listing(found, found["records"], QUARANTINED)
        return
    document = api.get(STATUS_PATH)
    datasets = [
        item
        for item in document.get("datasets", [])
        if not source or (item.get("dataset") or {}).get("source") == source
    ]
    counts = [item for item in document.get("quarantined", []) if not source or item.get("source") == source]
    output.listing({**document, "datasets": datasets, "quarantined": counts}, datasets, DATASET)
    if counts and output.format is Format.TABLE:
        _show_quarantine(api, output, counts)


def _show_quarantine(api: Api, output: Output, counts: list[Json]) -> None:
    examples: dict[tuple[str, str], str] = {}
    for record in api.pages(QUARANTINE_PATH, "records", {}, EXAMPLES)["records"]:
        what = (str(record.get("source", "")), str(record.get("reason", "")))
        examples.setdefault(what, f"{record.get('location', '')}: {record.get('detail', '')}")
    rows = [
        {**item, "example": examples.get((str(item.get("source", "")), str(item.get("reason", ""))), "")}
        for item in counts
    ]
    total = sum(number(item.get("records")) for item in counts)
    output.warn(f"{numbers.plural(total, 'record')} put aside:")
    Output(headings=output.headings).listing({}, rows, QUARANTINE_COUNT)
    output.say("All of them: stella evidence status --quarantine")


@click.command()
@click.option("--kind", type=KIND, required=True, help="Kind of the records.")
@click.option("--source", required=True, metavar="NAME", help="Their source.")
@click.argument("keys", nargs=-1, required=True, metavar="KEY...")
@connected
@spoken
def delete(api: Api, output: Output, kind: str, source: str, keys: tuple[str, ...]) -> None:
    """Delete records; each leaves a tombstone.

    Examples:
      stella evidence delete --kind advisory --source osv-go GO-2024-2687
    """
    body = {"kind": kind_name(kind), "source": source, "keys": list(keys)}
    answer = api.write("POST", DELETE_PATH, body)
    removed = number(answer.get("removed"))
    output.good(f"{numbers.plural(removed, 'record')} deleted; {len(keys) - removed} were not there.")
