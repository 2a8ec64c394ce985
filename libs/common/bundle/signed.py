"""Checks what the signer made: signatures by trusted keys alone, envelopes, Sigstore bundle, provenance."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence

from stellaops.export.bundle.v1.manifest_pb2 import Manifest
from stellaops.export.bundle.v1.provenance_pb2 import Statement

from libs.common.bundle import layout
from libs.common.bundle.checks import Check, compared, failed, not_run, passed
from libs.common.bundle.dsse import MANIFEST_PAYLOAD_TYPE, STATEMENT_PAYLOAD_TYPE, decode_envelope
from libs.common.bundle.faults import BadBundle, BadForm
from libs.common.bundle.json_form import from_json, to_canonical_json
from libs.common.bundle.keys import PublicKey
from libs.common.bundle.sigstore import MessageSignature, decode_bundle
from libs.common.bundle.strict_json import from_base64
from libs.common.digests import digest_hex, sha256_digest

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://slsa.dev/provenance/v1"

NO_KEY = (
    "no trusted key was given, and the key inside the bundle proves nothing; "
    "get the signer's public key by another way and give it with `--key`"
)
OTHER_KEY = (
    "no trusted key made this signature over {covered}: one of the two was changed, or another key signed"
)


class SignatureChecks:
    """Makes the checks of one bundle's signatures and remembers which trusted keys they held for."""

    def __init__(self, files: Mapping[str, bytes], keys: Sequence[PublicKey]) -> None:
        """Take the unlisted files that can be read, and the keys that the caller trusts."""
        self._files = files
        self._keys = keys
        self._held: dict[str, PublicKey] = {}
        self.is_manifest_signed = False  # as it stands in the bundle, by a trusted key

    def all(self) -> Iterator[Check]:
        """Yield every check, whether or not it can be made."""
        for path, covered, check in (
            (layout.SIGNATURE, layout.MANIFEST, self._detached),
            (layout.MANIFEST_ENVELOPE, layout.MANIFEST, self._manifest_envelope),
            (layout.PROVENANCE_ENVELOPE, layout.PROVENANCE, self._provenance_envelope),
            (layout.SIGSTORE_BUNDLE, layout.MANIFEST, self._sigstore),
        ):
            missing = [needed for needed in (path, covered) if needed not in self._files]
            if missing:
                yield not_run("signature", path, f"{missing[0]} cannot be read")
                continue
            try:
                yield from check(self._files[path], self._files[covered])
            except BadForm as error:
                yield failed("signature", path, str(error))
            except BadBundle as error:
                yield failed("readable", path, error.reason)
        yield self._public_key()

    def _detached(self, raw: bytes, message: bytes) -> Iterator[Check]:
        text = raw.decode("ascii", "replace")
        holder = self._holder(from_base64(text, "$"), message)
        self.is_manifest_signed |= holder is not None
        yield self._signature(layout.SIGNATURE, holder, layout.MANIFEST)

    def _manifest_envelope(self, raw: bytes, payload: bytes) -> Iterator[Check]:
        return self._envelope(layout.MANIFEST_ENVELOPE, raw, MANIFEST_PAYLOAD_TYPE, payload, layout.MANIFEST)

    def _provenance_envelope(self, raw: bytes, payload: bytes) -> Iterator[Check]:
        return self._envelope(
            layout.PROVENANCE_ENVELOPE, raw, STATEMENT_PAYLOAD_TYPE, payload, layout.PROVENANCE
        )

    def _envelope(
        self, path: str, raw: bytes, payload_type: str, payload: bytes, covered: str
    ) -> Iterator[Check]:
        envelope = decode_envelope(raw)
        yield compared("payload-type", path, payload_type, envelope.payload_type)
        if envelope.payload == payload:
            yield passed("payload", path, f"{covered}, byte for byte")
        else:
            yield failed("payload", path, f"the payload is not {covered} as it stands in the bundle")
        if len(envelope.signatures) != 1:
            yield failed("signature", path, f"one signature is wanted, not {len(envelope.signatures)}")
            return
        holder = self._holder(envelope.signatures[0], envelope.signed_bytes())
        if (payload_type, covered) == (
            envelope.payload_type,
            layout.MANIFEST,
        ) and envelope.payload == payload:
            self.is_manifest_signed |= holder is not None
        yield self._signature(path, holder, covered)

    def _sigstore(self, raw: bytes, message: bytes) -> Iterator[Check]:
        path, covered = layout.SIGSTORE_BUNDLE, layout.MANIFEST
        bundle = decode_bundle(raw)
        if not isinstance(bundle.content, MessageSignature):
            yield failed("signature", path, f"a signature over {covered} is wanted, not an envelope")
            return
        wanted, found = hashlib.sha256(message).hexdigest(), bundle.content.digest.hex()
        yield compared("message-digest", path, wanted, found)
        holder = self._holder(bundle.content.signature, message)
        self.is_manifest_signed |= holder is not None
        yield self._signature(path, holder, covered)
        if holder is not None:
            yield compared("key-hint", path, holder.hint, bundle.hint)

    def _holder(self, signature: bytes, message: bytes) -> PublicKey | None:
        """Return the trusted key that made the signature, if one did."""
        for key in self._keys:
            if key.verifies(signature, message):
                self._held[key.hint] = key
                return key
        return None

    def _signature(self, path: str, holder: PublicKey | None, covered: str) -> Check:
        if holder is not None:
            return passed("signature", path, f"{holder.algorithm} key {holder.hint}")
        if not self._keys:
            return not_run("signature", path, NO_KEY)
        hints = " or ".join(key.hint for key in self._keys)
        return failed("signature", path, OTHER_KEY.format(covered=covered), hints)

    def _public_key(self) -> Check:
        path = layout.PUBLIC_KEY
        if path not in self._files:
            return not_run("public-key", path, f"{path} cannot be read")
        if not self._held:
            return not_run("public-key", path, "no signature held, so there is no key to compare it with")
        for key in self._held.values():
            if key.pem == self._files[path]:
                return passed("public-key", path, key.hint)
        return failed(
            "public-key", path, "this is not the trusted key that the signatures hold for; do not use it"
        )


