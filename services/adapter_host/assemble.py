"""Makes indexes, README and manifest of a bundle: a pure function of parts and what the planner knows.

Invariants: the order and number of the shards do not show; two files of one path are refused; manifest and
indexes keep every rule that a verifier holds them against.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from stellaops.export.bundle.v1.index_pb2 import Index
from stellaops.export.bundle.v1.manifest_pb2 import (
    Manifest,
    ManifestAdapter,
    ManifestCodec,
    ManifestContent,
    ManifestInputs,
    ManifestLedger,
    ManifestProfile,
    ManifestSelectors,
)
from stellaops.export.v1.digests_pb2 import BlobRef
from stellaops.export.v1.selectors_pb2 import Selector
from stellaops.export.work.v1.work_pb2 import (
    AdaptSpec,
    BundleLayout,
    LayoutFile,
    ManifestHeader,
    Part,
    ShardOutput,
)

from libs.common.bundle import index, layout, manifest
from libs.common.bundle.json_form import to_canonical_json
from libs.common.bundle.readme import render_readme
from libs.common.bundle.strict_json import MAX_JSON_BYTES
from libs.common.digests import sha256_digest
from libs.common.errors import Internal, TooLarge
from services.adapter_host.adapters.base import About
from services.adapter_host.indexes import make_indexes
from services.adapter_host.messages import kind_names

LEDGER = "ledger"  # the system of the input that the manifest states


@dataclass(frozen=True, slots=True)
class Unsigned:
    """A bundle without signatures: its layout, its manifest, and the bytes of the files that are new."""

    layout: BundleLayout
    manifest: bytes
    listed: tuple[ManifestContent, ...]
    texts: tuple[bytes, ...]


def assemble(
    tenant: str, about: About, spec: AdaptSpec, header: ManifestHeader, outputs: Sequence[ShardOutput]
) -> Unsigned:
    """Return the bundle that the shards make."""
    parts = [part for output in outputs for part in output.parts]
    _check_paths(parts)
    indexes = make_indexes(parts)
    texts = {path: _json(path, one) for path, one in indexes.items()}
    made = _header(tenant, about, spec, header)
    made.contents.extend(_content(part) for part in parts)
    made.contents.extend(manifest.content_of(path, data) for path, data in texts.items())
    made.contents.sort(key=_path)
    texts[layout.README] = render_readme(made)
    made.contents.append(manifest.content_of(layout.README, texts[layout.README]))
    made.contents.sort(key=_path)
    made.rerun_hash = manifest.rerun_hash(made.contents)
    _check(made, indexes)
    listed = tuple(made.contents)
    texts[layout.MANIFEST] = _json(layout.MANIFEST, made)
    return Unsigned(_layout(parts, texts), texts[layout.MANIFEST], listed, tuple(texts.values()))


def _check_paths(parts: Iterable[Part]) -> None:
    seen: set[str] = set()
    for part in parts:
        if part.path in seen:
            reason = f"two parts have the path `{part.path}`: a range came twice, or two keys have one hash"
            raise Internal(part="the assembly", reason=reason)
        seen.add(part.path)


def _check(made: Manifest, indexes: Mapping[str, Index]) -> None:
    """Refuse to make what a verifier would refuse."""
    faults = [f"`{layout.MANIFEST}` would have a fault at {fault}" for fault in manifest.faults(made)]
    contents = {content.path: content for content in made.contents}
    for path, one in indexes.items():
        faults += [
            f"`{path}` would have a fault at {fault}" for fault in index.faults(one, one.kind, contents)
        ]
    if faults:
        raise Internal(part="the assembly", reason=faults[0])


def _header(tenant: str, about: About, spec: AdaptSpec, header: ManifestHeader) -> Manifest:
    return Manifest(
        schema=manifest.SCHEMA,
        version=manifest.VERSION,
        export_id=header.export_id,
        profile=ManifestProfile(
            kind=spec.kind, variant=spec.variant, name=header.profile, revision=header.revision
        ),
        tenant=tenant,
        selectors=_selectors(spec),
        generated_at=_time(header, "generated_at"),
        inputs=ManifestInputs(ledger=_ledger(header)),
        adapter=ManifestAdapter(name=about.name, version=about.version, schema=about.schema),
        codec=ManifestCodec(name=spec.codec.name, level=spec.codec.level, library=spec.codec.library),
    )


def _selectors(spec: AdaptSpec) -> ManifestSelectors:
    """Return what was selected; lists are sets, so they are sorted."""
    selector: Selector = spec.selector
    return ManifestSelectors(
        kinds=sorted(set(kind_names("spec.include", spec.include))),
        sources=sorted(set(selector.sources)),
        ecosystems=sorted(set(selector.ecosystems)),
        packages=sorted(set(selector.packages)),
        ids=sorted(set(selector.ids)),
        modified_since=_time(selector, "modified_since"),
        modified_until=_time(selector, "modified_until"),
    )


def _ledger(header: ManifestHeader) -> ManifestLedger:
    for pinned in header.inputs:
        if pinned.system == LEDGER:
            return ManifestLedger(digest=pinned.digest, as_of=_time(pinned, "as_of"), records=pinned.records)
    raise Internal(part="the assembly", reason="the work names no ledger snapshot as input")


def _time(message: Message, field: str) -> str:
    moment: Timestamp = getattr(message, field)
    return moment.ToJsonString() if message.HasField(field) else ""


def _content(part: Part) -> ManifestContent:
    return ManifestContent(
        path=part.path,
        digest=part.digest,
        bytes=part.bytes,
        content_type=layout.content_type(part.path),
        records=part.records,
        plain_bytes=part.plain_bytes,
    )


def _layout(parts: Iterable[Part], texts: dict[str, bytes]) -> BundleLayout:
    """Return which blobs make up which file."""
    made = BundleLayout()
    for part in parts:
        pieces = [
            BlobRef(digest=segment.stored_digest, bytes=segment.stored_bytes) for segment in part.segments
        ]
        made.files.add(path=part.path, digest=part.digest, bytes=part.bytes, pieces=pieces)
    for path, data in texts.items():
        whole = BlobRef(digest=sha256_digest(data), bytes=len(data))
        made.files.add(path=path, digest=whole.digest, bytes=whole.bytes, pieces=[whole])
    made.files.sort(key=_path)
    return made


def _json(path: str, message: Manifest | Index) -> bytes:
    data = to_canonical_json(message)
    if len(data) > MAX_JSON_BYTES:
        raise TooLarge(what=f"`{path}` for the selected evidence", limit=f"{MAX_JSON_BYTES} bytes")
    return data


def _path(file: ManifestContent | LayoutFile) -> str:
    return file.path
