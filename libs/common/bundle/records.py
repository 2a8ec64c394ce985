"""Reads the parts of a bundle as streams and holds them against index and manifest, line by line."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from libs.common.bundle.faults import BadBundle, shown
from libs.common.bundle.frames import read_frame
from libs.common.bundle.reading import HashingReader

MAX_SOURCE_LINE_BYTES = 64 * 1024  # a key of 4 KiB and a URI of 8 KiB, every character escaped


@dataclass(frozen=True, slots=True)
class ExpectedFrame:
    """What the index says of one frame; the plain length is stated for documents alone."""

    stored_bytes: int
    records: int
    plain_digest: str
    plain_bytes: int | None
    first_key: str


class SourceLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A line of a companion: which record the same line of the part is, and where it came from."""

    key: str
    uri: str
    digest: str


class LineTally:
    """Counts and hashes plain lines, by frame and in all."""

    def __init__(self, path: str) -> None:
        """Begin before the first frame of the file at `path`."""
        self.path = path
        self.lines = 0
        self.bytes = 0
        self._whole = hashlib.sha256()
        self._frame = hashlib.sha256()
        self._lines_before = 0
        self._ended = True

    def begin_frame(self, number: int, expected: ExpectedFrame) -> None:  # noqa: ARG002 - companions need both
        """Count and hash anew."""
        self._frame = hashlib.sha256()
        self._lines_before = self.lines

    def take(self, plain: bytes) -> None:
        """Count more plain bytes."""
        self._whole.update(plain)
        self._frame.update(plain)
        self.bytes += len(plain)
        self.lines += plain.count(b"\n")
        self._ended = plain.endswith(b"\n")

    def end_frame(self, number: int, expected: ExpectedFrame, plain_bytes: int) -> None:
        """Hold the frame that ends here against the index."""
        if expected.plain_bytes is not None and plain_bytes != expected.plain_bytes:
            self._refuse(number, f"has {plain_bytes} plain bytes, the index says {expected.plain_bytes}")
        digest = f"sha256:{self._frame.hexdigest()}"
        if digest != expected.plain_digest:
            self._refuse(number, f"has plain digest {digest}, the index says {expected.plain_digest}")
        lines = self.lines - self._lines_before
        if lines != expected.records or not self._ended:
            self._refuse(number, f"has {lines} whole lines, the index says {expected.records} records")

    @property
    def plain_digest(self) -> str:
        """`sha256:…` of all plain bytes."""
        return f"sha256:{self._whole.hexdigest()}"

    def _refuse(self, number: int, what: str) -> None:
        raise BadBundle(self.path, f"segment {number} {what}")


class SourceTally(LineTally):
    """Counts lines of a companion, and checks that keys ascend and stand in the right segments."""

    def __init__(self, path: str, after_key: str | None) -> None:
        """Begin before the first frame; `after_key` is the last key of the part before, where known."""
        super().__init__(path)
        self.last_key = after_key
        self._rest = b""
        self._first_key: str | None = None
        self._decode = msgspec.json.Decoder(SourceLine).decode

    def take(self, plain: bytes) -> None:
        """Count more plain bytes and read the lines that end in them."""
        line_number = self.lines
        super().take(plain)
        *lines, self._rest = (self._rest + plain).split(b"\n")
        for line in lines:
            line_number += 1
            self._read(line, line_number)
        if len(self._rest) > MAX_SOURCE_LINE_BYTES:
            raise BadBundle(self.path, f"line {line_number + 1} has more than {MAX_SOURCE_LINE_BYTES} bytes")

    def end_frame(self, number: int, expected: ExpectedFrame, plain_bytes: int) -> None:
        """Hold the frame against the index; its first key may be later where a selection left records out."""
        super().end_frame(number, expected, plain_bytes)
        if self._first_key is None or self._first_key < expected.first_key:
            self._refuse(
                number, f"begins with key {shown(self._first_key)}, before {shown(expected.first_key)}"
            )

    def begin_frame(self, number: int, expected: ExpectedFrame) -> None:
        """Check that the keys before this frame are before its first key."""
        super().begin_frame(number, expected)
        self._first_key = None
        if self.last_key is not None and self.last_key >= expected.first_key:
            self._refuse(
                number, f"has first key {shown(expected.first_key)}, but {shown(self.last_key)} is before it"
            )

    def _read(self, line: bytes, number: int) -> None:
        try:
            key = self._decode(line).key
        except msgspec.MsgspecError as error:
            raise BadBundle(
                self.path, f"line {number} is not a line of a companion: {shown(error)}"
            ) from error
        if self.last_key is not None and key <= self.last_key:
            raise BadBundle(
                self.path, f"line {number}: key {shown(key)} does not come after {shown(self.last_key)}"
            )
        if self._first_key is None:
            self._first_key = key
        self.last_key = key


def read_frames(
    reader: HashingReader, frames: Sequence[ExpectedFrame], tally: LineTally, plain_bytes: int
) -> None:
    """Read all frames of a part into `tally`; raise BadBundle at the first that is not as the index says."""
    for number, expected in enumerate(frames):
        tally.begin_frame(number, expected)
        left = plain_bytes - tally.bytes
        most = left if expected.plain_bytes is None else min(left, expected.plain_bytes)
        given = read_frame(reader, expected.stored_bytes, most, tally.take)
        tally.end_frame(number, expected, given)
