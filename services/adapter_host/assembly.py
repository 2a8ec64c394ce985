"""Reads what the shards made, assembles the bundle, and stores what is new of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from google.protobuf.message import DecodeError
from stellaops.export.v1.digests_pb2 import BlobRef
from stellaops.export.work.v1.work_pb2 import AdaptSpec, BundleLayout, ManifestHeader, ShardOutput

from libs.common.blobs.store import Blob, Blobs
from libs.common.digests import sha256_digest
from libs.common.errors import BlobCorrupt, BlobMissing, TooLarge
from libs.common.points import reached
from services.adapter_host.adapters.base import About
from services.adapter_host.ahead import ask_each
from services.adapter_host.assemble import assemble

# 300,000 segments in one shard; shards are of some parts each.
MAX_SHARD_OUTPUT_BYTES = 64 * 1024 * 1024


NOTE_FORM = "assembly/1"  # changes with the form of the note


@dataclass(frozen=True, slots=True)
class Assembled:
    """A bundle without signatures: blobs of manifest and layout; number and length of the files it lists."""

    manifest: Blob
    layout: Blob
    files: int
    bytes: int


class _Note(msgspec.Struct, frozen=True):
    manifest: Blob
    layout: Blob
    files: int
    bytes: int


_write_note = msgspec.json.Encoder().encode
_read_note = msgspec.json.Decoder(_Note).decode


async def run_assembly(
    tenant: str,
    about: About,
    spec: AdaptSpec,
    header: ManifestHeader,
    shards: Sequence[BlobRef],
    blobs: Blobs,
) -> Assembled:
    """Assemble and store; done again, it changes nothing, and costs a note and a look at each blob."""
    name = _note_name(about, spec, header, shards)
    known = await _remembered(blobs, tenant, name)
    if known is not None:
        return known

    async def output(reference: BlobRef) -> ShardOutput:
        return await _output(blobs, tenant, reference)

    outputs = await ask_each(output, shards)
    made = await asyncio.to_thread(assemble, tenant, about, spec, header, outputs)
    *_, manifest = await blobs.put_all(tenant, (*made.texts, made.manifest))
    reached("adapter.texts_stored")
    # A shard may have been made by an earlier run, and what it made may be gone.
    missing = await blobs.missing(tenant, await asyncio.to_thread(_pieces, made.layout))
    if missing:
        raise BlobMissing(digest=min(missing))
    layout = await blobs.put(tenant, made.layout.SerializeToString(deterministic=True))
    reached("adapter.layout_stored")
    size = sum(content.bytes for content in made.listed)
    await blobs.note_put(tenant, name, _write_note(_Note(manifest, layout, len(made.listed), size)))
    return Assembled(manifest=manifest, layout=layout, files=len(made.listed), bytes=size)


def _note_name(about: About, spec: AdaptSpec, header: ManifestHeader, shards: Sequence[BlobRef]) -> str:
    """Return the digest of all that the bundle is made from; the snapshot's id is no part of it."""
    evidence = AdaptSpec()
    evidence.CopyFrom(spec)
    evidence.ClearField("snapshot_id")
    inputs = [
        f"{NOTE_FORM}\0{about.name}\0{about.version}\0{about.schema}".encode(),
        evidence.SerializeToString(deterministic=True),
        header.SerializeToString(deterministic=True),
        b"".join(shard.digest.encode("ascii") for shard in shards),
    ]
    return sha256_digest(b"".join(len(part).to_bytes(8, "big") + part for part in inputs))


async def _remembered(blobs: Blobs, tenant: str, name: str) -> Assembled | None:
    """Return the bundle if it was assembled before and all of it is still there."""
    raw = await blobs.note_get(tenant, name)
    if raw is None:
        return None
    try:
        note = _read_note(raw)
    except msgspec.MsgspecError as error:
        raise BlobCorrupt(digest=name) from error
    if not await blobs.exists(tenant, note.layout.digest):
        return None
    layout = BundleLayout.FromString(await blobs.get(tenant, note.layout.digest))
    if await blobs.missing(tenant, await asyncio.to_thread(_pieces, layout)):
        return None
    return Assembled(note.manifest, note.layout, note.files, note.bytes)


def _pieces(layout: BundleLayout) -> list[str]:
    return [piece.digest for file in layout.files for piece in file.pieces]


async def _output(blobs: Blobs, tenant: str, reference: BlobRef) -> ShardOutput:
    size = await blobs.size(tenant, reference.digest)
    if (size or 0) > MAX_SHARD_OUTPUT_BYTES:
        raise TooLarge(what="What one shard made", limit=f"{MAX_SHARD_OUTPUT_BYTES} bytes")
    raw = await blobs.get(tenant, reference.digest)
    try:
        return ShardOutput.FromString(raw)
    except DecodeError as error:
        raise BlobCorrupt(digest=reference.digest) from error
