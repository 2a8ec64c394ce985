"""Rules of verifying a bundle whose signer tells the truth, lies, or is not the one that is trusted."""

from __future__ import annotations

import hashlib
import re
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from stellaops.export.bundle.v1.index_pb2 import Index
from stellaops.export.bundle.v1.manifest_pb2 import Manifest, ManifestContent
from stellaops.export.bundle.v1.provenance_pb2 import Statement

from libs.common.bundle import layout
from libs.common.bundle.checks import Check, Outcome, verdict
from libs.common.bundle.dsse import MANIFEST_PAYLOAD_TYPE, STATEMENT_PAYLOAD_TYPE, Envelope, encode_envelope
from libs.common.bundle.keys import PublicKey, public_key
from libs.common.bundle.sigstore import MessageSignature, SigstoreBundle, encode_bundle
from libs.common.bundle.verify import iter_checks, verify
from libs.common.canon.encode import encode
from tests.kit import bundles
from tests.kit.bundles import KEY, OTHER_KEY, Files, MemorySource, Part

TRUSTED = [KEY.public]
ChangeManifest = Callable[[Manifest], None]


def failures(files: Files, keys: list[PublicKey] | None = None) -> list[Check]:
    checks = verify(MemorySource(files), TRUSTED if keys is None else keys)
    return [check for check in checks if check.outcome is Outcome.FAILED]


def named(checks: list[Check]) -> set[tuple[str, str]]:
    return {(check.name, check.target.rpartition("/")[2]) for check in checks}


def test_a_valid_bundle_passes_every_check() -> None:
    checks = verify(MemorySource(bundles.make_bundle()), TRUSTED)
    assert {check.outcome for check in checks} == {Outcome.PASSED}


def test_a_bundle_without_records_passes() -> None:
    assert verdict(verify(MemorySource(bundles.make_bundle([])), TRUSTED)) is Outcome.PASSED


def test_every_file_is_a_target_of_a_check() -> None:
    files = bundles.make_bundle()
    assert {check.target for check in verify(MemorySource(files), TRUSTED)} == {*files, "bundle"}


def test_without_a_key_no_signature_passes_and_the_reason_is_said() -> None:
    checks = verify(MemorySource(bundles.make_bundle()), [])
    signatures = [check for check in checks if check.name in {"signature", "public-key"}]
    assert {check.outcome for check in signatures} == {Outcome.NOT_RUN}
    assert verdict(checks) is Outcome.NOT_RUN
    assert all("--key" in check.detail for check in signatures if check.name == "signature")


def test_another_key_is_not_trusted_because_the_bundle_carries_it() -> None:
    checks = failures(bundles.make_bundle(key=OTHER_KEY))
    assert {check.name for check in checks} == {"signature"}
    assert len(checks) == 4
    assert "no trusted key" in checks[0].detail


def test_nothing_is_unpacked_where_no_trusted_key_signed_the_manifest() -> None:
    files = bundles.make_bundle(key=OTHER_KEY)
    part = next(path for path in files if layout.is_documents_path(path))
    files[part] = bundles.frame(b"other")
    checks = verify(MemorySource(files), TRUSTED)
    assert {check.name for check in checks if check.target == part} == {"size", "digest"}
    left_out = [check for check in checks if (check.name, check.target) == ("segments", "bundle")]
    assert [check.outcome for check in left_out] == [Outcome.NOT_RUN]
    assert "nothing is unpacked" in left_out[0].detail


@pytest.mark.parametrize("path", [layout.SIGNATURE, layout.MANIFEST_ENVELOPE, layout.SIGSTORE_BUNDLE])
def test_one_signature_over_the_manifest_is_enough_to_read_on(path: str) -> None:
    proofs = [layout.SIGNATURE, layout.MANIFEST_ENVELOPE, layout.SIGSTORE_BUNDLE]
    files = bundles.make_bundle() | {other: b"{}" for other in proofs if other != path}
    checks = verify(MemorySource(files), TRUSTED)
    assert "segments" in {check.name for check in checks if check.outcome is Outcome.PASSED}


def test_an_envelope_around_another_manifest_is_not_enough() -> None:
    files = bundles.make_bundle()
    older = bundles.make_bundle(bundles.records(count=2))
    files |= {layout.MANIFEST_ENVELOPE: older[layout.MANIFEST_ENVELOPE]}
    files |= {layout.SIGNATURE: b"", layout.SIGSTORE_BUNDLE: b"{}"}
    checks = verify(MemorySource(files), TRUSTED)
    assert "segments" not in {check.name for check in checks if check.outcome is Outcome.PASSED}


