"""Makes what proves a bundle: provenance, envelopes and signatures, from the manifest and one key.

Invariant: the same work and the same key give the same bytes, however often and wherever it is done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from google.protobuf.message import DecodeError
from stellaops.export.bundle.v1.manifest_pb2 import Manifest
from stellaops.export.work.v1.work_pb2 import BundleLayout, LayoutFile

from libs.common.blobs.store import Blob, Blobs
from libs.common.bundle import layout
from libs.common.bundle.dsse import (
    MANIFEST_PAYLOAD_TYPE,
    STATEMENT_PAYLOAD_TYPE,
    Envelope,
    encode_envelope,
    pae,
)
from libs.common.bundle.faults import BadBundle
from libs.common.bundle.json_form import from_json, to_canonical_json
from libs.common.bundle.manifest import faults
from libs.common.bundle.sigstore import MessageSignature, SigstoreBundle, encode_bundle
from libs.common.bundle.strict_json import MAX_JSON_BYTES, MAX_PROVENANCE_BYTES, to_base64
from libs.common.digests import sha256_digest
from libs.common.errors import Internal, KeyUnusable, TooLarge
from libs.common.points import reached
from services.signer.providers.base import SigningKey
from services.signer.statement import BadMaterial, Material, provenance

# As many pieces as the largest index has segments (75,000 of about 80 bytes), companions, files, and room.
MAX_LAYOUT_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class SignOrder:
    """One attempt of a run whose bundle is to be signed."""

    tenant: str
    run: str
    attempt: int
    manifest: Blob
    layout: Blob
    materials: tuple[Material, ...]


@dataclass(frozen=True, slots=True)
class SignedBundle:
    """A bundle with provenance and signatures: the blob of its layout, and the digest of its provenance."""

    layout: Blob
    provenance_digest: str


async def sign(order: SignOrder, key: SigningKey, blobs: Blobs, builder_id: str) -> SignedBundle:
    """Sign, store every new file and the layout that holds them all; done again, it changes nothing."""
    manifest_bytes = await _read(blobs, order.tenant, order.manifest, MAX_JSON_BYTES, layout.MANIFEST)
    layout_bytes = await _read(blobs, order.tenant, order.layout, MAX_LAYOUT_BYTES, "the layout")
    # A manifest of the largest size takes seconds to read, in which the bus must hear that work goes on.
    unsigned, statement = await asyncio.to_thread(_checked, manifest_bytes, layout_bytes, order, builder_id)
    files = await asyncio.to_thread(proofs, manifest_bytes, statement, key)
    reached("signer.signed")
    signed = BundleLayout(files=unsigned.files)
    stored_files = await blobs.put_all(order.tenant, files.values())
    for path, blob in zip(files, stored_files, strict=True):
        file = signed.files.add(path=path, digest=blob.digest, bytes=blob.size)
        file.pieces.add(digest=blob.digest, bytes=blob.size)
    signed.files.sort(key=_path)
    stored = await blobs.put(order.tenant, signed.SerializeToString(deterministic=True))
    return SignedBundle(stored, sha256_digest(statement))


def _checked(
    manifest_bytes: bytes, layout_bytes: bytes, order: SignOrder, builder_id: str
) -> tuple[BundleLayout, bytes]:
    """Return the layout and the provenance of a bundle that may be signed."""
    unsigned = _layout(layout_bytes)
    manifest = _manifest(manifest_bytes, order)
    _check_layout(unsigned, manifest, order.manifest)
    statement = _statement(manifest, order, builder_id)
    if len(statement) > MAX_PROVENANCE_BYTES:
        raise TooLarge(what=layout.PROVENANCE, limit=f"{MAX_PROVENANCE_BYTES} bytes")
    return unsigned, statement


def proofs(manifest: bytes, statement: bytes, key: SigningKey) -> Mapping[str, bytes]:
    """Return the files that prove `export.json`, by path."""
    signature = _signature(key, manifest)
    return {
        layout.PROVENANCE: statement,
        layout.SIGNATURE: to_base64(signature).encode("ascii"),
        layout.SIGSTORE_BUNDLE: encode_bundle(_sigstore_bundle(manifest, signature, key)),
        layout.MANIFEST_ENVELOPE: _envelope(key, MANIFEST_PAYLOAD_TYPE, manifest),
        layout.PROVENANCE_ENVELOPE: _envelope(key, STATEMENT_PAYLOAD_TYPE, statement),
        layout.PUBLIC_KEY: key.public.pem,
    }


def _sigstore_bundle(manifest: bytes, signature: bytes, key: SigningKey) -> SigstoreBundle:
    digest = bytes.fromhex(sha256_digest(manifest).removeprefix("sha256:"))
    return SigstoreBundle(key.public.hint, MessageSignature(digest, signature))


def _envelope(key: SigningKey, payload_type: str, payload: bytes) -> bytes:
    return encode_envelope(Envelope(payload_type, payload, (_signature(key, pae(payload_type, payload)),)))


def _signature(key: SigningKey, message: bytes) -> bytes:
    signature = key.sign(message)
    # A fault while a deterministic ECDSA signature is computed can give the key away: that one never leaves.
    if not key.public.verifies(signature, message):
        raise KeyUnusable(key=key.reference, reason="it made a signature that its public key does not verify")
    return signature


async def _read(blobs: Blobs, tenant: str, blob: Blob, limit: int, name: str) -> bytes:
    size = await blobs.size(tenant, blob.digest)
    if max(blob.size, size or 0) > limit:
        raise TooLarge(what=name, limit=f"{limit} bytes")
    return await blobs.get(tenant, blob.digest)


def _manifest(raw: bytes, order: SignOrder) -> Manifest:
    """Return the manifest if it is one that may be signed for the tenant of the work."""
    try:
        manifest = from_json(raw, Manifest)
    except BadBundle as error:
        raise _refused(f"`{layout.MANIFEST}` has a fault at {error}") from error
    if found := faults(manifest):
        raise _refused(f"`{layout.MANIFEST}` has a fault at {found[0]}")
    if manifest.tenant != order.tenant:
        raise _refused(f"`{layout.MANIFEST}` belongs to another tenant than the work")
    return manifest


def _layout(raw: bytes) -> BundleLayout:
    try:
        return BundleLayout.FromString(raw)
    except DecodeError as error:
        raise _refused("the layout is not a BundleLayout") from error


def _check_layout(found: BundleLayout, manifest: Manifest, manifest_blob: Blob) -> None:
    """Refuse a layout that holds anything but the manifest and exactly what it lists."""
    listed = {entry.path: (entry.digest, entry.bytes) for entry in manifest.contents}
    listed[layout.MANIFEST] = (manifest_blob.digest, manifest_blob.size)
    held = {file.path: (file.digest, file.bytes) for file in found.files}
    if len(held) != len(found.files):
        raise _refused("the layout names a file twice")
    for path in sorted(listed.keys() | held.keys()):
        if listed.get(path) != held.get(path):
            raise _refused(f"the layout and `{layout.MANIFEST}` do not agree on `{path}`")


def _statement(manifest: Manifest, order: SignOrder, builder_id: str) -> bytes:
    try:
        return to_canonical_json(provenance(manifest, order.manifest.digest, order.materials, builder_id))
    except BadMaterial as error:
        raise _refused(str(error)) from error


def _path(file: LayoutFile) -> str:
    return file.path


def _refused(reason: str) -> Internal:
    """Return the error for work that no correct planner or adapter host sends."""
    return Internal(part="the work before signing", reason=reason)
