"""Computes the tar of a bundle without storing it, and reads such a tar as hostile input.

The one tar of a list of files: POSIX ustar, members ascending by path, regular files only, mode 0644, owner
and group 0 without names, mtime 0, contents padded with zeros to 512 bytes, two zero blocks at the end and
nothing after them. So its length is `sum(512 + ceil(size / 512) * 512) + 1024`, a multiple of 512, and every
byte follows from paths, sizes and contents: the reader takes nothing else.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Protocol

from libs.common.bundle.faults import BadArchive, BadPath
from libs.common.bundle.layout import Tree, ustar_name

BLOCK = 512
END = bytes(2 * BLOCK)
MAX_FILE_BYTES = 8**11 - 1  # eleven octal digits: the largest size that a ustar header states
MAX_ARCHIVE_BYTES = 2**40  # a terabyte: more than any medium that crosses a gap in one piece
READ_BYTES = 1 << 20  # what one read holds in memory

_FIELDS = (
    ("name", 100),
    ("mode", 8),
    ("owner", 8),
    ("group", 8),
    ("size", 12),
    ("mtime", 12),
    ("checksum", 8),
    ("type", 1),
    ("link target", 100),
    ("magic", 8),
    ("owner's name", 32),
    ("group's name", 32),
    ("device numbers", 16),
    ("prefix", 155),
    ("rest", 12),
)
_OTHER_TYPES = {
    b"1": "a hard link",
    b"2": "a symbolic link",
    b"3": "a character device",
    b"4": "a block device",
    b"5": "a folder",
    b"6": "a pipe",
    b"g": "a global pax header",
    b"x": "a pax header",
    b"K": "a GNU long link",
    b"L": "a GNU long name",
    b"S": "a GNU sparse file",
}
_SIZE = re.compile(rb"[0-7]{11}\0")


@dataclass(frozen=True, slots=True)
class Literal:
    """Bytes of the tar that are no file's: headers, padding, the end."""

    data: bytes


@dataclass(frozen=True, slots=True)
class FileRange:
    """A range of one file's bytes; `file` counts the layout's files from 0."""

    file: int
    offset: int
    length: int


Piece = Literal | FileRange


class TarLayout:
    """Where each byte of a tar comes from."""

    __slots__ = ("_starts", "files", "size")

    def __init__(self, files: Sequence[tuple[str, int]]) -> None:
        """Take (path, size) in ascending order of path; raise BadPath or BadArchive where no tar can be."""
        tree = Tree()
        for path, size in files:
            tree.add(path)
            if not 0 <= size <= MAX_FILE_BYTES:
                raise BadArchive(path, f"a file in a tar has 0 to {MAX_FILE_BYTES} bytes, not {size}")
        self.files = tuple(files)
        # Header positions of all files, and last that of the end.
        self._starts = tuple(accumulate((BLOCK + _padded(size) for _, size in files), initial=0))
        self.size = self._starts[-1] + len(END)

    def plan(self, start: int, length: int) -> list[Piece]:
        """Return the pieces that, joined, are `length` bytes of the tar from `start`."""
        end = start + length
        if start < 0 or length < 0 or end > self.size:
            raise ValueError(f"bytes {start} to {end} are not within a tar of {self.size} bytes")
        pieces: list[Piece] = []
        literal = bytearray()
        at = start
        while at < end:
            piece = self._piece(at, end)
            if isinstance(piece, Literal):
                literal += piece.data
                at += len(piece.data)
                continue
            if literal:
                pieces.append(Literal(bytes(literal)))
                literal.clear()
            pieces.append(piece)
            at += piece.length
        if literal:
            pieces.append(Literal(bytes(literal)))
        return pieces

    def _piece(self, at: int, end: int) -> Piece:
        """Return the longest piece of one nature that begins at `at` and stays before `end`."""
        number = bisect_right(self._starts, at) - 1
        within = at - self._starts[number]
        wanted = end - at
        if number == len(self.files):
            return Literal(END[within : within + wanted])
        path, size = self.files[number]
        if within < BLOCK:
            return Literal(header(path, size)[within : within + wanted])
        if within < BLOCK + size:
            return FileRange(number, within - BLOCK, min(wanted, BLOCK + size - within))
        return Literal(bytes(min(wanted, BLOCK + _padded(size) - within)))


def header(path: str, size: int) -> bytes:
    """Return the one ustar header of a file."""
    prefix, name = ustar_name(path)
    fields = (
        name.encode("ascii").ljust(100, b"\0"),
        b"0000644\0",  # mode
        b"0000000\0",  # owner
        b"0000000\0",  # group
        b"%011o\0" % size,
        b"00000000000\0",  # mtime
        b"        ",  # checksum, counted as spaces
        b"0",  # regular file
        bytes(100),  # link target
        b"ustar\x0000",
        bytes(32),  # owner's name
        bytes(32),  # group's name
        bytes(16),  # device numbers
        prefix.encode("ascii").ljust(155, b"\0"),
        bytes(12),
    )
    block = b"".join(fields)
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]


