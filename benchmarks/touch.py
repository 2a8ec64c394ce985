"""Changes a share of real packs' records, so that an import meets documents that are a little other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import zstandard

from benchmarks.shapes.drawing import share_of


class Line(msgspec.Struct, omit_defaults=True):
    """A line of a pack; lines that hold no document are passed over."""

    id: str
    src: str = ""
    sha256: str = ""
    doc: msgspec.Raw = msgspec.Raw(b"")


def touch_packs(source: Path, target: Path, share: float) -> tuple[int, int]:
    """Write `share` of the records below `source` to `target`, changed; return the count and bytes of all."""
    target.mkdir(parents=True)
    count = plain = 0
    for path in sorted(source.glob("*.jsonl.zst")):
        changed = []
        for line in _lines(path):
            count += 1
            plain += len(bytes(line.doc))
            if share_of("touched", path.name, line.id) < share and bytes(line.doc).startswith(b"{"):
                changed.append(msgspec.json.encode(_touched(line)) + b"\n")
        if changed:
            (target / path.name).write_bytes(zstandard.compress(b"".join(changed)))
    return count, plain


def _touched(line: Line) -> Line:
    inner = bytes(line.doc)[1:]
    comma = b"" if inner.lstrip().startswith(b"}") else b","
    return msgspec.structs.replace(line, doc=msgspec.Raw(b'{"x_touched":true' + comma + inner))


def _lines(path: Path) -> Iterator[Line]:
    decode = msgspec.json.Decoder(Line).decode
    with (
        path.open("rb") as file,
        zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True) as plain,
    ):
        rest = b""
        while chunk := plain.read(1 << 20):
            *whole, rest = (rest + chunk).split(b"\n")
            yield from (decode(line) for line in whole if line)
        if rest:
            yield decode(rest)