def test_the_manifest_check_says_which_export_it_is() -> None:
    checks = verify(MemorySource(bundles.make_bundle()), TRUSTED)
    (found,) = [check.found for check in checks if check.name == "manifest"]
    assert found.startswith(
        "export exp-0123456789abcdef of acme, nightly@r1, evidence of 2024-05-06T07:08:09Z, "
    )


def test_one_of_several_trusted_keys_is_enough() -> None:
    assert failures(bundles.make_bundle(), [OTHER_KEY.public, KEY.public]) == []


def test_a_bundle_signed_with_another_algorithm_passes() -> None:
    class Edwards(bundles.TestKey):
        def __init__(self) -> None:
            super().__init__()
            self._edwards = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32))
            self.public = public_key(self._edwards.public_key())

        def sign(self, message: bytes) -> bytes:
            return self._edwards.sign(message)

    key = Edwards()
    assert failures(bundles.make_bundle(key=key), [key.public]) == []


def test_a_trusted_key_of_another_kind_does_not_verify() -> None:
    other = public_key(rsa.generate_private_key(65537, 2048).public_key())
    assert named(failures(bundles.make_bundle(), [other])) >= {("signature", "export.sig")}


def test_another_public_key_in_the_bundle_is_named() -> None:
    files = bundles.make_bundle()
    files[layout.PUBLIC_KEY] = OTHER_KEY.public.pem
    assert named(failures(files)) == {("public-key", "cosign.pub")}


def test_an_envelope_with_a_second_signature_fails() -> None:
    files = bundles.make_bundle()
    envelope = Envelope(MANIFEST_PAYLOAD_TYPE, files[layout.MANIFEST], (b"1", b"2"))
    files[layout.MANIFEST_ENVELOPE] = encode_envelope(envelope)
    assert named(failures(files)) == {("signature", "export.dsse.json")}


def test_an_envelope_of_another_type_fails() -> None:
    files = bundles.make_bundle()
    raw = files[layout.MANIFEST]
    files[layout.MANIFEST_ENVELOPE] = bundles.envelope(STATEMENT_PAYLOAD_TYPE, raw)
    assert named(failures(files)) == {("payload-type", "export.dsse.json")}


def test_an_envelope_around_another_payload_fails() -> None:
    files = bundles.make_bundle()
    files[layout.PROVENANCE_ENVELOPE] = bundles.envelope(STATEMENT_PAYLOAD_TYPE, b"{}")
    assert named(failures(files)) == {("payload", "provenance.dsse.json")}


def test_a_sigstore_bundle_around_an_envelope_fails() -> None:
    files = bundles.make_bundle()
    envelope = Envelope(MANIFEST_PAYLOAD_TYPE, files[layout.MANIFEST], (b"1",))
    files[layout.SIGSTORE_BUNDLE] = encode_bundle(SigstoreBundle(KEY.public.hint, envelope))
    assert named(failures(files)) == {("signature", "export.sigstore.json")}


def test_a_sigstore_bundle_with_another_key_s_hint_fails() -> None:
    files = bundles.make_bundle()
    raw = files[layout.MANIFEST]
    message = MessageSignature(hashlib.sha256(raw).digest(), KEY.sign(raw))
    files[layout.SIGSTORE_BUNDLE] = encode_bundle(SigstoreBundle(OTHER_KEY.public.hint, message))
    assert named(failures(files)) == {("key-hint", "export.sigstore.json")}


def test_a_sigstore_bundle_with_another_digest_fails() -> None:
    files = bundles.make_bundle()
    message = MessageSignature(bytes(32), KEY.sign(files[layout.MANIFEST]))
    files[layout.SIGSTORE_BUNDLE] = encode_bundle(SigstoreBundle(KEY.public.hint, message))
    assert named(failures(files)) == {("message-digest", "export.sigstore.json")}


def change_subject(statement: Statement) -> None:
    statement.subject[0].digest["sha256"] = "0" * 64


def add_subject(statement: Statement) -> None:
    statement.subject.add(name="other", digest={"sha256": "0" * 64})


def change_tenant(statement: Statement) -> None:
    statement.predicate.build_definition.external_parameters.tenant = "other"


