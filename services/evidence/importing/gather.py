"""Reads all that an import brings, sorts its records, and keeps account of what was put aside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from libs.common.errors import TooLarge
from services.evidence.importing import naming
from services.evidence.importing.containers import Opener
from services.evidence.importing.documents import ImportedRecord
from services.evidence.importing.duplicates import settle
from services.evidence.importing.incoming import FileBegins, files
from services.evidence.importing.interpret import Reading, interpret
from services.evidence.importing.limits import MAX_SOURCES, Budget
from services.evidence.importing.sort import Sorter
from services.evidence.values import DatasetName, Refused, file_of

MAX_KEPT_REFUSALS = 10_000  # a person reads none of more; all are counted


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

    def take(self, record: ImportedRecord) -> None:
        """Count a record that is taken."""
        self.records += 1
        self.sources.add(record.source)
        if len(self.sources) > MAX_SOURCES:
            raise TooLarge(what="The number of sources in this import", limit=MAX_SOURCES)

    def put_aside(self, refused: Refused) -> None:
        """Count a document that is not taken, and keep it while there are not too many."""
        self.refusals[refused.reason] += 1
        if len(self.refused) < MAX_KEPT_REFUSALS:
            self.refused.append(refused)


class Gathering:
    """The records of one import: first taken in, then given back by dataset in order of key."""

    def __init__(self, folder: Path, pool: Executor, source: str, reading: Reading, account: Account) -> None:
        self._sorter = Sorter(folder, pool)
        self._source = source
        self._reading = reading
        self._account = account

    def take(self, parts: Iterable[FileBegins | bytes], check: Callable[[], None]) -> None:
        """Read every file; `check` is called for each document and may raise to stop."""
        opener = Opener(self._account.budget, self._source)
        for file in files(parts):
            self._account.files.add(file_of(naming.tidy(file.name)))
            for document in opener.open(file):
                check()
                if isinstance(document, Refused):
                    self._account.put_aside(document)
                    continue
                for entry in interpret(document, self._reading):
                    self._keep(entry)
        self._account.is_read = True

    def _keep(self, entry: ImportedRecord | Refused) -> None:
        if isinstance(entry, Refused):
            self._account.put_aside(entry)
        else:
            self._account.take(entry)
            self._sorter.add(entry)

    def datasets(self) -> Iterator[tuple[DatasetName, Iterator[ImportedRecord]]]:
        """Yield the records of each dataset; each must be read before the next is asked for."""
        settled = settle(self._sorter.sorted(), self._account.put_aside)
        for (kind, source), records in groupby(settled, key=itemgetter(0, 1)):
            yield DatasetName(kind, source), records
