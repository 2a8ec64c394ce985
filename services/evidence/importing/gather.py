"""Reads all that an import brings, sorts its records, and keeps account of what was put aside."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from libs.common.errors import TooLarge
from services.evidence.importing import naming
from services.evidence.importing.containers import Opened, Opener
from services.evidence.importing.documents import Document, ImportedRecord
from services.evidence.importing.duplicates import settle
from services.evidence.importing.framing import Message, length_of
from services.evidence.importing.incoming import FileBegins, files
from services.evidence.importing.interpret import Reading
from services.evidence.importing.limits import (
    BATCH_BYTES,
    MAX_BATCH_DOCUMENTS,
    MAX_KEPT_REFUSALS,
    MAX_SOURCES,
    Budget,
)
from services.evidence.importing.sort import Sorter
from services.evidence.importing.work import Answer, Item, answer_of, batch_message
from services.evidence.values import DatasetName, Refused, file_of

CHECK_SECONDS = 1.0  # a stopped import, whose process may be stopped too, ends within this time


@dataclass(frozen=True, slots=True)
class Readers:
    """Who reads batches: `read` hands one over, `count` read at the same time."""

    read: Callable[[Message], Future[bytes]]
    count: int


@dataclass(slots=True)
class Account:
    """What an import has seen so far; `sources` are those of which it took a record."""

    budget: Budget = field(default_factory=Budget)
    records: int = 0
    merged: int = 0
    is_read: bool = False
    refused: list[Refused] = field(default_factory=list)
    refusals: Counter[str] = field(default_factory=Counter)
    sources: set[str] = field(default_factory=set)
    files: set[str] = field(default_factory=set)

    def take(self, answer: Answer) -> None:
        """Count what became of a batch."""
        self.records += sum(answer.records.values())
        self.sources.update(answer.records)
        if len(self.sources) > MAX_SOURCES:
            raise TooLarge(what="The number of sources in this import", limit=MAX_SOURCES)
        self.refusals.update(answer.refusals)
        self.refused += answer.refused[: MAX_KEPT_REFUSALS - len(self.refused)]

    def put_aside(self, refused: Refused) -> None:
        """Count a document that is not taken, and keep it while there are not too many."""
        self.refusals[refused.reason] += 1
        if len(self.refused) < MAX_KEPT_REFUSALS:
            self.refused.append(refused)


class Gathering:
    """The records of one import: first taken in, then given back by dataset in order of key."""

    def __init__(
        self, folder: Path, readers: Readers, source: str, reading: Reading, account: Account
    ) -> None:
        self._sorter = Sorter(folder)
        self._readers = readers
        self._source = source
        self._reading = reading
        self._account = account
        self._in_hand: deque[tuple[int, Future[bytes]]] = deque()

    def take(self, parts: Iterable[FileBegins | bytes], check: Callable[[], None]) -> None:
        """Read every file; `check` is called often and may raise to stop."""
        try:
            for items in _batches(self._opened(parts), check):
                self._hand_over(batch_message(self._reading, items), check)
            while self._in_hand:
                self._take_back(check)
        finally:
            for _, answer in self._in_hand:
                answer.cancel()
        self._account.is_read = True

    def _opened(self, parts: Iterable[FileBegins | bytes]) -> Iterator[Opened]:
        opener = Opener(self._account.budget, self._source)
        for file in files(parts):
            self._account.files.add(file_of(naming.tidy(file.name)))
            yield from opener.open(file)

    def _hand_over(self, batch: Message, check: Callable[[], None]) -> None:
        """Give a batch away once there is room: what waits is bounded by number and by bytes."""
        most, length = self._readers.count + 1, length_of(batch)
        while self._in_hand and (
            len(self._in_hand) >= most
            or sum(size for size, _ in self._in_hand) + length > most * 2 * BATCH_BYTES
        ):
            self._take_back(check)
        self._in_hand.append((length, self._readers.read(batch)))

    def _take_back(self, check: Callable[[], None]) -> None:
        """Take the oldest answer, so that the account is that of the order in which documents came."""
        reading = self._in_hand[0][1]
        while not wait([reading], CHECK_SECONDS).done:
            check()
        self._in_hand.popleft()
        answer = answer_of(reading.result())
        self._account.take(answer)
        for run in answer.runs:
            self._sorter.add(run.first, run.last, run.blocks)

    def datasets(self) -> Iterator[tuple[DatasetName, Iterator[ImportedRecord]]]:
        """Yield the records of each dataset; each must be read before the next is asked for."""
        settled = settle(self._sorter.sorted(), self._account.put_aside)
        for (kind, source), records in groupby(settled, key=itemgetter(0, 1)):
            yield DatasetName(kind, source), records


def _batches(opened: Iterable[Opened], check: Callable[[], None]) -> Iterator[list[Item]]:
    """Yield what was opened in batches; what is larger than one stands alone."""
    items: list[Item] = []
    size = documents = 0
    for each in opened:
        check()
        length, count = (0, 1) if isinstance(each, Refused) else (each.size, each.count)
        if items and (size + length > BATCH_BYTES or documents + count > MAX_BATCH_DOCUMENTS):
            yield items
            items, size, documents = [], 0, 0
        items.append(_item(each))
        size += length
        documents += count
    if items:
        yield items


def _item(opened: Opened) -> Item:
    if isinstance(opened, Refused):
        return Item(refused=opened)
    return Item(document=opened) if isinstance(opened, Document) else Item(lines=opened)
