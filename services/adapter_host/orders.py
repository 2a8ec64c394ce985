"""What a shard is to be made from, as values, and the rule that no range may tear a part apart."""

from __future__ import annotations

from dataclasses import dataclass

from libs.common.errors import InvalidField
from libs.common.segments.cut import is_part_start
from services.adapter_host.adapters.base import Transform
from services.adapter_host.evidence import Codec, KeyRange, Snapshot


@dataclass(frozen=True, slots=True)
class ShardOrder:
    """What a shard is to be made from; without a transform records leave as they came."""

    snapshot: Snapshot
    ranges: tuple[KeyRange, ...]
    transform: Transform | None
    codec: Codec


@dataclass(slots=True)
class Tally:
    """Segments that have left so far, and how many of them were there already."""

    segments: int = 0
    reused: int = 0


def check_begin(key_range: KeyRange, first_key: bytes) -> None:
    """Raise unless a part begins with the range: `first_key` is that of its first segment."""
    if key_range.start and not is_part_start(key_range.kind, first_key):
        raise InvalidField(
            field="ranges",
            reason=f"no part of {key_range.dataset} begins at key {first_key!r:.200}, but a range does",
        )
