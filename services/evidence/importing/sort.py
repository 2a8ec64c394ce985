"""Sorts any number of records in bounded memory: sorted runs come in, lie on disk, are merged as streams."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from services.evidence.importing.documents import ImportedRecord
from services.evidence.importing.runs import Place, Run, merge, overlap, pack

MAX_FAN_IN = 128  # runs open at once: each holds a block of heads and one of documents, about 256 KiB


class Sorter:
    """Takes sorted runs in any order and gives their records back sorted; the runs lie in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._runs: list[Run] = []
        self._written = 0

    def add(self, first: Place, last: Place, blocks: Iterable[bytes]) -> None:
        """Take one run, of which `first` and `last` are the outermost places."""
        self._runs.append(self._write(first, last, blocks))

    def sorted(self) -> Iterator[ImportedRecord]:
        """Yield all records in order; nothing can be added any more."""
        while overlap(self._runs) > MAX_FAN_IN:
            ordered = sorted(self._runs, key=lambda run: run.first)
            self._runs = [
                self._merged(ordered[start : start + MAX_FAN_IN])
                for start in range(0, len(ordered), MAX_FAN_IN)
            ]
        yield from merge(self._runs)

    def _merged(self, runs: Sequence[Run]) -> Run:
        last = max(run.last for run in runs)
        merged = self._write(runs[0].first, last, pack(merge(runs)))
        for run in runs:
            run.path.unlink()
        return merged

    def _write(self, first: Place, last: Place, blocks: Iterable[bytes]) -> Run:
        self._written += 1
        path = self._folder / f"run-{self._written}"
        with path.open("wb") as file:
            file.writelines(blocks)
        return Run(first, last, path)
