"""`stella export download`: a run's bundle, or one file of it."""

from __future__ import annotations

import time
from pathlib import Path
from urllib.parse import quote

import click

from cli.stella.api import Api, segment
from cli.stella.failures import wrong_usage
from cli.stella.options import connected, shown
from cli.stella.show import numbers
from cli.stella.show.output import Output
from cli.stella.show.progress import Unit
from cli.stella.show.table import Column, View
from cli.stella.transfer.extract import check_free, extract
from cli.stella.transfer.receive import Received, Receiver
from cli.stella.views import last

PATH = "/api/export/runs"
TAR = ".tar"

DOWNLOADED = View(
    (
        Column("path", lambda record: str(record["path"])),
        Column("size", lambda record: numbers.size(record["bytes"]), right=True),
        Column("digest", lambda record: str(record["digest"])),
        Column("folder", lambda record: str(record.get("folder", "")), detail=True),
    ),
    lambda record: str(record.get("folder") or record["path"]),
    "",
)


@click.command()
@click.argument("run")
@click.option("-o", "--output", "place", default="", metavar="PATH", help="File, or folder to put it in.")
@click.option("--file", "member", default="", metavar="PATH", help="Only this file of the bundle.")
@click.option("--extract", "unpack", is_flag=True, help="Unpack too, into a folder named like the tar.")
@click.option("--restart", is_flag=True, help="Throw away what an earlier call has left.")
@connected
@shown
def download(
    api: Api, output: Output, run: str, place: str, member: str, unpack: bool, restart: bool
) -> None:
    """Fetch a bundle; goes on where it stopped.

    What is not finished stays as PATH.part. The file appears once it is whole and its digest is right.

    Examples:
      stella export download RUN
      stella export download RUN -o bundles/ --extract
      stella export download RUN --file export.json
    """
    if member and unpack:
        raise wrong_usage("--extract is for whole bundles.", "Leave --file or --extract out.")
    target = target_of(place, Path(member).name if member else f"{_export_id(api, run)}{TAR}")
    folder = folder_of(target)
    if unpack:
        check_free(folder)
    url = f"{PATH}/{segment(run)}/" + (f"files/{quote(member)}" if member else "bundle")
    begun = time.monotonic()
    received = fetch(api, url, target, output, restart=restart)
    record = {"path": str(received.path), "bytes": received.size, "digest": received.digest}
    if unpack:
        files = extract(target, folder)
        record["folder"] = str(folder)
        output.say(f"{numbers.plural(files, 'file')} unpacked into {folder}.")
    output.one(record, DOWNLOADED)
    _report(output, received, time.monotonic() - begun)


def fetch(api: Api, url: str, target: Path, output: Output, *, restart: bool = False) -> Received:
    """Fetch `url` to `target`, with progress."""
    with output.progress("download", Unit.BYTES) as progress:
        receiver = Receiver(api, url, target, progress, output.say, time.sleep)
        received = receiver.receive(restart=restart)
    if received.resumed_at:
        output.say(f"resumed at {numbers.size(received.resumed_at)} ({received.resumed_at} bytes)")
    return received


def target_of(place: str, name: str) -> Path:
    """Return the file to write: `place` itself, or `name` in it where it is a folder."""
    if place == "-":
        raise wrong_usage("A bundle is not written to standard output.", "Name a file or a folder with -o.")
    path = Path(place or ".")
    if path.is_dir() or place.endswith("/"):
        path.mkdir(parents=True, exist_ok=True)
        return path / name
    return path


def folder_of(target: Path) -> Path:
    """Return the folder that a bundle is unpacked into."""
    return target.with_suffix("") if target.suffix == TAR else target.with_name(target.name + ".files")


def _export_id(api: Api, run: str) -> str:
    document = api.get(f"{PATH}/{segment(run)}")
    return segment(str(document.get("exportId") or last(run)))


def _report(output: Output, received: Received, seconds: float) -> None:
    if not received.fetched and not received.resumed_at:
        output.good(f"{received.path} is there already, the same: {received.digest}")
        return
    output.good(
        f"{received.path}: {numbers.size(received.size)} in {numbers.duration(seconds)}, "
        f"{numbers.rate(received.fetched, seconds)}, {received.digest}"
    )
