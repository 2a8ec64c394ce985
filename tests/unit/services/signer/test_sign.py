from __future__ import annotations

import base64
import dataclasses
import hashlib
from pathlib import Path

import pytest
from stellaops.export.bundle.v1.provenance_pb2 import Statement
from stellaops.export.work.v1.work_pb2 import BundleLayout

from libs.common.blobs.store import Blob, Blobs
from libs.common.bundle import layout
from libs.common.bundle.dsse import decode_envelope
from libs.common.bundle.json_form import from_json, to_canonical_json
from libs.common.bundle.keys import PublicKey, load_public_key
from libs.common.bundle.sigstore import MessageSignature, decode_bundle
from libs.common.errors import BlobMissing, ExportError, Internal, KeyUnusable, TooLarge
from services.signer.providers.base import SigningKey
from services.signer.sign import MAX_LAYOUT_BYTES, SignOrder, sign
from services.signer.statement import Material
from tests.kit.signing import (
    BUILDER,
    FILES,
    MATERIALS,
    load_bundle,
    make_key_folder,
    make_manifest,
    store_unsigned,
)


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> SigningKey:
    return make_key_folder(tmp_path_factory.mktemp("key")).provider.create()


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(f"file://{tmp_path / 'blobs'}", "exports")


async def signed_files(blobs: Blobs, key: SigningKey) -> dict[str, bytes]:
    order = await store_unsigned(blobs)
    signed = await sign(order, key, blobs, BUILDER)
    return await load_bundle(blobs, order.tenant, signed.layout.digest)


async def refused(order: SignOrder, key: SigningKey, blobs: Blobs) -> ExportError:
    with pytest.raises(ExportError) as caught:
        await sign(order, key, blobs, BUILDER)
    return caught.value


async def test_a_signed_bundle_has_the_unsigned_files_and_all_proofs_in_order(
    blobs: Blobs, key: SigningKey
) -> None:
    files = await signed_files(blobs, key)
    assert list(files) == sorted({*FILES, *layout.UNLISTED})


async def test_the_unsigned_files_are_left_as_they_are(blobs: Blobs, key: SigningKey) -> None:
    files = await signed_files(blobs, key)
    assert {path: files[path] for path in FILES} == FILES
    assert files[layout.MANIFEST] == to_canonical_json(make_manifest())


async def test_the_layout_names_every_file_by_its_bytes(blobs: Blobs, key: SigningKey) -> None:
    order = await store_unsigned(blobs)
    signed = await sign(order, key, blobs, BUILDER)
    stored = BundleLayout.FromString(await blobs.get("acme", signed.layout.digest))
    files = await load_bundle(blobs, "acme", signed.layout.digest)
    for file in stored.files:
        assert file.digest == f"sha256:{hashlib.sha256(files[file.path]).hexdigest()}"
        assert file.bytes == len(files[file.path])


async def test_signing_again_gives_the_same_bytes(blobs: Blobs, key: SigningKey) -> None:
    order = await store_unsigned(blobs)
    assert await sign(order, key, blobs, BUILDER) == await sign(order, key, blobs, BUILDER)


async def test_another_run_on_the_same_inputs_gives_the_same_bytes(blobs: Blobs, key: SigningKey) -> None:
    first = await sign(await store_unsigned(blobs, run="run-0001"), key, blobs, BUILDER)
    second = await sign(await store_unsigned(blobs, run="run-0002", attempt=7), key, blobs, BUILDER)
    assert first == second


async def test_the_order_of_the_materials_does_not_matter(blobs: Blobs, key: SigningKey) -> None:
    order = await store_unsigned(blobs)
    turned = dataclasses.replace(order, materials=MATERIALS[::-1])
    assert await sign(order, key, blobs, BUILDER) == await sign(turned, key, blobs, BUILDER)


async def test_the_detached_signature_is_base64_without_a_line_end_over_the_manifest(
    blobs: Blobs, key: SigningKey
) -> None:
    files = await signed_files(blobs, key)
    text = files[layout.SIGNATURE]
    assert not text.endswith(b"\n")
    assert key.public.verifies(base64.b64decode(text, validate=True), files[layout.MANIFEST])


async def test_the_sigstore_bundle_holds_the_detached_signature_and_the_hint(
    blobs: Blobs, key: SigningKey
) -> None:
    files = await signed_files(blobs, key)
    bundle = decode_bundle(files[layout.SIGSTORE_BUNDLE])
    assert bundle.hint == key.public.hint
    assert bundle.content == MessageSignature(
        hashlib.sha256(files[layout.MANIFEST]).digest(), base64.b64decode(files[layout.SIGNATURE])
    )


@pytest.mark.parametrize(
    ("path", "subject", "payload_type"),
    [
        (layout.MANIFEST_ENVELOPE, layout.MANIFEST, "application/vnd.stellaops.export.manifest+json"),
        (layout.PROVENANCE_ENVELOPE, layout.PROVENANCE, "application/vnd.in-toto+json"),
    ],
)
async def test_each_envelope_carries_its_file_and_a_signature_that_verifies(
    blobs: Blobs, key: SigningKey, path: str, subject: str, payload_type: str
) -> None:
    files = await signed_files(blobs, key)
    envelope = decode_envelope(files[path])
    assert (envelope.payload_type, envelope.payload) == (payload_type, files[subject])
    assert [key.public.verifies(one, envelope.signed_bytes()) for one in envelope.signatures] == [True]


