"""The real packs, all of them, oddities included: every line is a record or is put aside with a reason."""

from __future__ import annotations

import io
import os
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
import zstandard

from services.evidence.importing.incoming import FileBegins
from tests.kit.ledger import TENANT, TestLedger

pytestmark = [pytest.mark.real_data, pytest.mark.timeout(900)]


def packs() -> list[Path]:
    folder = os.environ.get("STELLA_DATA", "")
    if not folder:
        pytest.skip("name the folder of the real packs: STELLA_DATA=folder")
    return sorted(Path(folder).rglob("*.jsonl.zst"))


def source(path: Path) -> str:
    return path.name.removesuffix(".jsonl.zst")


def lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from io.BufferedReader(zstandard.ZstdDecompressor().stream_reader(file), 1 << 20)


def parts(paths: list[Path]) -> Iterator[FileBegins | bytes]:
    for path in paths:
        yield FileBegins(f"{path.parent.name}/{path.name}")
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                yield chunk


async def test_every_line_of_every_pack_is_a_record_or_put_aside(ledger: TestLedger) -> None:
    paths = packs()
    assert paths
    expected = Counter({source(path): sum(1 for _ in lines(path)) for path in paths})
    outcome = await ledger.take(parts(paths))
    kept = Counter[str]()
    for name, tally in outcome.tallies.items():
        kept[name.source] += tally.added
    status = await ledger.reader.status(TENANT)
    aside = Counter[str]()
    for refused_source, _, records in status.quarantined:
        aside[refused_source] += records
    assert kept + aside == expected
    assert sum(outcome.quarantined.values()) == aside.total()
    assert not set(outcome.quarantined) - {"not-json", "trailing-data", "truncated", "unrecognised-document"}
    assert kept.total() > 50 * aside.total()


async def test_real_records_keep_their_ids_and_values(ledger: TestLedger) -> None:
    paths = [path for path in packs() if path.parent.name in ("advisories", "vex")]
    await ledger.take(parts(paths))
    opened = await ledger.open()
    found = {
        (version.name.source, key): document
        for version in opened.versions
        for key, document in (await ledger.records(opened, version.name)).items()
    }
    for path in paths:
        for line in lines(path):
            packed = msgspec.json.decode(line)
            assert msgspec.json.decode(found.pop((source(path), packed["id"]))) == packed["doc"]
    assert not found


async def test_real_packs_in_another_order_and_in_batches_have_the_same_digest(ledger: TestLedger) -> None:
    paths = packs()
    ledger.clock.moment = datetime(2030, 1, 1, tzinfo=UTC)  # no time in the packs lies in its future
    await ledger.take(parts(paths), tenant="once")
    for path in reversed(paths):
        await ledger.take(parts([path]), tenant="batches")
    assert await ledger.digests("batches") == await ledger.digests("once")
