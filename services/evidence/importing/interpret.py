"""Turns a document as received into records: canonical form, format, kind, key, stated time, source line."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import msgspec

from libs.common.canon.canonical import canonical
from libs.common.canon.decode import Rejected
from libs.common.digests import sha256_digest
from services.evidence.importing import envelopes, formats, naming
from services.evidence.importing.documents import Document, ImportedRecord, at_line, write_source_line
from services.evidence.importing.keys import PATH, NoKey, key_of
from services.evidence.importing.limits import MAX_KEY_BYTES, MAX_URI_BYTES
from services.evidence.times import newest
from services.evidence.values import Refused

UNRECOGNISED = "unrecognised-document"


@dataclass(frozen=True, slots=True)
class Reading:
    """How the documents of one import are read; `now` is the time of the import."""

    kind: str
    id_field: str
    key: str
    uri_prefix: str
    now: datetime


class _Subject(NamedTuple):
    """One document and what is known of it before it is parsed; only a packed one has an id and a digest."""

    source: str
    location: str
    file_path: str
    path: str
    uri: str
    raw: bytes
    digest: str
    packed_id: str
    line: int

    def refused(self, reason: str, detail: str) -> Refused:
        return Refused(self.source, self.location, reason, detail, self.digest or sha256_digest(self.raw))


class _Catalogue(msgspec.Struct):
    vulnerabilities: list[msgspec.Raw]


_catalogue = msgspec.json.Decoder(_Catalogue)


def interpret(document: Document, reading: Reading) -> Iterator[ImportedRecord | Refused]:
    """Yield the records of a document, or why there is none."""
    subject = _plain_subject(document, reading)
    try:
        usual = _usual(subject) if document.line else None
        if usual is not None:
            subject, written, value = usual
        else:
            if document.line and (envelope := envelopes.read(document.raw)) is not None:
                subject = _packed_subject(subject, envelope)
            written, value = canonical(subject.raw)
        if formats.is_kev_catalogue(value):
            yield from _entries(subject, reading)
        else:
            yield _record(subject, reading, written, value)
    except Rejected as error:
        yield subject.refused(error.reason.value, error.detail)
    except NoKey as error:
        yield subject.refused(error.reason, str(error))
    except envelopes.BadEnvelope as error:
        yield subject.refused("bad-envelope", str(error))


def _usual(subject: _Subject) -> tuple[_Subject, bytes, object] | None:
    """Read a line as packs usually write it, without parsing its envelope; None where only that can tell."""
    envelope = envelopes.read_usual(subject.raw)
    if envelope is None:
        return None
    try:
        written, value = canonical(envelope.raw)
    except Rejected:
        return None
    return _packed_subject(subject, envelope), written, value


def _plain_subject(document: Document, reading: Reading) -> _Subject:
    return _Subject(
        source=document.source,
        location=at_line(document.location, document.line),
        file_path=document.path,
        path=at_line(document.path, document.line),
        uri=reading.uri_prefix + document.location,
        raw=document.raw,
        digest="",
        packed_id="",
        line=document.line,
    )


def _packed_subject(subject: _Subject, envelope: envelopes.Envelope) -> _Subject:
    return subject._replace(
        path=envelope.uri,
        uri=envelope.uri,
        raw=envelope.raw,
        digest=envelope.digest,
        packed_id=envelope.own_id,
        line=0,
    )


def _entries(subject: _Subject, reading: Reading) -> Iterator[ImportedRecord | Refused]:
    """Yield one record for each entry of the KEV catalogue, with the digest of the entry's own bytes.

    The digest of the whole file would change every entry whenever one is added.
    """
    for number, raw in enumerate(_catalogue.decode(subject.raw).vulnerabilities, start=1):
        entry = subject._replace(raw=bytes(raw), path=at_line(subject.path, number), line=number)
        try:
            written, value = canonical(entry.raw)
            yield _record(entry, reading, written, value)
        except NoKey as error:
            yield entry.refused(error.reason, str(error))


def _record(subject: _Subject, reading: Reading, written: bytes, value: object) -> ImportedRecord | Refused:
    known = formats.recognise(value)
    if known is None:
        return _unknown_record(subject, reading, written, value)
    assert isinstance(value, dict)
    own_id = known.own_id(value)
    kind = reading.kind or known.kind(value)
    return _built(subject, reading, written, kind, own_id, newest(known.times(value), reading.now))


def _unknown_record(
    subject: _Subject, reading: Reading, written: bytes, value: object
) -> ImportedRecord | Refused:
    """Take a document of no known format where its kind and its key are told in another way."""
    is_named = bool(subject.packed_id or reading.id_field)
    kind = reading.kind or (naming.folder_kind(subject.file_path) if is_named else "")
    own_id = _named_id(value, reading.id_field)
    if not kind or not (own_id or subject.packed_id or reading.key == PATH):
        return subject.refused(
            UNRECOGNISED,
            "it is of no known format; name what it is with --kind and where its id is with --id-field",
        )
    return _built(subject, reading, written, kind, own_id, None)


def _named_id(value: object, id_field: str) -> str:
    found = formats.at(value, *id_field.split(".")) if id_field else None
    return str(found) if isinstance(found, str | int) and not isinstance(found, bool) else ""


def _built(
    subject: _Subject, reading: Reading, written: bytes, kind: str, own_id: str, stated: int | None
) -> ImportedRecord:
    key = key_of(reading.key, subject.packed_id or own_id, subject.path)
    uri = _uri(subject, own_id)
    if len(uri.encode()) > MAX_URI_BYTES:
        raise NoKey("uri-too-long", f"its URI is longer than {MAX_URI_BYTES:,} bytes; shorten its path")
    digest = subject.digest or sha256_digest(subject.raw)
    source_line = write_source_line(digest, key.decode(), uri)
    return ImportedRecord(
        kind,
        subject.source,
        key,
        uri,
        digest,
        hashlib.sha256(written).digest() if subject.digest else b"",
        subject.location,
        source_line,
        stated,
        written,
    )


def _uri(subject: _Subject, own_id: str) -> str:
    """Return where the record comes from; in a file of many it is named by its id, since lines move."""
    if subject.line and own_id and len(own_id) <= MAX_KEY_BYTES:
        return f"{subject.uri}#{own_id}"
    return at_line(subject.uri, subject.line)