def _padded(size: int) -> int:
    return -(-size // BLOCK) * BLOCK


class Stream(Protocol):
    """What a tar is read from: a file opened for bytes, or anything like it."""

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes, none at the end."""

    def seekable(self) -> bool:
        """Say whether `seek` works."""

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Go elsewhere."""


class Contents(Iterator[bytes]):
    """The bytes of one member in chunks; what is not taken is passed over before the next member."""

    __slots__ = ("_cursor", "_path", "_remaining")

    def __init__(self, cursor: _Cursor, path: str, size: int) -> None:
        self._cursor = cursor
        self._path = path
        self._remaining = size

    def __next__(self) -> bytes:
        """Return the next chunk, at most READ_BYTES."""
        if not self._remaining:
            raise StopIteration
        chunk = self._cursor.take(min(READ_BYTES, self._remaining), self._path)
        self._remaining -= len(chunk)
        return chunk

    def pass_over(self) -> None:
        """Leave the rest unread."""
        self._cursor.skip(self._remaining, self._path)
        self._remaining = 0


@dataclass(frozen=True, slots=True)
class Member:
    """A file in a tar: its contents begin at byte `offset` of the tar."""

    path: str
    size: int
    offset: int
    contents: Contents


def read_members(stream: Stream) -> Iterator[Member]:
    """Yield the files of a tar in order; raise BadArchive unless it is, byte by byte, the tar of its files.

    Contents are the caller's to read and check, before the next member is asked for.
    """
    cursor = _Cursor(stream)
    tree = Tree()
    last = ""
    while any(block := cursor.take(BLOCK, "header")):
        after = f" after `{last}`" if last else ""
        path, size = _read_header(block, f"header{after} at byte {cursor.at - BLOCK}")
        try:
            tree.add(path)
        except BadPath as error:
            raise BadArchive(error.path, error.reason) from error
        if block != header(path, size):
            raise BadArchive(
                path, f"the header's {_differing_field(block, header(path, size))} is not a bundle's"
            )
        if cursor.at + size > MAX_ARCHIVE_BYTES:
            raise BadArchive(
                path, f"the archive goes on beyond {MAX_ARCHIVE_BYTES} bytes, the most that is read"
            )
        contents = Contents(cursor, path, size)
        yield Member(path, size, cursor.at, contents)
        contents.pass_over()
        last = path
        if any(cursor.take(_padded(size) - size, path)):
            raise BadArchive(path, "the padding after the contents is not zero")
    if any(cursor.take(BLOCK, "end")):
        raise BadArchive("end", "one zero block alone stands where two end a tar")
    if stream.read(1):
        raise BadArchive("end", f"something follows the end of the tar at byte {cursor.at}")


class _Cursor:
    """Reads exact amounts and knows where it is."""

    __slots__ = ("_stream", "at")

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self.at = 0

    def take(self, size: int, path: str) -> bytes:
        """Return exactly `size` bytes."""
        taken = bytearray()
        while len(taken) < size:
            chunk = self._stream.read(size - len(taken))
            if not chunk:
                raise BadArchive(path, f"the archive ends in the middle, after {self.at + len(taken)} bytes")
            taken += chunk
        self.at += size
        return bytes(taken)

    def skip(self, size: int, path: str) -> None:
        """Go on by `size` bytes; a cut archive shows at the next read."""
        if size and self._stream.seekable():
            self._stream.seek(size, 1)
            self.at += size
            return
        while size:
            size -= len(self.take(min(READ_BYTES, size), path))


def _read_header(block: bytes, where: str) -> tuple[str, int]:
    if block[148:156] != b"%06o\0 " % (sum(block[:148]) + sum(block[156:]) + 8 * ord(" ")):
        raise BadArchive(where, "the checksum is wrong: the archive is damaged, or no tar of a bundle")
    raw_path = b"/".join(part.split(b"\0", 1)[0] for part in (block[345:500], block[:100]) if any(part))
    path = raw_path.decode("ascii", "backslashreplace")
    if (kind := block[156:157]) != b"0":
        raise BadArchive(
            path or where, f"{_OTHER_TYPES.get(kind, 'a member of unknown type')} is not taken; files are"
        )
    if not _SIZE.fullmatch(block[124:136]):
        raise BadArchive(path or where, "the size is not eleven octal digits")
    return path, int(block[124:135], 8)


def _differing_field(found: bytes, wanted: bytes) -> str:
    start = 0
    for name, length in _FIELDS:
        # The checksum is right, so it differs only because another field does.
        if name != "checksum" and found[start : start + length] != wanted[start : start + length]:
            return name
        start += length
    raise AssertionError("headers that differ, differ in a field")
