"""Reads a multipart form as it arrives and makes the messages of an import of it: first the spec, then files.

It holds at most one message of file bytes, 1 MiB, whatever the form holds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from stellaops.evidence.v1.imports_pb2 import FileStart, ImportEnd, ImportRequest, ImportSpec

from libs.common.errors import InvalidField, TooLarge
from services.gateway.members import fill, read_json

CHUNK_BYTES = 1 << 20  # the most that one message of the contract carries
MAX_SPEC_BYTES = 64 << 10  # the largest that the contract allows is 1 KiB
MAX_NAME_CHARACTERS = 1024  # as in the contract
MAX_HEADER_BYTES = 8 << 10  # of one part's header line: a name of 1,024 characters in UTF-8, and room
MAX_HEADERS = 8  # of one part; clients send two or three
SPEC = "spec"
FILE = "file"

# How browsers and our own command write what would end a file name early (HTML, "multipart/form-data").
_ESCAPES = (("%22", '"'), ("%0D", "\r"), ("%0A", "\n"))


def boundary_of(content_type: str) -> bytes:
    """Return the boundary that a Content-Type header states."""
    kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary", b"")
    if kind != b"multipart/form-data" or not boundary:
        raise InvalidField(field="Content-Type", reason="`multipart/form-data; boundary=…` is wanted")
    return boundary


@dataclass(slots=True)
class _Part:
    """The part that is being read: its headers, then what it is."""

    headers: dict[str, str] = field(default_factory=dict)
    name: str = ""


class Form:
    """Takes bytes and gives messages; raises InvalidField that names the part at fault."""

    def __init__(self, boundary: bytes) -> None:
        """Take the boundary."""
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin,
                    "on_header_field": self._header_name,
                    "on_header_value": self._header_value,
                    "on_header_end": self._header_end,
                    "on_headers_finished": self._headers_finished,
                    "on_part_data": self._data,
                    "on_part_end": self._end,
                    "on_end": self._end_form,
                },
                max_header_count=MAX_HEADERS,
                max_header_size=MAX_HEADER_BYTES,
            )
        except FormParserError as error:
            raise InvalidField(field="Content-Type", reason="the boundary is too long") from error
        self._part = _Part()
        self._header = (bytearray(), bytearray())
        self._spec = bytearray()
        self._has_spec = False
        self._files = 0
        self._pending = bytearray()
        self._ready: list[ImportRequest] = []
        self._complete = False

    def feed(self, data: bytes) -> Iterator[ImportRequest]:
        """Take some bytes and yield the messages that are complete with them."""
        try:
            self._parser.write(data)
        except FormParserError as error:
            reason = f"it is no multipart form: {str(error)[:120].rstrip('.')}"
            raise InvalidField(field="body", reason=reason) from error
        ready, self._ready = self._ready, []
        yield from ready

    def finish(self) -> ImportRequest:
        """Return the last message, that nothing follows; raise InvalidField where something is missing."""
        if not self._complete:
            raise InvalidField(field="body", reason="the form ends in the middle; nothing was taken")
        if not self._has_spec:
            raise InvalidField(field=SPEC, reason="the form has no such field; it comes first")
        if not self._files:
            raise InvalidField(field=FILE, reason="the form has no file")
        return ImportRequest(end=ImportEnd())

    def _begin(self) -> None:
        self._part = _Part()

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._header[0].extend(data[start:end])

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._header[1].extend(data[start:end])

    def _header_end(self) -> None:
        # One character a byte, as the parser of options wants it.
        name, value = (part.decode("latin-1") for part in self._header)
        self._part.headers[name.lower()] = value
        self._header = (bytearray(), bytearray())

    def _headers_finished(self) -> None:
        kind, options = parse_options_header(self._part.headers.get("content-disposition", ""))
        self._part.name = options.get(b"name", b"").decode("utf-8", "replace")
        if kind != b"form-data" or self._part.name not in (SPEC, FILE):
            raise InvalidField(
                field=self._part.name[:80] or "body",
                reason="parts are `spec` first, then any number of `file`",
            )
        if self._part.name == SPEC:
            if self._has_spec or self._files:
                raise InvalidField(field=SPEC, reason="it comes once, and first")
            return
        if not self._has_spec:
            raise InvalidField(field=SPEC, reason="it comes first, before any file")
        self._files += 1
        self._ready.append(ImportRequest(file=FileStart(name=_file_name(options.get(b"filename", b"")))))

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._part.name == SPEC:
            self._spec += data[start:end]
            if len(self._spec) > MAX_SPEC_BYTES:
                raise TooLarge(what="The field `spec`", limit=f"{MAX_SPEC_BYTES} bytes")
            return
        self._pending += data[start:end]
        while len(self._pending) >= CHUNK_BYTES:
            self._ready.append(ImportRequest(data=bytes(self._pending[:CHUNK_BYTES])))
            del self._pending[:CHUNK_BYTES]

    def _end(self) -> None:
        if self._part.name == SPEC:
            spec = ImportSpec()
            fill(spec, read_json(bytes(self._spec), SPEC), SPEC)
            self._has_spec = True
            self._ready.append(ImportRequest(spec=spec))
        elif self._pending:
            self._ready.append(ImportRequest(data=bytes(self._pending)))
            self._pending.clear()

    def _end_form(self) -> None:
        self._complete = True


def _file_name(raw: bytes) -> str:
    try:
        name = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidField(field=FILE, reason="its file name is not UTF-8") from error
    for escape, character in _ESCAPES:
        name = name.replace(escape, character)
    if not 0 < len(name) <= MAX_NAME_CHARACTERS:
        reason = f"its file name has 1 to {MAX_NAME_CHARACTERS} characters: the relative name"
        raise InvalidField(field=FILE, reason=reason)
    return name
