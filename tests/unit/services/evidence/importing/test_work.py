"""A batch: records come back sorted in runs, what is put aside in order and counted, memory bounded."""

from __future__ import annotations

from pathlib import Path

from services.evidence.importing.documents import Document, Lines
from services.evidence.importing.limits import MAX_KEPT_REFUSALS
from services.evidence.importing.sort import Sorter
from services.evidence.importing.work import Answer, Item, answer_of, batch_message, perform
from services.evidence.values import Refused
from tests.kit import evidence


def answered(*items: Item) -> Answer:
    return answer_of(perform(batch_message(evidence.READING, list(items))))


def lines(raw: bytes, first: int = 1) -> Item:
    return Item(lines=Lines("f.jsonl", "f.jsonl", "f", first, raw.count(b"\n"), (raw[:5], raw[5:])))


def keys(answer: Answer, folder: Path) -> list[bytes]:
    sorter = Sorter(folder)
    for run in answer.runs:
        sorter.add(run.first, run.last, run.blocks)
    return [record.key for record in sorter.sorted()]


def test_records_come_back_sorted(tmp_path: Path) -> None:
    raw = b"\n".join(evidence.raw(evidence.osv(number)) for number in (3, 1, 2))
    answer = answered(lines(raw))
    assert keys(answer, tmp_path) == [b"TEST-2024-1", b"TEST-2024-2", b"TEST-2024-3"]
    assert (answer.records, answer.refusals) == ({"f": 3}, {})


def test_what_is_put_aside_comes_back_in_the_order_in_which_it_came_in() -> None:
    unread = Refused("f", "big.json", "too-large", "it is", "")
    document = Item(document=Document("d.json", "d.json", "d", 0, b"["))
    answer = answered(lines(b"{\n", 7), Item(refused=unread), document)
    assert [refused.location for refused in answer.refused] == ["f.jsonl:7", "big.json", "d.json"]
    assert answer.refusals == {"truncated": 2, "too-large": 1}


def test_all_that_is_put_aside_is_counted_and_the_first_is_kept() -> None:
    answer = answered(lines(b"1\n" * (MAX_KEPT_REFUSALS + 5)))
    assert len(answer.refused) == MAX_KEPT_REFUSALS
    assert answer.refusals == {"unrecognised-document": MAX_KEPT_REFUSALS + 5}


def test_a_document_of_many_records_comes_back_in_several_runs(tmp_path: Path) -> None:
    catalogue = evidence.kev_catalogue(*(f"CVE-2024-{number}" for number in range(40_000)))
    answer = answered(Item(document=Document("kev.json", "kev.json", "kev", 0, evidence.raw(catalogue))))
    assert len(answer.runs) > 1
    assert len(keys(answer, tmp_path)) == 40_000