def change_selectors(statement: Statement) -> None:
    statement.predicate.build_definition.external_parameters.selectors = "{}"


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (change_subject, "subject"),
        (add_subject, "subject"),
        (change_tenant, "same-export"),
        (change_selectors, "selectors"),
        (lambda statement: setattr(statement, "predicate_type", "https://example.org"), "provenance"),
        (lambda statement: setattr(statement, "type", "https://example.org"), "provenance"),
    ],
)
def test_signed_provenance_of_something_else_fails(change: Callable[[Statement], None], name: str) -> None:
    files = bundles.sign(bundles.assemble(bundles.make_parts(bundles.some_records())), KEY, change)
    assert named(failures(files)) == {(name, "provenance.json")}


def first(found: Manifest, suffix: str = ".jsonl.zst") -> ManifestContent:
    return next(content for content in found.contents if content.path.endswith(suffix))


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (lambda found: setattr(first(found), "digest", "sha256:" + "0" * 64), "digest"),
        (lambda found: setattr(first(found), "bytes", 1), "size"),
        (lambda found: setattr(first(found, ".sources.jsonl.zst"), "plain_bytes", 10**6), "plain-size"),
        (lambda found: setattr(first(found), "records", 99), "index"),
        (lambda found: setattr(first(found), "plain_bytes", 99), "index"),
        (lambda found: setattr(found, "rerun_hash", "sha256:" + "0" * 64), "rerun-hash"),
        (lambda found: setattr(found, "tenant", "Other"), "manifest"),
        (lambda found: setattr(found, "version", "2.0.0"), "manifest"),
        (lambda found: found.contents.reverse(), "manifest"),
        (lambda found: found.contents.pop(0), "listed"),
        (lambda found: found.contents.pop(1), "listed"),
        (
            lambda found: found.contents.add(path="zzz", content_type="a", digest="sha256:" + "0" * 64),
            "present",
        ),
    ],
)
def test_a_signed_manifest_that_lies_fails(change: ChangeManifest, name: str) -> None:
    parts = bundles.make_parts(bundles.some_records())
    files = bundles.sign(bundles.assemble(parts, change_manifest=change))
    assert name in {check.name for check in failures(files)}


def segment(found: Index, position: int = 0) -> Index:
    return found.parts[0].segments[position]  # type: ignore[return-value] # any message will do for setattr


INDEX_CHANGES: list[tuple[Callable[[Index], object], str]] = [
    (lambda found: setattr(found, "schema", "https://example.org"), "index"),
    (lambda found: setattr(found, "kind", "finding"), "index"),
    (lambda found: setattr(found.parts[0], "source", "other"), "index"),
    (lambda found: setattr(found.parts[0], "path", found.parts[0].sources_path), "index"),
    (lambda found: setattr(found.parts[0], "path", "export.json"), "index"),
    (lambda found: setattr(found.parts[0], "path", "../part-0123456789abcdef.jsonl.zst"), "index"),
    (lambda found: setattr(found.parts[0], "sources_path", "README.md"), "index"),
    (lambda found: setattr(found.parts[0], "records", 99), "index"),
    (lambda found: found.parts[0].ClearField("segments"), "index"),
    (lambda found: found.parts.reverse(), "index"),
    (lambda found: found.parts.add().CopyFrom(found.parts[-1]), "index"),
    (lambda found: found.parts[0].segments.reverse(), "index"),
    (lambda found: found.parts[0].segments.pop(), "index"),
    (lambda found: setattr(segment(found, 1), "offset", 1), "index"),
    (lambda found: setattr(segment(found, 1), "sources_offset", 1), "index"),
    (lambda found: setattr(segment(found), "offset", -1), "index"),
    (lambda found: setattr(segment(found), "records", -5), "index"),
    (lambda found: setattr(segment(found), "bytes", 2**52), "index"),
    (lambda found: setattr(segment(found), "plain_bytes", 2**52), "index"),
    (lambda found: setattr(segment(found), "plain_digest", "sha256:"), "index"),
    (lambda found: setattr(segment(found), "sources_plain_digest", "md5:00"), "index"),
    (lambda found: setattr(segment(found, 1), "first_key", "A"), "index"),
    (lambda found: setattr(segment(found, 1), "first_key", "z" * 5000), "index"),
    (lambda found: setattr(segment(found), "plain_digest", "sha256:" + "0" * 64), "segments"),
    (lambda found: setattr(segment(found), "sources_plain_digest", "sha256:" + "0" * 64), "segments"),
    (lambda found: setattr(segment(found), "first_key", segment(found).first_key + "x"), "segments"),  # type: ignore[attr-defined] # a segment
    (lambda found: setattr(segment(found, 1), "first_key", "GO-2024-0001"), "segments"),
    (lambda found: move_bytes(found, "bytes", "offset"), "segments"),
    (lambda found: move_bytes(found, "sources_bytes", "sources_offset"), "segments"),
]


