"""Decides what a valid manifest is: identities, patterns, order and the hash that reruns are compared by."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime

from stellaops.export.bundle.v1.manifest_pb2 import Manifest, ManifestContent

from libs.common.bundle import layout
from libs.common.bundle.faults import BadPath, shown
from libs.common.bundle.tar import MAX_FILE_BYTES
from libs.common.canon.decode import MAX_SAFE_INTEGER
from libs.common.digests import BadDigest, parse_digest, sha256_digest
from libs.common.names import PROFILE, REVISION, TENANT

SCHEMA = "https://stellaops.io/export-center/manifest/v1alpha2"
VERSION = "1.1.0"
INDEX_SCHEMA = "https://stellaops.io/export-center/index/v1alpha1"
CODEC = "zstd"
MAX_LEVEL = 19  # levels beyond it need windows that a reader has to be told to allow
MAX_FAULTS = (
    20  # a hostile manifest could have as many faults as bytes; these are enough to see what is wrong
)

EXPORT_ID = re.compile(r"[a-z0-9-]{6,64}")
_VERSION = re.compile(r"1\.1\.(0|[1-9][0-9]{0,5})")
_NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?Z")


def rerun_hash(contents: Iterable[ManifestContent]) -> str:
    """Return SHA-256 over the sorted, newline-joined content digests; a rerun on the same inputs has it."""
    joined = "\n".join(sorted(content.digest for content in contents))
    return sha256_digest(joined.encode())


def content_of(path: str, data: bytes) -> ManifestContent:
    """Return the manifest's entry for a file that is no record file."""
    return ManifestContent(
        path=path,
        digest=sha256_digest(data),
        bytes=len(data),
        content_type=layout.content_type(path),
    )


def faults(manifest: Manifest) -> list[str]:
    """Return what breaks the rules of a manifest, each with the member's path; none when it is valid."""
    found: list[str] = []
    for fault in _all_faults(manifest):
        found.append(fault)
        if len(found) == MAX_FAULTS:
            found.append(f"$: there may be more; the first {MAX_FAULTS} faults are listed")
            break
    return found


def _all_faults(manifest: Manifest) -> Iterator[str]:
    yield from _header_faults(manifest)
    yield from _input_faults(manifest)
    yield from _tool_faults(manifest)
    yield from _content_faults(manifest)


def _header_faults(manifest: Manifest) -> Iterator[str]:
    if manifest.schema != SCHEMA:
        yield f"$.schema: `{SCHEMA}` is wanted"
    yield from _pattern("$.version", manifest.version, _VERSION, "a version `1.1.x`")
    yield from _pattern("$.exportId", manifest.export_id, EXPORT_ID, "6 to 64 of a-z, 0-9 and `-`")
    yield from _pattern("$.tenant", manifest.tenant, TENANT, "the id of a tenant")
    profile = manifest.profile
    yield from _pattern("$.profile.kind", profile.kind, _NAME, "a family such as `json`")
    yield from _pattern("$.profile.variant", profile.variant, _NAME, "an adapter such as `raw`")
    yield from _pattern("$.profile.name", profile.name, PROFILE, "the id of a profile")
    yield from _pattern("$.profile.revision", profile.revision, REVISION, "a revision such as `r1`")
    yield from _time("$.generatedAt", manifest.generated_at)
    yield from _digest("$.rerunHash", manifest.rerun_hash)


def _input_faults(manifest: Manifest) -> Iterator[str]:
    selectors = manifest.selectors
    for kind in selectors.kinds:
        if kind not in layout.RECORD_FOLDERS:
            yield f"$.selectors.kinds: one of {', '.join(layout.RECORD_FOLDERS)} is wanted"
    yield from _time("$.selectors.modifiedSince", selectors.modified_since)
    yield from _time("$.selectors.modifiedUntil", selectors.modified_until)
    ledger = manifest.inputs.ledger
    yield from _digest("$.inputs.ledger.digest", ledger.digest)
    yield from _time("$.inputs.ledger.asOf", ledger.as_of)
    yield from _count("$.inputs.ledger.records", ledger.records)


def _tool_faults(manifest: Manifest) -> Iterator[str]:
    wanted = f"{manifest.profile.kind}:{manifest.profile.variant}"
    if manifest.adapter.name != wanted:
        yield f"$.adapter.name: `kind:variant` of the profile is wanted, here `{shown(wanted)}`"
    for member in ("version", "schema"):
        if not getattr(manifest.adapter, member):
            yield f"$.adapter.{member}: a text is wanted"
    if manifest.codec.name != CODEC:
        yield f"$.codec.name: `{CODEC}` is wanted"
    if not 1 <= manifest.codec.level <= MAX_LEVEL:
        yield f"$.codec.level: a level from 1 to {MAX_LEVEL} is wanted"
    if not manifest.codec.library:
        yield "$.codec.library: the version of the compression library is wanted"


def _content_faults(manifest: Manifest) -> Iterator[str]:
    tree = layout.Tree()
    for position, content in enumerate(manifest.contents):
        where = f"$.contents[{position}]"
        try:
            tree.add(content.path)
        except BadPath as error:
            yield f"{where}.path: {error}"
        if not layout.is_listed(content.path):
            yield f"{where}.path: `{shown(content.path)}` is never listed, since it is made from the manifest"
        yield from _digest(f"{where}.digest", content.digest)
        if not 0 <= content.bytes <= MAX_FILE_BYTES:
            yield f"{where}.bytes: a length from 0 to {MAX_FILE_BYTES} is wanted"
        if not content.content_type:
            yield f"{where}.contentType: a media type is wanted"
        yield from _plain_faults(where, content)


def _plain_faults(where: str, content: ManifestContent) -> Iterator[str]:
    if not layout.is_record_path(content.path):
        for member in ("records", "plain_bytes"):
            if content.HasField(member):
                yield f"{where}: `{member}` is for record files only"
        return
    yield from _count(f"{where}.records", content.records, content.HasField("records"))
    yield from _count(f"{where}.plainBytes", content.plain_bytes, content.HasField("plain_bytes"))


def _pattern(where: str, found: str, pattern: re.Pattern[str], wanted: str) -> Iterator[str]:
    if not pattern.fullmatch(found):
        yield f"{where}: {wanted} is wanted"


def _digest(where: str, found: str) -> Iterator[str]:
    try:
        parse_digest(found)
    except BadDigest:
        yield f"{where}: `sha256:` and 64 lower-case hexadecimal digits are wanted"


def _time(where: str, found: str) -> Iterator[str]:
    """Accept an absent time too: evidence need not state one."""
    if not found:
        return
    if not _TIME.fullmatch(found) or not _is_date(found):
        yield f"{where}: a time such as `2024-05-06T07:08:09Z` is wanted"


def _is_date(time: str) -> bool:
    try:
        datetime.fromisoformat(time[:19])
    except ValueError:
        return False
    return True


def _count(where: str, found: int, present: bool = True) -> Iterator[str]:
    if not present or not 0 <= found <= MAX_SAFE_INTEGER:
        yield f"{where}: a count of 0 or more is wanted"
