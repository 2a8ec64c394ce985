"""Checks the files that a manifest lists: presence, length, digest, and of parts every frame and line."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from itertools import islice

from stellaops.export.bundle.v1.index_pb2 import Index, IndexPart
from stellaops.export.bundle.v1.manifest_pb2 import ManifestContent

from libs.common.bundle import index, layout
from libs.common.bundle.checks import Check, Outcome, compared, failed, not_run, passed
from libs.common.bundle.faults import BadBundle, BadForm
from libs.common.bundle.json_form import from_json
from libs.common.bundle.reading import BundleSource, HashingReader, read_whole
from libs.common.bundle.records import ExpectedFrame, LineTally, SourceTally, misplaced, read_frames
from libs.common.bundle.strict_json import MAX_JSON_BYTES
from libs.common.digests import sha256_digest

BUNDLE = "bundle"
# Parts are read at once in so many threads, each with a segment in memory; hashing and unpacking let go of
# the interpreter, the rest does not, so that more would gain little.
THREADS = min(4, os.cpu_count() or 1)
# What nobody vouches for is hashed and no more: unpacked, a few bytes can stand for days of work.
UNSIGNED = "nothing is unpacked or read further, because no trusted key has signed the manifest"


class ContentChecks:
    """Makes the checks of all files that a manifest lists, each file read once."""

    def __init__(
        self, source: BundleSource, listed: Mapping[str, ManifestContent], present: Mapping[str, int]
    ) -> None:
        """Take the manifest's entries by path, and the files that are there with their lengths."""
        self._source = source
        self._listed = listed
        self._present = present
        self._done: set[str] = set()
        self._without_index: set[str] = set()

    def unsigned(self) -> Iterator[Check]:
        """Yield the checks for which no file is unpacked: presence, and what is stored of each."""
        yield from self._presence()
        for path, content in self._listed.items():
            if path in self._present:
                yield from self._file(content)
        yield not_run("segments", BUNDLE, UNSIGNED)

    def all(self) -> Iterator[Check]:
        """Yield every check: presence, then kind by kind indexes and parts, then the other files."""
        yield from self._presence()
        with ThreadPoolExecutor(THREADS) as executor:
            for kind in layout.RECORD_FOLDERS:
                path = layout.index_path(kind)
                if path in self._listed and path in self._present:
                    yield from self._kind(kind, self._listed[path], executor)
        for path, content in self._listed.items():
            if path in self._done or path not in self._present:
                continue
            if layout.is_record_path(path):
                yield self._unnamed(path)
            yield from self._file(content)

    def _unnamed(self, path: str) -> Check:
        """Return the check of a record file that was not read; a bad index has failed already, by itself."""
        kind = next((kind for kind in self._without_index if layout.is_of_kind(path, kind)), None)
        if kind is None:
            return failed("segments", path, "no index names this file, so its records cannot be checked")
        return not_run(
            "segments", path, f"{layout.index_path(kind)} is not valid, so nothing tells what is in it"
        )

    def _presence(self) -> Iterator[Check]:
        missing = [path for path in self._listed if path not in self._present]
        surplus = [path for path in self._present if path not in self._listed and path not in layout.UNLISTED]
        for path in missing:
            yield failed("present", path, "the manifest lists the file, but it is missing")
        for path in surplus:
            yield failed("listed", path, "the file is there, but the manifest does not list it")
        if not missing and not surplus:
            yield passed("complete", BUNDLE, f"{len(self._listed)} files listed and there, no other")

    def _kind(self, kind: str, content: ManifestContent, executor: Executor) -> Iterator[Check]:
        parsed = yield from self._index(kind, content)
        if parsed is None:
            self._without_index.add(kind)
            return
        source, last_key = "", None
        for part, (checks, part_last_key) in self._parts(parsed.parts, executor):
            if part.source != source:
                source, last_key = part.source, None
            yield from _in_order(part, checks, last_key)
            last_key = part_last_key

    def _parts(
        self, parts: Sequence[IndexPart], executor: Executor
    ) -> Iterator[tuple[IndexPart, tuple[list[Check], str | None]]]:
        """Yield each part with what became of it, in order; a few are read at once."""
        waiting = iter(parts)
        running: deque[tuple[IndexPart, Future[tuple[list[Check], str | None]]]] = deque()
        while True:
            for part in islice(waiting, 2 * THREADS - len(running)):
                running.append((part, executor.submit(self._part, part)))
            if not running:
                return
            part, future = running.popleft()
            yield part, future.result()

    def _index(self, kind: str, content: ManifestContent) -> Generator[Check, None, Index | None]:
        """Check an index and return it, where its parts can be held against it."""
        path = content.path
        self._done.add(path)
        try:
            raw = read_whole(self._source, path, MAX_JSON_BYTES)
        except BadBundle as error:
            yield failed("readable", path, error.reason)
            return None
        yield compared("size", path, content.bytes, len(raw))
        digest = compared("digest", path, content.digest, sha256_digest(raw))
        yield digest
        if digest.outcome is not Outcome.PASSED:
            return None
        try:
            parsed = from_json(raw, Index)
        except BadForm as error:
            yield failed("index", path, str(error))
            return None
        faults = index.faults(parsed, kind, self._listed)
        if faults:
            yield failed("index", path, "; ".join(faults))
            return None
        yield passed("index", path, f"{len(parsed.parts)} parts")
        return parsed

    def _part(self, part: IndexPart) -> tuple[list[Check], str | None]:
        """Check a part and its companion; return the last key too, where it can be relied on."""
        sources = SourceTally(part.sources_path)
        found: list[Check] = []
        for frames, tally in (
            (_document_frames(part), LineTally(part.path)),
            (_source_frames(part), sources),
        ):
            if tally.path in self._present:
                found += self._file(self._listed[tally.path], frames, tally)
        reliable = all(check.outcome is Outcome.PASSED for check in found)
        return found, sources.last_key if reliable else None

    def _file(
        self,
        content: ManifestContent,
        frames: Sequence[ExpectedFrame] = (),
        tally: LineTally | None = None,
    ) -> list[Check]:
        path = content.path
        self._done.add(path)
        fault: str | None = None
        try:
            reader = HashingReader(self._source.open(path), path, content.bytes)
            if tally is not None:
                fault = _read_part(reader, frames, tally, content.plain_bytes)
            reader.drain()
        except BadBundle as error:
            return [failed("readable", path, error.reason)]
        checks = _stored_checks(content, reader)
        if tally is not None:
            checks += _plain_checks(content, frames, tally, fault)
        return checks


