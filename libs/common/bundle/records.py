"""Reads the parts of a bundle as streams and holds them against index and manifest, line by line."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from operator import lt

import msgspec

from libs.common.bundle.faults import BadBundle, shown
from libs.common.bundle.frames import read_frame
from libs.common.bundle.reading import HashingReader

PIECE_BYTES = 256 * 1024  # lines of a companion that are objects at once: about a thousand real ones
LEAP_BYTES = 512  # from lines of this length on, leaping from one to the next is faster than looking at all
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

    digest: str
    key: str
    uri: str


_decode_line = msgspec.json.Decoder(SourceLine).decode
_decode_lines = msgspec.json.Decoder(SourceLine).decode_lines
_encode_lines = msgspec.json.Encoder().encode_lines


class LineTally:
    """Counts plain lines, by frame and in all, and hashes those of each frame."""

    def __init__(self, path: str) -> None:
        """Begin before the first frame of the file at `path`."""
        self.path = path
        self.lines = 0
        self.bytes = 0
        self._number = 0
        self._frame = hashlib.sha256()
        self._lines_before = 0
        self._records = 0
        self._ended = True

    def begin_frame(self, number: int, expected: ExpectedFrame) -> None:
        """Count and hash anew."""
        self._number = number
        self._frame = hashlib.sha256()
        self._lines_before = self.lines
        self._records = expected.records

    def take(self, plain: bytes) -> None:
        """Count more plain bytes."""
        self._frame.update(plain)
        self.bytes += len(plain)
        self.lines += count_lines(plain, self._lines_before + self._records - self.lines)
        self._ended = plain.endswith(b"\n")

    def end_frame(self, expected: ExpectedFrame, plain_bytes: int) -> None:
        """Hold the frame that ends here against the index."""
        if expected.plain_bytes is not None and plain_bytes != expected.plain_bytes:
            self._refuse(f"has {plain_bytes} plain bytes, the index says {expected.plain_bytes}")
        digest = f"sha256:{self._frame.hexdigest()}"
        if digest != expected.plain_digest:
            self._refuse(f"has plain digest {digest}, the index says {expected.plain_digest}")
        lines = self.lines - self._lines_before
        if lines != expected.records or not self._ended:
            self._refuse(f"has {lines} whole lines, the index says {expected.records} records")

    def _refuse(self, what: str) -> None:
        raise BadBundle(self.path, f"segment {self._number} {what}")


class SourceTally(LineTally):
    """Counts lines of a companion, and checks that keys ascend and stand in the right segments."""

    def __init__(self, path: str) -> None:
        """Begin before the first frame."""
        super().__init__(path)
        self.last_key: str | None = None
        self._rest = b""
        self._read_lines = 0
        self._first_key: str | None = None

    def take(self, plain: bytes) -> None:
        """Count more plain bytes and read the lines that end in them, some at a time."""
        super().take(plain)
        start = 0
        while (end := _end_of_lines(plain, start)) > start:
            self._read(self._rest + plain[start:end])
            self._rest, start = b"", end
        self._rest += plain[start:]
        if len(self._rest) > MAX_SOURCE_LINE_BYTES:
            raise BadBundle(
                self.path, f"line {self._read_lines + 1} has more than {MAX_SOURCE_LINE_BYTES} bytes"
            )

    def end_frame(self, expected: ExpectedFrame, plain_bytes: int) -> None:
        """Hold the frame against the index; its first key may be later where a selection left records out."""
        super().end_frame(expected, plain_bytes)
        if self._first_key is None or self._first_key < expected.first_key:
            self._refuse(f"begins with key {shown(self._first_key)}, before {shown(expected.first_key)}")

    def begin_frame(self, number: int, expected: ExpectedFrame) -> None:
        """Check that the keys before this frame are before its first key."""
        super().begin_frame(number, expected)
        self._first_key = None
        if self.last_key is not None and self.last_key >= expected.first_key:
            self._refuse(misplaced(expected.first_key, self.last_key))

    def _read(self, lines: bytes) -> None:
        """Read whole lines at once; only where something is wrong with them, line by line."""
        try:
            read = _decode_lines(lines)
        except msgspec.MsgspecError:
            read = []
        # Written anew they are the same bytes: so each is one line, and in its one spelling.
        if _encode_lines(read) != lines:
            read = [self._line(line, at) for at, line in enumerate(lines.split(b"\n")[:-1], 1)]
        self._take_keys([line.key for line in read])
        self._read_lines += len(read)

    def _take_keys(self, keys: list[str]) -> None:
        before = keys[:-1] if self.last_key is None else [self.last_key, *keys[:-1]]
        after = keys[1:] if self.last_key is None else keys
        if not all(map(lt, before, after)):
            at = next(at for at, (one, other) in enumerate(zip(before, after, strict=True)) if one >= other)
            number = self._read_lines + len(keys) - len(after) + at + 1
            raise BadBundle(
                self.path,
                f"line {number}: key {shown(after[at])} does not come after {shown(before[at])}",
            )
        if self._first_key is None:
            self._first_key = keys[0]
        self.last_key = keys[-1]

    def _line(self, line: bytes, at: int) -> SourceLine:
        where = f"line {self._read_lines + at} is not a line of a companion"
        try:
            read = _decode_line(line)
        except msgspec.MsgspecError as error:
            raise BadBundle(self.path, f"{where}: {shown(error)}") from error
        if _encode_lines([read]) != line + b"\n":
            raise BadBundle(
                self.path, f"{where}: it is not canonical JSON (RFC 8785), same content, other bytes"
            )
        return read


def misplaced(first_key: str, last_key: str) -> str:
    """Return what is wrong with a segment whose first key does not come after the last one before it."""
    return f"has first key {shown(first_key)}, but {shown(last_key)} is before it"


def count_lines(plain: bytes, expected: int) -> int:
    """Return how many newlines are in `plain`; long lines are leapt over, where `expected` promises them."""
    if expected * LEAP_BYTES > len(plain):
        return plain.count(b"\n")
    found, at = 0, plain.find(b"\n")
    while at >= 0 and found <= expected:
        found += 1
        at = plain.find(b"\n", at + 1)
    return found + (plain.count(b"\n", at) if at >= 0 else 0)


def _end_of_lines(plain: bytes, start: int) -> int:
    """Return where the last line that ends within a piece from `start` ends; a longer line is a piece."""
    end = plain.rfind(b"\n", start, start + PIECE_BYTES) + 1
    return end or plain.find(b"\n", start + PIECE_BYTES) + 1


def read_frames(
    reader: HashingReader, frames: Sequence[ExpectedFrame], tally: LineTally, plain_bytes: int
) -> None:
    """Read all frames of a part into `tally`; raise BadBundle at the first that is not as the index says."""
    for number, expected in enumerate(frames):
        tally.begin_frame(number, expected)
        left = plain_bytes - tally.bytes
        most = left if expected.plain_bytes is None else min(left, expected.plain_bytes)
        given = read_frame(reader, expected.stored_bytes, most, tally.take)
        tally.end_frame(expected, given)
