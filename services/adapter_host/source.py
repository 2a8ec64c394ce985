"""One range of a shard and all that its parts are made with."""

from __future__ import annotations

from dataclasses import dataclass

from libs.common.blobs.store import Blobs
from services.adapter_host.beside import Beside
from services.adapter_host.evidence import KeyRange
from services.adapter_host.orders import ShardOrder, Tally
from services.adapter_host.sources.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Source:
    """What to make of which keys, where they are read, where frames go, and what is counted."""

    order: ShardOrder
    range: KeyRange
    ledger: Ledger
    blobs: Blobs
    storing: Beside
    tally: Tally