def provenance_checks(
    raw: bytes | None, manifest_raw: bytes | None, manifest: Manifest | None
) -> Iterator[Check]:
    """Yield the checks of the provenance: its form, its subject, and that it tells of the same export."""
    path = layout.PROVENANCE
    if raw is None or manifest_raw is None:
        yield not_run("provenance", path, "provenance or manifest cannot be read")
        return
    try:
        statement = from_json(raw, Statement)
    except BadForm as error:
        yield failed("provenance", path, str(error))
        return
    types = (statement.type, statement.predicate_type)
    yield compared("provenance", path, f"{STATEMENT_TYPE} {PREDICATE_TYPE}", " ".join(types))
    yield compared("subject", path, _subject(manifest_raw), _found_subject(statement))
    if manifest is None:
        yield not_run("same-export", path, "the manifest cannot be read")
    else:
        yield compared("same-export", path, _of_manifest(manifest), _of_statement(statement))
        asked = statement.predicate.build_definition.external_parameters
        yield compared("selectors", path, to_canonical_json(manifest.selectors).decode(), asked.selectors)


def _subject(manifest_raw: bytes) -> str:
    return f"{layout.MANIFEST} sha256 {digest_hex(sha256_digest(manifest_raw))}"


def _found_subject(statement: Statement) -> str:
    return ", ".join(
        f"{subject.name} {algorithm} {subject.digest[algorithm]}"
        for subject in statement.subject
        for algorithm in sorted(subject.digest)
    )


def _of_manifest(manifest: Manifest) -> str:
    profile = manifest.profile
    adapter, export_id = manifest.adapter.name, manifest.export_id
    return f"{manifest.tenant} {profile.name} {profile.revision} {adapter} {export_id}"


def _of_statement(statement: Statement) -> str:
    asked = statement.predicate.build_definition.external_parameters
    export_id = statement.predicate.run_details.metadata.invocation_id
    return f"{asked.tenant} {asked.profile} {asked.revision} {asked.adapter} {export_id}"