def _in_order(part: IndexPart, checks: list[Check], last_key: str | None) -> Iterator[Check]:
    """Yield the checks of a part, and one more if it does not come after the part before it."""
    yield from checks
    first_key = part.segments[0].first_key
    if last_key is not None and last_key >= first_key:
        yield failed("segments", part.sources_path, f"segment 0 {misplaced(first_key, last_key)}")


def _read_part(
    reader: HashingReader, frames: Sequence[ExpectedFrame], tally: LineTally, plain_bytes: int
) -> str | None:
    """Read the frames; return why that ended early, if it did. What is left is hashed all the same."""
    try:
        read_frames(reader, frames, tally, plain_bytes)
    except BadBundle as error:
        return error.reason
    return None


def _stored_checks(content: ManifestContent, reader: HashingReader) -> list[Check]:
    path = content.path
    if reader.surplus:
        longer = f"more than {content.bytes}"
        return [
            compared("size", path, content.bytes, longer),
            not_run("digest", path, "the file is longer than the manifest says"),
        ]
    return [
        compared("size", path, content.bytes, reader.count),
        compared("digest", path, content.digest, reader.digest),
    ]


def _plain_checks(
    content: ManifestContent, frames: Sequence[ExpectedFrame], tally: LineTally, fault: str | None
) -> list[Check]:
    path = content.path
    if fault is not None:
        return [
            failed("segments", path, fault),
            *(not_run(name, path, "not all segments could be read") for name in ("plain-size", "records")),
        ]
    return [
        passed("segments", path, f"{len(frames)} as the index says"),
        compared("plain-size", path, content.plain_bytes, tally.bytes),
        compared("records", path, content.records, tally.lines),
    ]


def _document_frames(part: IndexPart) -> list[ExpectedFrame]:
    return [
        ExpectedFrame(
            segment.bytes, segment.records, segment.plain_digest, segment.plain_bytes, segment.first_key
        )
        for segment in part.segments
    ]


def _source_frames(part: IndexPart) -> list[ExpectedFrame]:
    return [
        ExpectedFrame(
            segment.sources_bytes, segment.records, segment.sources_plain_digest, None, segment.first_key
        )
        for segment in part.segments
    ]
