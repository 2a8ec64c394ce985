"""Writes the small values of a run into JSON columns and reads them back."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from psycopg.types.json import Jsonb

from services.planner.runs.values import (
    Amounts,
    BlobRef,
    Delivered,
    Failure,
    Progress,
    RunError,
    State,
)

Document = Mapping[str, Any]


def write(value: object) -> Jsonb | None:
    """Return a dataclass, or anything that JSON carries, as a JSON parameter; None stays None."""
    if value is None:
        return None
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return Jsonb(dataclasses.asdict(value))
    return Jsonb(value)


def read_blob(document: Document | None) -> BlobRef | None:
    """Return the blob that was written."""
    return None if document is None else BlobRef(**document)


def read_amounts(document: Document) -> Amounts:
    """Return the amounts that were written."""
    return Amounts(**document)


def read_delivered(document: Document | None) -> Delivered | None:
    """Return the delivery that was written."""
    return None if document is None else Delivered(**document)


def read_failure(document: Document | None) -> Failure | None:
    """Return the failure that was written."""
    return None if document is None else Failure(**document)


def read_error(document: Document | None) -> RunError | None:
    """Return the error that was written."""
    if document is None:
        return None
    return RunError(Failure(**document["failure"]), State(document["stage"]))


def read_progress(document: Document) -> Progress:
    """Return the progress that was written."""
    return Progress(**{**document, "amounts": read_amounts(document["amounts"])})


def write_bits(bits: int) -> bytes:
    """Return a set of bits as bytes, the lowest first."""
    return bits.to_bytes((bits.bit_length() + 7) // 8, "little")


def read_bits(data: bytes) -> int:
    """Return the bits that were written."""
    return int.from_bytes(data, "little")
