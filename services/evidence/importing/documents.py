"""What the importer passes on between its steps: documents as received, and records."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import orjson


def at_line(location: str, line: int) -> str:
    """Return the place of a line in a file; line 0 is the file itself."""
    return f"{location}:{line}" if line else location


@dataclass(frozen=True, slots=True)
class Document:
    """The bytes of one document and where they come from.

    `location` names the file through all archives (`feed.zip!GO-1.json`), `path` is the path inside the
    innermost archive, `line` counts from 1 in files that hold many documents and is 0 for a file of its own.
    """

    location: str
    path: str
    source: str
    line: int
    raw: bytes

    @property
    def size(self) -> int:
        """Its bytes."""
        return len(self.raw)

    @property
    def count(self) -> int:
        """How many documents it is."""
        return 1


@dataclass(frozen=True, slots=True)
class Lines:
    """Whole lines of one file in a row, each a document; `first` is the number of the first.

    `pieces` are the bytes of all `count` lines, cut anywhere.
    """

    location: str
    path: str
    source: str
    first: int
    count: int
    pieces: tuple[bytes, ...]

    @property
    def size(self) -> int:
        """Their bytes."""
        return sum(map(len, self.pieces))

    def documents(self) -> Iterator[Document]:
        r"""Yield the lines, split on the byte `\n` alone; blank ones are no documents."""
        for number, line in enumerate(b"".join(self.pieces).split(b"\n"), start=self.first):
            if line and not line.isspace():
                yield Document(self.location, self.path, self.source, number, line)


def write_source_line(digest: str, key: str, uri: str) -> bytes:
    """Return what travels beside a record, in canonical form: texts under ASCII names need no more care."""
    return orjson.dumps({"digest": digest, "key": key, "uri": uri})


class ImportedRecord(NamedTuple):
    """A record on its way into the ledger.

    Records are sorted in the order of the fields. `content` is the hash of the document where nothing proves
    that `digest` belongs to it, so that the order never depends on what came first. `document` and
    `source_line` are canonical without a line end; `stated` is the newest time that the document states, in
    microseconds since 1970.
    """

    kind: str
    source: str
    key: bytes
    uri: str
    digest: str
    content: bytes
    location: str
    source_line: bytes
    stated: int | None
    document: bytes
