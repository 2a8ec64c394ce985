"""Lists lies of a signer who is trusted: indexes and frames that contradict one another, rightly signed."""

from __future__ import annotations

import struct
from collections.abc import Callable

import zstandard
from stellaops.export.bundle.v1.index_pb2 import Index, IndexSegment

from libs.common.bundle import frames, layout
from tests.attacks.attack import ADVISORY_INDEX, DOCUMENTS, SOURCES, Attack
from tests.kit import bundles
from tests.kit.bundles import Files, Part

MAGIC = frames.MAGIC
EMPTY_BLOCK = b"\x01\x00\x00"
CHECKSUM = bytes(4)


def _parts(change: Callable[[Part], None]) -> Callable[[Files], Files]:
    def spoil(_: Files) -> Files:
        parts = bundles.make_parts(bundles.some_records())
        change(next(part for part in parts if part.path(layout.DOCUMENTS) == DOCUMENTS))
        return bundles.sign(bundles.assemble(parts))

    return spoil


def _frame(stored: Callable[[bytes], bytes]) -> Callable[[Files], Files]:
    """Put another frame of documents in place of the first one's, given its plain bytes."""

    def change(part: Part) -> None:
        part.segments[0].document_frame = stored(part.segments[0].documents)

    return _parts(change)


def _index(change: Callable[[Index, IndexSegment, IndexSegment], object]) -> Callable[[Files], Files]:
    def change_advisories(found: Index) -> None:
        if found.kind == "advisory":
            part = next(part for part in found.parts if part.path == DOCUMENTS)
            change(found, part.segments[0], part.segments[1])

    return lambda _: bundles.sign(
        bundles.assemble(bundles.make_parts(bundles.some_records()), change_index=change_advisories)
    )


def compressed(plain: bytes, **choices: bool) -> bytes:
    return zstandard.ZstdCompressor(level=3, write_checksum=True, **choices).compress(plain)  # type: ignore[arg-type] # flags


def without_checksum(plain: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=3, write_checksum=False).compress(plain)


