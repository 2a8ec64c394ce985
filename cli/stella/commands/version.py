"""`stella version`: this program and the libraries whose version can matter for bundles."""

from __future__ import annotations

import platform
from importlib import metadata

import click

from cli.stella.options import shown
from cli.stella.show.output import Output
from cli.stella.show.table import Column, Record, View
from cli.stella.version import VERSION

_LIBRARIES = ("cryptography", "zstandard", "protobuf", "grpcio", "httpx")


def _column(heading: str) -> Column:
    return Column(heading, lambda record: str(record[heading]))


VIEW = View(
    tuple(_column(heading) for heading in ("stella", "python", *_LIBRARIES)),
    name=lambda record: str(record["stella"]),
    empty="",
)


@click.command()
@shown
def version(output: Output) -> None:
    """Show the versions of this program and its libraries."""
    record: Record = {
        "stella": VERSION,
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in _LIBRARIES},
    }
    output.one(record, VIEW)
