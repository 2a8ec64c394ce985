"""Turns a manifest and the sources behind it into an in-toto statement with SLSA provenance.

Invariants: a pure function of what was exported, so a rerun states the same; no time of the run, no machine,
no path; only members that cosign's strict reader knows.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass

from stellaops.export.bundle.v1 import manifest_pb2, provenance_pb2

from libs.common.bundle.json_form import to_canonical_json
from libs.common.bundle.layout import MANIFEST
from libs.common.bundle.signed import PREDICATE_TYPE, STATEMENT_TYPE
from libs.common.digests import BadDigest, digest_hex, parse_digest

BUILD_TYPE = "https://stellaops.io/export-center/buildtypes/export/v1"


class BadMaterial(ValueError):
    """Something about the sources that provenance cannot state."""


@dataclass(frozen=True, slots=True)
class Material:
    """One source of an export; `as_of` is RFC 3339 in UTC, or empty where the source states no time."""

    name: str
    uri: str
    digest: str
    records: int
    as_of: str


def provenance(
    manifest: manifest_pb2.Manifest, manifest_digest: str, materials: Iterable[Material], builder_id: str
) -> provenance_pb2.Statement:
    """Return the statement about `export.json`; materials are sorted by name, which must be unique."""
    statement = provenance_pb2.Statement(type=STATEMENT_TYPE, predicate_type=PREDICATE_TYPE)
    statement.subject.add(name=MANIFEST, digest={"sha256": _hexadecimal(MANIFEST, manifest_digest)})
    definition = statement.predicate.build_definition
    definition.build_type = BUILD_TYPE
    definition.external_parameters.CopyFrom(_parameters(manifest))
    definition.resolved_dependencies.extend(_dependencies(materials))
    details = statement.predicate.run_details
    details.builder.id = builder_id
    details.builder.version[manifest.adapter.name] = manifest.adapter.version
    details.metadata.invocation_id = manifest.export_id
    return statement


def _parameters(manifest: manifest_pb2.Manifest) -> provenance_pb2.ExternalParameters:
    return provenance_pb2.ExternalParameters(
        tenant=manifest.tenant,
        profile=manifest.profile.name,
        revision=manifest.profile.revision,
        adapter=manifest.adapter.name,
        selectors=to_canonical_json(manifest.selectors).decode("utf-8"),
    )


def _dependencies(materials: Iterable[Material]) -> list[provenance_pb2.ResourceDescriptor]:
    ordered = sorted(materials, key=lambda material: material.name)
    for before, after in itertools.pairwise(ordered):
        if before.name == after.name:
            raise BadMaterial(f"source `{after.name}` is named twice; every source has a name of its own")
    return [_dependency(material) for material in ordered]


def _dependency(material: Material) -> provenance_pb2.ResourceDescriptor:
    annotations = {"records": str(material.records)}
    if material.as_of:
        annotations["as_of"] = material.as_of
    return provenance_pb2.ResourceDescriptor(
        name=material.name,
        uri=material.uri,
        digest={"sha256": _hexadecimal(material.name, material.digest)},
        annotations=annotations,
    )


def _hexadecimal(name: str, digest: str) -> str:
    try:
        return digest_hex(parse_digest(digest))
    except BadDigest as error:
        raise BadMaterial(f"`{name}`: {error}") from error
