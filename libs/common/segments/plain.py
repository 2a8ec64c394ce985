"""Joins the lines of a segment into the plain bytes that its digest names, and takes them apart again."""

from collections.abc import Iterable, Sequence

from libs.common.digests import Digest, sha256_digest
from libs.common.segments.cut import Record


class BadLines(ValueError):
    """Plain bytes that are no lines."""


def plain_documents(records: Iterable[Record]) -> bytes:
    """Return the documents, one a line."""
    return join_lines([record.document for record in records])


def plain_sources(records: Iterable[Record]) -> bytes:
    """Return the companion: what is known of each record's origin, one a line, in the same order."""
    return join_lines([record.source for record in records])


def plain_digest(records: Iterable[Record]) -> Digest:
    """Return the digest of the documents, which names the segment."""
    return sha256_digest(plain_documents(records))


def join_lines(lines: Sequence[bytes]) -> bytes:
    """Return `lines`, each with a newline after it; canonical JSON holds none itself."""
    return b"\n".join([*lines, b""])


def split_lines(plain: bytes) -> list[bytes]:
    """Return the lines of `plain` without their newlines."""
    if not plain:
        return []
    if not plain.endswith(b"\n"):
        raise BadLines("The last line has no newline. The segment is cut short: fetch it again.")
    return plain[:-1].split(b"\n")
