"""Makes an unsigned bundle and a fresh key, to be signed by the real code in a folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from stellaops.export.bundle.v1.manifest_pb2 import Manifest
from stellaops.export.v1.digests_pb2 import BlobRef
from stellaops.export.work.v1.work_pb2 import BundleLayout, SignWork, WorkContext

from libs.common.blobs.store import Blobs
from libs.common.bundle import layout, manifest
from libs.common.bundle.json_form import to_canonical_json
from services.signer.providers.file.provider import FileProvider
from services.signer.sign import SignOrder
from services.signer.statement import Material

BUILDER = "https://builder.example/v1"
PASSWORD = "correct horse"
FILES = {"README.md": b"# A bundle\n", "indexes/advisory.index.json": b"{}"}
MATERIALS = (
    Material(
        "ledger/advisory/osv", "stella:ledger/advisory/osv", f"sha256:{'b' * 64}", 12, "2024-05-06T07:08:09Z"
    ),
    Material("ledger/vex/suse", "stella:ledger/vex/suse", f"sha256:{'c' * 64}", 3, ""),
)


def make_manifest(tenant: str = "acme") -> Manifest:
    """Return a manifest of FILES that breaks no rule."""
    made = Manifest(
        schema=manifest.SCHEMA,
        version=manifest.VERSION,
        export_id="export-0001",
        tenant=tenant,
        generated_at="2024-05-06T07:08:09Z",
    )
    made.profile.kind, made.profile.variant = "json", "raw"
    made.profile.name, made.profile.revision = "nightly", "r3"
    made.selectors.sources.extend(["osv", "suse"])
    made.inputs.ledger.digest = f"sha256:{'d' * 64}"
    made.inputs.ledger.as_of = "2024-05-06T07:08:09Z"
    made.inputs.ledger.records = 15
    made.adapter.name, made.adapter.version, made.adapter.schema = "json:raw", "1.2.0", "osv"
    made.codec.name, made.codec.level, made.codec.library = "zstd", 3, "1.5.7"
    made.contents.extend(manifest.content_of(path, data) for path, data in sorted(FILES.items()))
    made.rerun_hash = manifest.rerun_hash(made.contents)
    return made


async def store_unsigned(
    blobs: Blobs, tenant: str = "acme", run: str = "run-0001", attempt: int = 1
) -> SignOrder:
    """Store an unsigned bundle as an adapter host leaves it, and return the order to sign it."""
    unsigned = BundleLayout()
    files = FILES | {layout.MANIFEST: to_canonical_json(make_manifest(tenant))}
    for path, data in sorted(files.items()):
        blob = await blobs.put(tenant, data)
        file = unsigned.files.add(path=path, digest=blob.digest, bytes=blob.size)
        file.pieces.add(digest=blob.digest, bytes=blob.size)
    stored = await blobs.put(tenant, unsigned.SerializeToString(deterministic=True))
    manifest_blob = await blobs.put(tenant, files[layout.MANIFEST])
    return SignOrder(tenant, run, attempt, manifest_blob, stored, MATERIALS)


@dataclass(frozen=True, slots=True)
class KeyFolder:
    """A folder of keys and the file of their password."""

    keys: Path
    password_file: Path

    @property
    def provider(self) -> FileProvider:
        """Return its provider."""
        return FileProvider.from_uri(f"file://{self.keys}", str(self.password_file))


def make_key_folder(folder: Path) -> KeyFolder:
    """Make an empty folder of keys below `folder`."""
    password_file = folder / "password"
    password_file.write_text(f"{PASSWORD}\n", encoding="utf-8")
    (folder / "keys").mkdir()
    return KeyFolder(folder / "keys", password_file)


async def load_bundle(blobs: Blobs, tenant: str, layout_digest: str) -> dict[str, bytes]:
    """Return the files of a stored bundle by path, in the order of its layout."""
    stored = BundleLayout.FromString(await blobs.get(tenant, layout_digest))
    return {
        file.path: b"".join([await blobs.get(tenant, piece.digest) for piece in file.pieces])
        for file in stored.files
    }


def sign_work(order: SignOrder) -> SignWork:
    """Return the message that a planner sends for `order`."""
    work = SignWork(
        context=WorkContext(tenant=order.tenant, run=order.run, attempt=order.attempt, number=1),
        manifest=BlobRef(digest=order.manifest.digest, bytes=order.manifest.size),
        layout=BlobRef(digest=order.layout.digest, bytes=order.layout.size),
    )
    for material in order.materials:
        message = work.materials.add(
            name=material.name, uri=material.uri, digest=material.digest, records=material.records
        )
        if material.as_of:
            message.as_of.FromJsonString(material.as_of)
    return work
