"""Names evidence by its content alone: the same records give the same digests, whatever their history."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from libs.common.canon.encode import encode
from libs.common.digests import sha256_digest
from services.evidence.times import instant_of, text
from services.evidence.values import DatasetName, DatasetVersion, Segment


def version_of(
    name: DatasetName, segments: Sequence[Segment], stated_as_of: datetime | None
) -> DatasetVersion:
    """Return what a dataset of these segments is; a time stated for it goes before those of its records."""
    newest = max((each.newest_stated for each in segments if each.newest_stated is not None), default=None)
    stated = stated_as_of if segments else None
    as_of = stated or (None if newest is None else instant_of(newest))
    records = sum(each.records for each in segments)
    content = {
        "as_of": None if as_of is None else text(as_of),
        "count": records,
        "kind": name.kind,
        "segments": [[each.documents.plain_digest, each.sources.plain_digest] for each in segments],
        "source": name.source,
    }
    return DatasetVersion(
        name=name,
        records=records,
        segments=len(segments),
        plain_bytes=sum(each.documents.plain_bytes for each in segments),
        stored_bytes=sum(each.documents.stored_bytes for each in segments),
        digest=sha256_digest(encode(content)),
        as_of=as_of,
        stated_as_of=stated,
    )


def snapshot_digest(versions: Iterable[DatasetVersion]) -> str:
    """Return the digest of datasets, which come in order of name."""
    content = [
        {"digest": version.digest, "kind": version.name.kind, "source": version.name.source}
        for version in versions
    ]
    return sha256_digest(encode({"datasets": content}))
