"""Opens what is imported: files, compressed files, line files and archives, down to documents and lines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from services.evidence.importing import naming, tar
from services.evidence.importing import zip as zip_archive
from services.evidence.importing.chunks import Oversize, blocks, whole
from services.evidence.importing.decompress import gunzip, unzstd
from services.evidence.importing.documents import Document, Lines, at_line
from services.evidence.importing.incoming import ReceivedFile
from services.evidence.importing.limits import MAX_ARCHIVE_DEPTH, MAX_DOCUMENT_BYTES, Budget
from services.evidence.values import Refused

Opened = Document | Lines | Refused

_UNPACK = {"zstd": unzstd, "gzip": gunzip}
_ARCHIVES = {"tar": tar.members, "zip": zip_archive.members}


@dataclass(frozen=True, slots=True)
class _Place:
    """A file's place: `location` through all archives, `path` in the innermost, `archive` the outermost."""

    location: str
    path: str
    archive: str
    depth: int


class Opener:
    """Opens the files of one import within its budget; `source` is the one stated for all, or empty."""

    def __init__(self, budget: Budget, source: str) -> None:
        self._budget = budget
        self._source = source

    def open(self, file: ReceivedFile) -> Iterator[Opened]:
        """Yield all documents of a file in order, those of a line file as many lines at once."""
        name = naming.tidy(file.name)
        yield from self._open(_Place(name, name, "", 0), self._received(file.chunks))

    def _received(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self._budget.receive(len(chunk))
            yield chunk

    def _metered(self, chunks: Iterator[bytes], location: str) -> Iterator[bytes]:
        for chunk in chunks:
            self._budget.expand(location, len(chunk))
            yield chunk

    def _open(self, place: _Place, chunks: Iterator[bytes]) -> Iterator[Opened]:
        self._budget.member()
        if naming.is_accessory(place.path):
            return
        how = naming.opening(place.path)
        if how.compression:
            unpacked = _UNPACK[how.compression](chunks, place.location)
            chunks = self._metered(unpacked, place.location)
        if how.shape in _ARCHIVES:
            yield from self._open_archive(place, how.shape, chunks)
        elif how.shape == "lines":
            yield from self._open_lines(place, chunks)
        else:
            source = self._source_of(place, "document")
            content = whole(chunks, MAX_DOCUMENT_BYTES)
            if isinstance(content, Oversize):
                yield _oversize(place, source, 0, content)
            else:
                yield Document(place.location, place.path, source, 0, content)

    def _open_archive(self, place: _Place, shape: str, chunks: Iterator[bytes]) -> Iterator[Opened]:
        if place.depth >= MAX_ARCHIVE_DEPTH:
            yield Refused(
                self._source_of(place, shape),
                place.location,
                "nested-too-deep",
                f"archives are opened {MAX_ARCHIVE_DEPTH} deep; unpack this one first",
                "",
            )
            return
        for member in _ARCHIVES[shape](chunks, place.location):
            name = naming.tidy(member.name)
            inner = _Place(f"{place.location}!{name}", name, place.archive or place.path, place.depth + 1)
            content = self._metered(member.chunks, inner.location) if shape == "zip" else member.chunks
            yield from self._open(inner, content)

    def _open_lines(self, place: _Place, chunks: Iterator[bytes]) -> Iterator[Opened]:
        source = self._source_of(place, "lines")
        for block in blocks(chunks, MAX_DOCUMENT_BYTES):
            if isinstance(block.content, Oversize):
                yield _oversize(place, source, block.first, block.content)
            else:
                yield Lines(place.location, place.path, source, block.first, block.lines, block.content)

    def _source_of(self, place: _Place, shape: str) -> str:
        """Return the source of what a file holds: a document in an archive belongs to the archive."""
        if self._source:
            return self._source
        if place.archive and shape == "document":
            return naming.source_name(place.archive, "archive")
        return naming.source_name(place.path, shape)


def _oversize(place: _Place, source: str, line: int, content: Oversize) -> Refused:
    return Refused(
        source,
        at_line(place.location, line),
        "too-large",
        f"it has {content.size:,} bytes, {MAX_DOCUMENT_BYTES:,} are allowed; split the document",
        content.digest,
    )