def move_bytes(found: Index, length: str, offset: str) -> None:
    """Let the second frame begin a byte late: lengths still add up."""
    one, other = found.parts[0].segments
    setattr(one, length, getattr(one, length) + 1)
    setattr(other, length, getattr(other, length) - 1)
    setattr(other, offset, getattr(other, offset) + 1)


def move_records(found: Index) -> None:
    one, other = found.parts[0].segments
    one.records, other.records = one.records + 1, other.records - 1


def move_plain_bytes(found: Index) -> None:
    one, other = found.parts[0].segments
    one.plain_bytes, other.plain_bytes = one.plain_bytes + 1, other.plain_bytes - 1


@pytest.mark.parametrize(
    ("change", "name"), [*INDEX_CHANGES, (move_records, "segments"), (move_plain_bytes, "segments")]
)
def test_a_signed_index_that_lies_fails(change: Callable[[Index], object], name: str) -> None:
    def change_advisories(found: Index) -> None:
        if found.kind == "advisory":
            change(found)

    parts = bundles.make_parts(bundles.some_records())
    files = bundles.sign(bundles.assemble(parts, change_index=change_advisories))
    assert name in {check.name for check in failures(files)}


def test_an_index_that_is_no_json_fails() -> None:
    parts = bundles.make_parts(bundles.records())

    def spoil(found: Manifest) -> None:
        path = layout.index_path("advisory")
        entry = next(content for content in found.contents if content.path == path)
        entry.digest = f"sha256:{hashlib.sha256(b'no json').hexdigest()}"
        entry.bytes = len(b"no json")

    files = bundles.assemble(parts, change_manifest=spoil)
    files[layout.index_path("advisory")] = b"no json"
    assert ("index", "advisory.index.json") in named(failures(bundles.sign(files)))


def signed_parts(change: Callable[[list[Part]], None]) -> Files:
    parts = bundles.make_parts(bundles.records())
    change(parts)
    return bundles.sign(bundles.assemble(parts))


def set_sources(part: Part, plain: bytes) -> None:
    part.segments[0].sources, part.segments[0].source_frame = plain, bundles.frame(plain)


def respell(part: Part, old: bytes, new: bytes) -> None:
    set_sources(part, part.segments[0].sources.replace(old, new))


def set_documents(part: Part, plain: bytes) -> None:
    part.segments[0].documents, part.segments[0].document_frame = plain, bundles.frame(plain)


def swap_lines(part: Part) -> None:
    one, other = part.segments[0].sources.splitlines(keepends=True)
    set_sources(part, other + one)


def lines(*keys: str) -> bytes:
    return b"".join(bundles.Record("advisory", "osv-go", key, b"{}").source_line() + b"\n" for key in keys)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda parts: swap_lines(parts[0]), "does not come after"),
        (lambda parts: set_sources(parts[0], lines("GO-2024-0000", "GO-2024-0000")), "does not come after"),
        (lambda parts: set_sources(parts[0], lines("A", "GO-2024-0001")), "begins with key A"),
        (lambda parts: set_sources(parts[0], lines("GO-2024-0000", "Z")), "is before it"),
        (lambda parts: set_sources(parts[0], lines("GO-2024-0000")), "has 1 whole lines"),
        (lambda parts: set_sources(parts[0], lines("GO-2024-0000", "GO-2024-0001")[:-1]), "whole lines"),
        (lambda parts: set_sources(parts[0], b"{}\n{}\n"), "is not a line of a companion"),
        (lambda parts: set_sources(parts[0], b"\n\n"), "is not a line of a companion"),
        (lambda parts: respell(parts[0], b'{"digest"', b'{ "digest"'), "line 1 is not a line of a companion"),
        (lambda parts: respell(parts[0], b'","key"', b'",\n"key"'), "line 1 is not a line of a companion"),
        (lambda parts: respell(parts[0], b"}\n{", b"}{"), "line 1 is not a line of a companion"),
        (lambda parts: respell(parts[0], b"https://", b"https:\\/\\/"), "not canonical JSON"),
        (lambda parts: set_sources(parts[0], b'{"key":"' + b"k" * 100_000), "more than 65536 bytes"),
        (lambda parts: set_documents(parts[0], b"{}\n"), "has 1 whole lines"),
        (lambda parts: set_documents(parts[0], b"{}\n{}"), "whole lines"),
        (lambda parts: set_documents(parts[0], b"{}\n{}\n{}\n"), "has 3 whole lines"),
        (lambda parts: cut_frame(parts[0]), "ends within a frame|cut|begins"),
        (lambda parts: add_to_frame(parts[0]), "ends before"),
        (lambda parts: swap_frames(parts[0]), "plain digest|plain bytes"),
    ],
)
def test_signed_records_that_are_not_as_stated_fail(
    change: Callable[[list[Part]], None], reason: str
) -> None:
    checks = [check for check in failures(signed_parts(change)) if check.name == "segments"]
    assert len(checks) >= 1
    assert any(part in checks[0].detail for part in reason.split("|")), checks[0].detail


