"""Turns values into messages of the contract, and what messages say into values."""

from __future__ import annotations

from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp
from stellaops.evidence.v1 import ledger_pb2
from stellaops.export.v1.selectors_pb2 import (
    RECORD_KIND_ADVISORY,
    RECORD_KIND_FINDING,
    RECORD_KIND_SBOM,
    RECORD_KIND_VEX,
    RecordKind,
)

from libs.common.errors import InvalidField
from libs.common.segments.frame import Frame
from services.evidence.values import DatasetName, DatasetVersion, Segment

UNKNOWN_LIBRARY = "unknown"  # no version of zstd is called so: who needs a certain one makes the frames anew

KIND_NUMBERS: dict[str, RecordKind.ValueType] = {
    "advisory": RECORD_KIND_ADVISORY,
    "vex": RECORD_KIND_VEX,
    "sbom": RECORD_KIND_SBOM,
    "finding": RECORD_KIND_FINDING,
}
KIND_NAMES = {number: name for name, number in KIND_NUMBERS.items()}


def kind_name(field: str, kind: RecordKind.ValueType) -> str:
    """Return the name of a kind."""
    if kind not in KIND_NAMES:
        raise InvalidField(field=field, reason=f"{kind} is no kind of records that this version knows")
    return KIND_NAMES[kind]


def dataset_name(request: ledger_pb2.ListSegmentsRequest | ledger_pb2.StreamRecordsRequest) -> DatasetName:
    """Return the dataset that a request names."""
    return DatasetName(kind_name("kind", request.kind), request.source)


def instant(field: str, value: Timestamp) -> datetime:
    """Return the instant of a timestamp, to the microsecond."""
    try:
        return value.ToDatetime(UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidField(field=field, reason="it lies outside the years 1 to 9999") from error


def timestamp(value: datetime | None) -> Timestamp | None:
    """Return the timestamp of an instant."""
    if value is None:
        return None
    stamp = Timestamp()
    stamp.FromDatetime(value)
    return stamp


def dataset(version: DatasetVersion) -> ledger_pb2.Dataset:
    """Return the message of a dataset."""
    return ledger_pb2.Dataset(
        kind=KIND_NUMBERS[version.name.kind],
        source=version.name.source,
        records=version.records,
        segments=version.segments,
        plain_bytes=version.plain_bytes,
        digest=version.digest,
        as_of=timestamp(version.as_of),
    )


def segment(value: Segment) -> ledger_pb2.Segment:
    """Return the message of a segment; its frame of the ledger stays here."""
    return ledger_pb2.Segment(
        first_key=value.first_key,
        last_key=value.last_key,
        records=value.records,
        documents=_frame(value.documents),
        sources=_frame(value.sources),
        codec_library=value.codec_library or UNKNOWN_LIBRARY,
    )


def _frame(value: Frame) -> ledger_pb2.Frame:
    return ledger_pb2.Frame(
        plain_digest=value.plain_digest,
        plain_bytes=value.plain_bytes,
        stored_digest=value.stored_digest,
        stored_bytes=value.stored_bytes,
    )
