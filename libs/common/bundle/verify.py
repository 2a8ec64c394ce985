"""Verifies a whole bundle: signatures, manifest, every file, every segment, and that nothing else is there.

Pure over a `BundleSource`: bytes are asked for path by path, streamed, and never held beyond named limits.
Keys are the caller's; the copy inside the bundle is compared, never trusted. What could not be checked is
`not-run`, which is not passed.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence

from stellaops.export.bundle.v1.manifest_pb2 import Manifest

from libs.common.bundle import layout, manifest
from libs.common.bundle.checks import Check, compared, failed, not_run, passed
from libs.common.bundle.contents import BUNDLE, ContentChecks
from libs.common.bundle.dsse import MAX_ENVELOPE_BYTES
from libs.common.bundle.faults import BadBundle, BadForm
from libs.common.bundle.json_form import from_json
from libs.common.bundle.keys import PublicKey
from libs.common.bundle.reading import BundleSource, read_whole
from libs.common.bundle.signed import SignatureChecks, provenance_checks
from libs.common.bundle.strict_json import MAX_JSON_BYTES, MAX_PROVENANCE_BYTES

MAX_SIGNATURE_BYTES = 16 * 1024  # base64 of an RSA signature of 8,192 bits has 1.4 KiB, a key in PEM as much
MAX_SIGSTORE_BYTES = 2 * MAX_SIGNATURE_BYTES  # it has a signature too, not the file that was signed
_LIMITS = {
    layout.MANIFEST: MAX_JSON_BYTES,
    layout.PROVENANCE: MAX_PROVENANCE_BYTES,
    layout.SIGNATURE: MAX_SIGNATURE_BYTES,
    layout.MANIFEST_ENVELOPE: MAX_ENVELOPE_BYTES,
    layout.PROVENANCE_ENVELOPE: MAX_ENVELOPE_BYTES,
    layout.SIGSTORE_BUNDLE: MAX_SIGSTORE_BYTES,
    layout.PUBLIC_KEY: MAX_SIGNATURE_BYTES,
}
_ENVELOPES = (layout.MANIFEST_ENVELOPE, layout.PROVENANCE_ENVELOPE)


def verify(source: BundleSource, keys: Sequence[PublicKey]) -> list[Check]:
    """Return every check of the bundle in `source`, its signatures held against the trusted `keys`."""
    return list(iter_checks(source, keys))


def iter_checks(source: BundleSource, keys: Sequence[PublicKey]) -> Iterator[Check]:
    """Yield the checks one by one, as they are made."""
    try:
        present = _present(source)
    except BadBundle as error:
        yield failed("archive", BUNDLE, str(error))
        return
    listed, is_signed = yield from _signed_checks(source, present, keys)
    if listed is None:
        yield not_run(
            "contents", BUNDLE, "without a valid manifest there is nothing to hold the files against"
        )
        return
    contents = {content.path: content for content in listed.contents}
    checks = ContentChecks(source, contents, present)
    yield from checks.all() if is_signed else checks.unsigned()


def _present(source: BundleSource) -> dict[str, int]:
    tree = layout.Tree()
    present: dict[str, int] = {}
    for path, size in source.files():
        tree.add(path)
        present[path] = size
    return present


class _Unlisted(Mapping[str, bytes]):
    """The files that the manifest does not list; envelopes, each needed once, are read when they are."""

    def __init__(self, source: BundleSource, present: Mapping[str, int]) -> None:
        self._source = source
        self._present = present
        self._held: dict[str, bytes] = {}
        self._later: set[str] = set()

    def checks(self) -> Iterator[Check]:
        """Read what is held, and yield what is wrong with any."""
        for path in sorted(layout.UNLISTED):
            if path not in self._present:
                yield failed("present", path, "the file is missing; every bundle has it")
            elif path in _ENVELOPES and self._present[path] <= _LIMITS[path]:
                self._later.add(path)
            else:
                try:
                    self._held[path] = self._read(path)
                except BadBundle as error:
                    yield failed("readable", path, error.reason)

    def __getitem__(self, path: str) -> bytes:
        return self._read(path) if path in self._later else self._held[path]

    def __iter__(self) -> Iterator[str]:
        return iter(self._held.keys() | self._later)

    def __len__(self) -> int:
        return len(self._held) + len(self._later)

    def __contains__(self, path: object) -> bool:
        return path in self._held or path in self._later

    def _read(self, path: str) -> bytes:
        return read_whole(self._source, path, _LIMITS[path], self._present[path])


def _signed_checks(
    source: BundleSource, present: Mapping[str, int], keys: Sequence[PublicKey]
) -> Generator[Check, None, tuple[Manifest | None, bool]]:
    """Check what the manifest does not list.

    Return the manifest, where contents can be held against it, and whether a trusted key has signed it.
    """
    files = _Unlisted(source, present)
    yield from files.checks()
    found = yield from _manifest_checks(files.get(layout.MANIFEST))
    signatures = SignatureChecks(files, keys)
    yield from signatures.all()
    yield from provenance_checks(files.get(layout.PROVENANCE), files.get(layout.MANIFEST), found)
    return found, signatures.is_manifest_signed


def _manifest_checks(raw: bytes | None) -> Generator[Check, None, Manifest | None]:
    path = layout.MANIFEST
    if raw is None:
        yield not_run("manifest", path, "the file cannot be read")
        return None
    try:
        found = from_json(raw, Manifest)
    except BadForm as error:
        yield failed("manifest", path, str(error))
        return None
    faults = manifest.faults(found)
    if faults:
        yield failed("manifest", path, "; ".join(faults))
        return None
    yield passed("manifest", path, _summary(found))
    yield compared("rerun-hash", path, found.rerun_hash, manifest.rerun_hash(found.contents))
    return found


def _summary(found: Manifest) -> str:
    """Say which export this is: an older one is whole too, and only who reads this can know of a newer."""
    profile = f"{found.profile.name}@{found.profile.revision}"
    as_of = found.generated_at or "no stated time"
    files = f"{len(found.contents)} files"
    return f"export {found.export_id} of {found.tenant}, {profile}, evidence of {as_of}, {files}"