async def test_an_envelope_states_no_keyid_since_cosign_would_skip_the_signature(
    blobs: Blobs, key: SigningKey
) -> None:
    files = await signed_files(blobs, key)
    assert b"keyid" not in files[layout.PROVENANCE_ENVELOPE] + files[layout.MANIFEST_ENVELOPE]


async def test_the_provenance_is_about_the_manifest(blobs: Blobs, key: SigningKey) -> None:
    files = await signed_files(blobs, key)
    statement = from_json(files[layout.PROVENANCE], Statement)
    digest = hashlib.sha256(files[layout.MANIFEST]).hexdigest()
    assert [(one.name, dict(one.digest)) for one in statement.subject] == [
        ("export.json", {"sha256": digest})
    ]


async def test_the_public_key_travels_with_the_bundle(blobs: Blobs, key: SigningKey) -> None:
    files = await signed_files(blobs, key)
    assert load_public_key(files[layout.PUBLIC_KEY]).hint == key.public.hint


async def test_a_manifest_of_another_tenant_is_not_signed(blobs: Blobs, key: SigningKey) -> None:
    order = await store_unsigned(blobs)
    foreign = await blobs.put("acme", to_canonical_json(make_manifest("other")))
    error = await refused(dataclasses.replace(order, manifest=foreign), key, blobs)
    assert isinstance(error, Internal)


async def test_a_manifest_with_a_fault_is_not_signed_and_the_fault_is_named(
    blobs: Blobs, key: SigningKey
) -> None:
    order = await store_unsigned(blobs)
    faulty = make_manifest()
    faulty.version = "2.0.0"
    blob = await blobs.put("acme", to_canonical_json(faulty))
    error = await refused(dataclasses.replace(order, manifest=blob), key, blobs)
    assert "$.version" in error.message


@pytest.mark.parametrize("raw", [b"", b"[]", b'{"a":1}', b"\xff"])
async def test_what_is_no_manifest_is_not_signed(blobs: Blobs, key: SigningKey, raw: bytes) -> None:
    order = await store_unsigned(blobs)
    error = await refused(dataclasses.replace(order, manifest=await blobs.put("acme", raw)), key, blobs)
    assert "export.json" in error.message


@pytest.mark.parametrize("change", ["missing", "surplus", "other bytes", "twice"])
async def test_a_layout_that_differs_from_the_manifest_is_not_signed(
    blobs: Blobs, key: SigningKey, change: str
) -> None:
    order = await store_unsigned(blobs)
    found = BundleLayout.FromString(await blobs.get("acme", order.layout.digest))
    if change == "missing":
        del found.files[0]
    elif change == "surplus":
        found.files.add(path="zzz.json", digest=found.files[0].digest, bytes=1)
    elif change == "twice":
        found.files.append(found.files[0])
    else:
        found.files[0].digest = found.files[1].digest
    blob = await blobs.put("acme", found.SerializeToString())
    error = await refused(dataclasses.replace(order, layout=blob), key, blobs)
    assert "layout" in error.message


async def test_a_source_that_provenance_cannot_state_is_refused_by_name(
    blobs: Blobs, key: SigningKey
) -> None:
    order = await store_unsigned(blobs)
    nameless = dataclasses.replace(order, materials=(Material("osv", "stella:osv", "none", 1, ""),))
    assert "`osv`" in (await refused(nameless, key, blobs)).message


async def test_a_layout_over_the_limit_is_not_read(blobs: Blobs, key: SigningKey) -> None:
    order = await store_unsigned(blobs)
    large = dataclasses.replace(order, layout=Blob(order.layout.digest, MAX_LAYOUT_BYTES + 1))
    assert isinstance(await refused(large, key, blobs), TooLarge)


async def test_a_missing_blob_is_named(blobs: Blobs, key: SigningKey) -> None:
    order = await store_unsigned(blobs)
    gone = dataclasses.replace(order, manifest=Blob(f"sha256:{'0' * 64}", 10))
    error = await refused(gone, key, blobs)
    assert isinstance(error, BlobMissing)


@dataclasses.dataclass(frozen=True)
class FaultyKey:
    """A key whose hardware flips a bit."""

    reference: str
    public: PublicKey
    good: SigningKey

    def sign(self, message: bytes) -> bytes:
        signature = self.good.sign(message)
        return signature[:-1] + bytes([signature[-1] ^ 1])


async def test_a_signature_that_does_not_verify_never_leaves(blobs: Blobs, key: SigningKey) -> None:
    order = await store_unsigned(blobs)
    faulty = FaultyKey(key.reference, key.public, key)
    assert isinstance(await refused(order, faulty, blobs), KeyUnusable)
