"""What the signer makes is what the verifier accepts."""

from __future__ import annotations

from stellaops.export.bundle.v1.manifest_pb2 import Manifest

from libs.common.bundle import layout
from libs.common.bundle.checks import Outcome
from libs.common.bundle.json_form import from_json, to_canonical_json
from libs.common.bundle.keys import PublicKey
from libs.common.bundle.verify import verify
from libs.common.digests import sha256_digest
from services.signer.sign import proofs
from services.signer.statement import Material, provenance
from tests.kit import bundles

MATERIALS = (Material("ledger/advisory/osv-go", "stella:ledger/advisory/osv-go", sha256_digest(b""), 9, ""),)


class Key:
    """The kit's key as a provider offers one."""

    reference = "kit:1"

    @property
    def public(self) -> PublicKey:
        return bundles.KEY.public

    def sign(self, message: bytes) -> bytes:
        return bundles.KEY.sign(message)


def test_a_bundle_signed_by_the_signer_passes_every_check() -> None:
    files = bundles.assemble(bundles.make_parts(bundles.some_records()))
    raw = files[layout.MANIFEST]
    manifest = from_json(raw, Manifest)
    statement = provenance(manifest, sha256_digest(raw), MATERIALS, "https://builder.example/v1")
    signed = {**files, **proofs(raw, to_canonical_json(statement), Key())}
    checks = verify(bundles.MemorySource(signed), [bundles.KEY.public])
    assert [check for check in checks if check.outcome is not Outcome.PASSED] == []
