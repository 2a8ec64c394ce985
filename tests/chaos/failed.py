"""Reads the seeds that have failed once: they are played for ever."""

from __future__ import annotations

from pathlib import Path

PLACE = Path(__file__).with_name("failed_seeds.txt")


def failed_seeds() -> list[int]:
    """Return the seeds of the file; what follows `#` says what each has shown."""
    lines = (line.partition("#")[0].strip() for line in PLACE.read_text(encoding="utf-8").splitlines())
    return [int(line) for line in lines if line]