def with_dictionary(plain: bytes) -> bytes:
    dictionary = zstandard.ZstdCompressionDict(plain, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
    stored = zstandard.ZstdCompressor(write_checksum=True, dict_data=dictionary).compress(plain)
    # A raw dictionary has no id of its own: give the header one.
    return stored[:4] + bytes([stored[4] | 1]) + b"\x07" + stored[5:]


def states(plain_bytes: int, blocks: bytes = EMPTY_BLOCK + CHECKSUM) -> bytes:
    """Return a frame whose header states `plain_bytes` in one segment, whatever is in its blocks."""
    return MAGIC + bytes([0b1110_0100]) + struct.pack("<Q", plain_bytes) + blocks


def zeros(blocks: int) -> bytes:
    """Return blocks of 4 bytes that each stand for 128 KiB of zeros."""
    return (struct.pack("<I", (128 * 1024 << 3) | 0b010)[:3] + b"\0") * blocks


def wide(plain: bytes) -> bytes:
    return MAGIC + bytes([0b1100_0100, 0xA8]) + struct.pack("<Q", len(plain)) + EMPTY_BLOCK + CHECKSUM


def skippable(data: bytes = b"hidden") -> bytes:
    return b"\x50\x2a\x4d\x18" + struct.pack("<I", len(data)) + data


def _overlap(_: Index, one: IndexSegment, other: IndexSegment) -> None:
    other.offset -= 1
    other.bytes += 1
    del one


def _shift(_: Index, one: IndexSegment, other: IndexSegment) -> None:
    one.bytes += 1
    other.bytes -= 1
    other.offset += 1


def _shift_plain(_: Index, one: IndexSegment, other: IndexSegment) -> None:
    one.plain_bytes += 1
    other.plain_bytes -= 1


def _shift_records(_: Index, one: IndexSegment, other: IndexSegment) -> None:
    one.records += 1
    other.records -= 1


def _set(member: str, value: object) -> Callable[[Index, IndexSegment, IndexSegment], None]:
    return lambda _index, one, _other: setattr(one, member, value)


ZEROS = "sha256:" + "0" * 64
WINDOW = f"the format allows {frames.MAX_WINDOW_BYTES}"

ON_FRAMES: list[Attack[Files]] = [
    Attack("cut frame", _frame(lambda plain: compressed(plain)[:-1]), DOCUMENTS, "a frame"),
    Attack(
        "frame and a byte", _frame(lambda plain: compressed(plain) + b"\0"), DOCUMENTS, "a frame ends before"
    ),
    Attack(
        "two frames",
        _frame(lambda plain: compressed(plain[:9]) + compressed(plain[9:])),
        DOCUMENTS,
        "a frame ends before",
    ),
    Attack(
        "skippable frame first",
        _frame(lambda plain: skippable() + compressed(plain)),
        DOCUMENTS,
        "a skippable frame stands",
    ),
    Attack(
        "skippable frame after",
        _frame(lambda plain: compressed(plain) + skippable()),
        DOCUMENTS,
        "a frame ends before",
    ),
    Attack(
        "skippable frame alone", _frame(lambda _: skippable(bytes(99))), DOCUMENTS, "a skippable frame stands"
    ),
    Attack("empty frame", _frame(lambda _: compressed(b"")), DOCUMENTS, "segment 0 has 0 plain bytes"),
    Attack("no frame", _frame(lambda plain: plain), DOCUMENTS, "no zstd frame begins"),
    Attack("frame without checksum", _frame(without_checksum), DOCUMENTS, "no checksum"),
    Attack(
        "frame with a wrong checksum",
        _frame(lambda plain: compressed(plain)[:-4] + CHECKSUM),
        DOCUMENTS,
        "a frame is damaged",
    ),
    Attack(
        "frame without its size",
        _frame(lambda plain: compressed(plain, write_content_size=False)),
        DOCUMENTS,
        "does not state its plain length",
    ),
    Attack("frame with a dictionary", _frame(with_dictionary), DOCUMENTS, "needs a dictionary"),
    Attack("frame with a huge window", _frame(wide), DOCUMENTS, WINDOW),
    Attack(
        "frame that states a terabyte",
        _frame(lambda _: states(2**40)),
        DOCUMENTS,
        f"a frame states {2**40} plain bytes where at most",
    ),
    Attack(
        "frame that states more than it has",
        _frame(lambda plain: states(len(plain))),
        DOCUMENTS,
        "a frame is damaged",
    ),
    Attack(
        "frame that has more than it states",
        _frame(lambda plain: states(len(plain), zeros(4000) + EMPTY_BLOCK + CHECKSUM)),
        DOCUMENTS,
        "a frame",
    ),
    Attack(
        "frame of other lines",
        _frame(lambda plain: compressed(plain.replace(b"made up", b"made off"))),
        DOCUMENTS,
        "a frame states",
    ),
    Attack(
        "frame of other lines of the same length",
        _frame(lambda plain: compressed(plain.replace(b"made up", b"made it"))),
        DOCUMENTS,
        "segment 0 has plain digest",
    ),
]

ON_INDEXES: list[Attack[Files]] = [
    Attack("frames that overlap", _index(_overlap), ADVISORY_INDEX, "are not the same"),
    Attack(
        "offset elsewhere",
        _index(lambda _, _one, other: setattr(other, "offset", 7)),
        ADVISORY_INDEX,
        "do not begin where those before it end",
    ),
    Attack("negative offset", _index(_set("offset", -1)), ADVISORY_INDEX, "do not begin where"),
    Attack("a frame longer than the file", _index(_set("bytes", 2**52)), ADVISORY_INDEX, "are not the same"),
    Attack("a boundary one byte on", _index(_shift), DOCUMENTS, "a frame ends before"),
    Attack("plainBytes moved", _index(_shift_plain), DOCUMENTS, "segment 0 has"),
    Attack("records moved", _index(_shift_records), DOCUMENTS, "the index says 3 records"),
    Attack(
        "plainBytes of a terabyte", _index(_set("plain_bytes", 2**40)), ADVISORY_INDEX, "are not the same"
    ),
    Attack("another plain digest", _index(_set("plain_digest", ZEROS)), DOCUMENTS, "has plain digest"),
    Attack(
        "another digest of sources", _index(_set("sources_plain_digest", ZEROS)), SOURCES, "has plain digest"
    ),
    Attack("a later first key", _index(_set("first_key", "GO-2024-0000x")), SOURCES, "begins with key"),
    Attack(
        "a first key that steers",
        _index(_set("first_key", "GO-2024-0000\x1b[2J\x9b1m\u202egnp")),
        SOURCES,
        "begins with key",
    ),
    Attack(
        "a part twice",
        _index(lambda found, *_: found.parts.add().CopyFrom(found.parts[0])),
        ADVISORY_INDEX,
        "stands twice",
    ),
    Attack(
        "parts out of order", _index(lambda found, *_: found.parts.reverse()), ADVISORY_INDEX, "parts ascend"
    ),
    Attack(
        "a part left out", _index(lambda found, *_: found.parts.pop()), "osv-rust", "no index names this file"
    ),
    Attack(
        "another kind",
        _index(lambda found, *_: setattr(found, "kind", "vex")),
        ADVISORY_INDEX,
        "`advisory` is wanted",
    ),
    Attack(
        "a path outside",
        _index(lambda found, *_: setattr(found.parts[0], "path", "../../etc/passwd")),
        ADVISORY_INDEX,
        "$.parts[0].path",
    ),
    Attack(
        "a path of another file",
        _index(lambda found, *_: setattr(found.parts[0], "sources_path", "README.md")),
        ADVISORY_INDEX,
        "are wanted for this kind",
    ),
]

ATTACKS = [*ON_FRAMES, *ON_INDEXES]
