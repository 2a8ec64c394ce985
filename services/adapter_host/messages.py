"""Turns messages of the contracts into the values that the host works with."""

from __future__ import annotations

from collections.abc import Iterable

from google.protobuf.timestamp_pb2 import Timestamp
from stellaops.export.v1.digests_pb2 import Codec as CodecMessage
from stellaops.export.v1.selectors_pb2 import (
    RECORD_KIND_ADVISORY,
    RECORD_KIND_FINDING,
    RECORD_KIND_SBOM,
    RECORD_KIND_VEX,
    RecordKind,
    Selector,
)
from stellaops.export.work.v1.work_pb2 import KeyRange as KeyRangeMessage

from libs.common.errors import InvalidField
from services.adapter_host.evidence import Codec, KeyRange
from services.adapter_host.selection import Selection

KIND_NUMBERS: dict[str, RecordKind.ValueType] = {
    "advisory": RECORD_KIND_ADVISORY,
    "vex": RECORD_KIND_VEX,
    "sbom": RECORD_KIND_SBOM,
    "finding": RECORD_KIND_FINDING,
}
KIND_NAMES = {number: name for name, number in KIND_NUMBERS.items()}
_SECOND = 1_000_000_000
# What google.protobuf.Timestamp allows, and RFC 3339 can write.
_FIRST_SECOND, _LAST_SECOND = -62_135_596_800, 253_402_300_799


def kind_name(field: str, kind: RecordKind.ValueType) -> str:
    """Return the name that paths and indexes have for a kind."""
    if kind not in KIND_NAMES:
        raise InvalidField(field=field, reason=f"{kind} is no kind of records that this version knows")
    return KIND_NAMES[kind]


def kind_names(field: str, kinds: Iterable[RecordKind.ValueType]) -> tuple[str, ...]:
    """Return the names of several kinds."""
    return tuple(kind_name(f"{field}[{position}]", kind) for position, kind in enumerate(kinds))


def selection_of(selector: Selector) -> Selection:
    """Return what a selector asks of records; sources are the planner's to select."""
    return Selection(
        ecosystems=tuple(selector.ecosystems),
        packages=tuple(selector.packages),
        ids=tuple(selector.ids),
        modified_since=(
            _instant("modified_since", selector.modified_since)
            if selector.HasField("modified_since")
            else None
        ),
        modified_until=(
            _instant("modified_until", selector.modified_until)
            if selector.HasField("modified_until")
            else None
        ),
    )


def _instant(field: str, moment: Timestamp) -> int:
    if not _FIRST_SECOND <= moment.seconds <= _LAST_SECOND or not 0 <= moment.nanos < _SECOND:
        raise InvalidField(
            field=f"spec.selector.{field}", reason="a time from 0001-01-01 to 9999-12-31 is wanted"
        )
    return moment.seconds * _SECOND + moment.nanos


def codec_of(message: CodecMessage) -> Codec:
    """Return a codec."""
    return Codec(message.name, message.level, message.library)


def key_range_of(field: str, message: KeyRangeMessage) -> KeyRange:
    """Return a range of keys."""
    return KeyRange(kind_name(f"{field}.kind", message.kind), message.source, message.start, message.end)
