"""Reads what the shards made, assembles the bundle, and stores what is new of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from google.protobuf.message import DecodeError
from stellaops.export.v1.digests_pb2 import BlobRef
from stellaops.export.work.v1.work_pb2 import AdaptSpec, ManifestHeader, ShardOutput

from libs.common.blobs.store import Blob, Blobs
from libs.common.errors import BlobCorrupt, TooLarge
from libs.common.points import reached
from services.adapter_host.adapters.base import About
from services.adapter_host.ahead import ask_each
from services.adapter_host.assemble import assemble

# 300,000 segments in one shard; shards are of some parts each.
MAX_SHARD_OUTPUT_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Assembled:
    """A bundle without signatures: blobs of manifest and layout; number and length of the files it lists."""

    manifest: Blob
    layout: Blob
    files: int
    bytes: int


async def run_assembly(
    tenant: str,
    about: About,
    spec: AdaptSpec,
    header: ManifestHeader,
    shards: Sequence[BlobRef],
    blobs: Blobs,
) -> Assembled:
    """Assemble and store; done again, it changes nothing."""

    async def output(reference: BlobRef) -> ShardOutput:
        return await _output(blobs, tenant, reference)

    outputs = await ask_each(output, shards)
    made = await asyncio.to_thread(assemble, tenant, about, spec, header, outputs)
    for text in made.texts:
        await blobs.put(tenant, text)
    reached("adapter.texts_stored")
    manifest = await blobs.put(tenant, made.manifest)
    layout = await blobs.put(tenant, made.layout.SerializeToString(deterministic=True))
    reached("adapter.layout_stored")
    return Assembled(
        manifest=manifest,
        layout=layout,
        files=len(made.listed),
        bytes=sum(content.bytes for content in made.listed),
    )


async def _output(blobs: Blobs, tenant: str, reference: BlobRef) -> ShardOutput:
    size = await blobs.size(tenant, reference.digest)
    if (size or 0) > MAX_SHARD_OUTPUT_BYTES:
        raise TooLarge(what="What one shard made", limit=f"{MAX_SHARD_OUTPUT_BYTES} bytes")
    raw = await blobs.get(tenant, reference.digest)
    try:
        return ShardOutput.FromString(raw)
    except DecodeError as error:
        raise BlobCorrupt(digest=reference.digest) from error
