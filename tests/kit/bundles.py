"""Makes small, valid, signed bundles from made-up records, the same bytes every time, for tests to spoil."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import zstandard
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from stellaops.export.bundle.v1.index_pb2 import Index
from stellaops.export.bundle.v1.manifest_pb2 import Manifest
from stellaops.export.bundle.v1.provenance_pb2 import Statement

from libs.common.bundle import layout, manifest, signed
from libs.common.bundle.dsse import (
    MANIFEST_PAYLOAD_TYPE,
    STATEMENT_PAYLOAD_TYPE,
    Envelope,
    encode_envelope,
    pae,
)
from libs.common.bundle.json_form import from_json, to_canonical_json
from libs.common.bundle.keys import PublicKey, public_key
from libs.common.bundle.readme import render_readme
from libs.common.bundle.sigstore import MessageSignature, SigstoreBundle, encode_bundle
from libs.common.bundle.strict_json import to_base64
from libs.common.bundle.tar import Literal, TarLayout
from libs.common.canon.encode import encode
from libs.common.digests import digest_hex, sha256_digest

LEVEL = 3
CHUNK_BYTES = 100  # small, so that everything that is read spans chunks

Files = dict[str, bytes]


@dataclass(frozen=True, slots=True)
class Record:
    """One made-up record."""

    kind: str
    source: str
    key: str
    document: bytes

    def source_line(self) -> bytes:
        """Return its line in the companion."""
        uri = f"https://example.org/{self.source}/{self.key}.json"
        return encode({"key": self.key, "uri": uri, "digest": sha256_digest(self.document)})


@dataclass(slots=True)
class Segment:
    """A frame of documents and a frame of sources; tests may replace any of it."""

    first_key: str
    records: int
    documents: bytes
    sources: bytes
    document_frame: bytes
    source_frame: bytes


@dataclass(slots=True)
class Part:
    """One file of records and its companion."""

    kind: str
    source: str
    name: str
    segments: list[Segment] = field(default_factory=list)

    def path(self, role: str) -> str:
        """Return the path of the file of `role`."""
        return layout.record_path(self.kind, self.source, self.name, role)


class TestKey:
    """A signing key that is the same in every run; real ones are random."""

    __test__ = False

    def __init__(self, number: int = 1) -> None:
        """Make the key of that number."""
        self._private = ec.derive_private_key(0x5EED0000 + number, ec.SECP256R1())
        self.public: PublicKey = public_key(self._private.public_key())

    def sign(self, message: bytes) -> bytes:
        """Return a deterministic signature over `message`."""
        return self._private.sign(message, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))


KEY = TestKey(1)
OTHER_KEY = TestKey(2)


def records(kind: str = "advisory", source: str = "osv-go", count: int = 9) -> list[Record]:
    """Return made-up records in order of key."""
    return [
        Record(kind, source, key, encode({"id": key, "summary": f"made up, number {number}", "aliases": []}))
        for number, key in enumerate(f"GO-2024-{number:04}" for number in range(count))
    ]


def some_records() -> list[Record]:
    """Return records of two kinds and three sources, with a character beyond ASCII in key and document."""
    special = Record("vex", "vex-hub", "vex/größe", encode({"@id": "vex/größe", "statements": []}))
    return [*records(count=9), *records(source="osv-rust", count=3), *records("vex", "vex-hub", 2), special]


def make_parts(
    given: Iterable[Record], segment_records: int = 2, part_segments: int = 2, level: int = LEVEL
) -> list[Part]:
    """Cut records by count: where a real cut falls does not matter to those who read."""
    parts: list[Part] = []
    for (kind, source), group in itertools.groupby(given, lambda record: (record.kind, record.source)):
        ordered = list(group)
        part_records = segment_records * part_segments
        for part_start in range(0, len(ordered), part_records):
            chosen = ordered[part_start : part_start + part_records]
            name = f"part-{hashlib.sha256(chosen[0].key.encode()).hexdigest()[:16]}"
            part = Part(kind, source, name)
            for start in range(0, len(chosen), segment_records):
                part.segments.append(make_segment(chosen[start : start + segment_records], level))
            parts.append(part)
    return parts


def make_segment(chosen: Sequence[Record], level: int = LEVEL) -> Segment:
    """Return the two frames of some records."""
    documents = b"".join(record.document + b"\n" for record in chosen)
    sources = b"".join(record.source_line() + b"\n" for record in chosen)
    return Segment(
        chosen[0].key, len(chosen), documents, sources, frame(documents, level), frame(sources, level)
    )


def frame(plain: bytes, level: int = LEVEL) -> bytes:
    """Return one zstd frame as the format wants it."""
    compressor = zstandard.ZstdCompressor(level=level, write_checksum=True, write_content_size=True)
    return compressor.compress(plain)


def assemble(
    parts: Sequence[Part],
    change_index: Callable[[Index], None] = lambda _: None,
    change_manifest: Callable[[Manifest], None] = lambda _: None,
) -> Files:
    """Return the unsigned files of a bundle; the changes are made before what follows from them."""
    files: Files = {}
    found = _header(parts)
    for part in parts:
        for role in (layout.DOCUMENTS, layout.SOURCES):
            _add_part(files, found, part, role)
    for kind in sorted({part.kind for part in parts}):
        made = _index(kind, [part for part in parts if part.kind == kind])
        change_index(made)
        path = layout.index_path(kind)
        files[path] = to_canonical_json(made)
        found.contents.append(manifest.content_of(path, files[path]))
    found.contents.sort(key=lambda content: content.path)
    files[layout.README] = render_readme(found)
    found.contents.append(manifest.content_of(layout.README, files[layout.README]))
    found.contents.sort(key=lambda content: content.path)
    found.rerun_hash = manifest.rerun_hash(found.contents)
    change_manifest(found)
    files[layout.MANIFEST] = to_canonical_json(found)
    return dict(sorted(files.items()))


def sign(
    files: Files, key: TestKey = KEY, change_statement: Callable[[Statement], None] = lambda _: None
) -> Files:
    """Return the files with provenance and signatures, made anew."""
    raw = files[layout.MANIFEST]
    stated = statement(raw)
    change_statement(stated)
    provenance = to_canonical_json(stated)
    proofs = {layout.PROVENANCE: provenance, **signatures(raw, provenance, key)}
    return dict(sorted({**files, **proofs}.items()))


def signatures(raw: bytes, provenance: bytes, key: TestKey = KEY) -> Files:
    """Return the signature files over a manifest and a provenance, whatever stands in them."""
    message = MessageSignature(hashlib.sha256(raw).digest(), key.sign(raw))
    return {
        layout.SIGNATURE: to_base64(message.signature).encode("ascii"),
        layout.MANIFEST_ENVELOPE: envelope(MANIFEST_PAYLOAD_TYPE, raw, key),
        layout.PROVENANCE_ENVELOPE: envelope(STATEMENT_PAYLOAD_TYPE, provenance, key),
        layout.SIGSTORE_BUNDLE: encode_bundle(SigstoreBundle(key.public.hint, message)),
        layout.PUBLIC_KEY: key.public.pem,
    }


def envelope(payload_type: str, payload: bytes, key: TestKey = KEY) -> bytes:
    """Return a signed DSSE envelope."""
    return encode_envelope(Envelope(payload_type, payload, (key.sign(pae(payload_type, payload)),)))


def make_bundle(given: Iterable[Record] | None = None, key: TestKey = KEY) -> Files:
    """Return all files of a valid, signed bundle by path, in order."""
    return sign(assemble(make_parts(some_records() if given is None else given)), key)


def statement(raw_manifest: bytes) -> Statement:
    """Return the provenance of the bundle that has this manifest."""
    found = from_json(raw_manifest, Manifest)
    made = Statement(type=signed.STATEMENT_TYPE, predicate_type=signed.PREDICATE_TYPE)
    made.subject.add(name=layout.MANIFEST, digest={"sha256": digest_hex(sha256_digest(raw_manifest))})
    definition = made.predicate.build_definition
    definition.build_type = "https://stellaops.io/export-center/buildtypes/export/v1"
    asked = definition.external_parameters
    asked.tenant, asked.profile, asked.revision = found.tenant, found.profile.name, found.profile.revision
    asked.adapter, asked.selectors = found.adapter.name, to_canonical_json(found.selectors).decode()
    made.predicate.run_details.builder.id = "https://stellaops.io/export-center/builder/v1"
    made.predicate.run_details.metadata.invocation_id = found.export_id
    return made


class MemorySource:
    """A bundle in memory, read in small chunks."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        """Take the files by path."""
        self._files = files

    def files(self) -> Iterator[tuple[str, int]]:
        """Yield path and length, in order."""
        for path, data in sorted(self._files.items()):
            yield path, len(data)

    def open(self, path: str) -> Iterator[bytes]:
        """Yield the bytes of a file."""
        data = self._files[path]
        for start in range(0, len(data), CHUNK_BYTES):
            yield data[start : start + CHUNK_BYTES]


def tar_of(files: Mapping[str, bytes]) -> bytes:
    """Return the tar of the files."""
    ordered = sorted(files.items())
    tar = TarLayout([(path, len(data)) for path, data in ordered])
    return b"".join(
        piece.data
        if isinstance(piece, Literal)
        else ordered[piece.file][1][piece.offset : piece.offset + piece.length]
        for piece in tar.plan(0, tar.size)
    )


def write_folder(files: Mapping[str, bytes], folder: Path) -> Path:
    """Write the files into `folder` and return it."""
    for path, data in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    return folder


def _header(parts: Sequence[Part]) -> Manifest:
    made = Manifest(
        schema=manifest.SCHEMA,
        version=manifest.VERSION,
        export_id="exp-0123456789abcdef",
        tenant="acme",
        generated_at="2024-05-06T07:08:09Z",
    )
    made.profile.kind, made.profile.variant = "json", "raw"
    made.profile.name, made.profile.revision = "nightly", "r1"
    made.selectors.kinds.extend(sorted({part.kind for part in parts}))
    made.inputs.ledger.digest = sha256_digest(b"a made-up snapshot")
    made.inputs.ledger.as_of = "2024-05-06T07:08:09Z"
    made.inputs.ledger.records = 100
    made.adapter.name, made.adapter.version = "json:raw", "1.0.0"
    made.adapter.schema = "https://stellaops.io/export-center/json-raw/v1"
    made.codec.name, made.codec.level = manifest.CODEC, LEVEL
    made.codec.library = ".".join(str(number) for number in zstandard.ZSTD_VERSION)
    return made


def _add_part(files: Files, found: Manifest, part: Part, role: str) -> None:
    documents = role == layout.DOCUMENTS
    segments = part.segments
    stored = b"".join(each.document_frame if documents else each.source_frame for each in segments)
    plain = b"".join(each.documents if documents else each.sources for each in segments)
    path = part.path(role)
    files[path] = stored
    content = manifest.content_of(path, stored)
    content.records = sum(segment.records for segment in segments)
    content.plain_bytes = len(plain)
    found.contents.append(content)


def _index(kind: str, parts: Sequence[Part]) -> Index:
    made = Index(schema=manifest.INDEX_SCHEMA, kind=kind)
    for part in sorted(parts, key=lambda part: (part.source, part.segments[0].first_key)):
        entry = made.parts.add(
            source=part.source,
            path=part.path(layout.DOCUMENTS),
            sources_path=part.path(layout.SOURCES),
            records=sum(segment.records for segment in part.segments),
        )
        offset = sources_offset = 0
        for segment in part.segments:
            entry.segments.add(
                first_key=segment.first_key,
                records=segment.records,
                offset=offset,
                bytes=len(segment.document_frame),
                plain_digest=sha256_digest(segment.documents),
                plain_bytes=len(segment.documents),
                sources_offset=sources_offset,
                sources_bytes=len(segment.source_frame),
                sources_plain_digest=sha256_digest(segment.sources),
            )
            offset += len(segment.document_frame)
            sources_offset += len(segment.source_frame)
    return made