def cut_frame(part: Part) -> None:
    part.segments[-1].document_frame = part.segments[-1].document_frame[:-1]


def add_to_frame(part: Part) -> None:
    part.segments[-1].document_frame += b"\0"


def swap_frames(part: Part) -> None:
    one, other = part.segments
    one.document_frame, other.document_frame = other.document_frame, one.document_frame


def test_a_first_key_may_be_earlier_than_the_first_record_left_by_a_selection() -> None:
    def select(parts: list[Part]) -> None:
        kept = bundles.make_segment(bundles.records()[1:2])
        kept.first_key = parts[0].segments[0].first_key
        parts[0].segments[0] = kept

    assert failures(signed_parts(select)) == []


def test_keys_ascend_from_part_to_part() -> None:
    def repeat(parts: list[Part]) -> None:
        set_sources(parts[1], lines("GO-2024-0003", "GO-2024-0005"))
        parts[1].segments[0].first_key = "GO-2024-0003"

    assert "is before it" in failures(signed_parts(repeat))[0].detail


def test_a_frame_that_unpacks_to_more_than_the_manifest_says_is_not_unpacked() -> None:
    def bomb(parts: list[Part]) -> None:
        parts[0].segments[0].source_frame = bundles.frame(bytes(20_000_000))

    checks = failures(signed_parts(bomb))
    assert any("states 20000000 plain bytes" in check.detail for check in checks)


def test_memory_does_not_grow_with_the_bundle() -> None:
    wide = [
        bundles.Record(
            "advisory", "osv-go", f"GO-{number:05}", encode({"id": str(number), "text": "x" * 20_000})
        )
        for number in range(600)
    ]
    files = bundles.sign(bundles.assemble(bundles.make_parts(wide, segment_records=50, part_segments=12)))
    source = MemorySource(files)
    verify(source, TRUSTED)
    tracemalloc.start()
    outcome = verdict(iter_checks(source, TRUSTED))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    plain = sum(len(record.document) for record in wide)
    assert (outcome, plain > 12_000_000, peak < 2_000_000) == (Outcome.PASSED, True, True)


def test_an_endless_file_is_read_to_its_stated_length_alone() -> None:
    class Endless(MemorySource):
        def open(self, path: str) -> Iterator[bytes]:
            yield from super().open(path)
            while path == layout.README:
                taken.append(path)
                yield b"more"

    taken: list[str] = []
    checks = verify(Endless(bundles.make_bundle()), TRUSTED)
    assert [check.name for check in checks if check.outcome is Outcome.FAILED] == ["size"]
    assert len(taken) == 1


@pytest.mark.parametrize("path", sorted(layout.UNLISTED))
def test_an_endless_signature_file_is_not_read_on(path: str) -> None:
    class Endless(MemorySource):
        def open(self, path: str) -> Iterator[bytes]:
            while path == spoiled:
                yield bytes(1 << 20)
            yield from super().open(path)

    spoiled = path
    checks = verify(Endless(bundles.make_bundle([])), TRUSTED)
    assert ("readable", path) in {(check.name, check.target) for check in checks}


def test_every_check_is_documented() -> None:
    page = Path(__file__).resolve().parents[5] / "docs" / "modules" / "export-center" / "bundle-format.md"
    documented = set(re.findall(r"`([a-z-]+)`", page.read_text(encoding="utf-8")))
    made = {check.name for check in verify(MemorySource(bundles.make_bundle()), TRUSTED)}
    assert made - documented == set()
