from __future__ import annotations

import itertools
import json

import pytest
from stellaops.export.bundle.v1.manifest_pb2 import Manifest
from stellaops.export.bundle.v1.provenance_pb2 import Statement

from libs.common.bundle.json_form import from_json, to_canonical_json
from services.signer.statement import BadMaterial, Material, provenance

BUILDER = "https://builder.example/v1"
DIGEST = f"sha256:{'a' * 64}"
OSV = Material(
    "ledger/advisory/osv", "stella:ledger/advisory/osv", f"sha256:{'b' * 64}", 12, "2024-05-06T07:08:09Z"
)
SUSE = Material("ledger/vex/suse", "stella:ledger/vex/suse", f"sha256:{'c' * 64}", 0, "")


def manifest() -> Manifest:
    made = Manifest(export_id="export-0001", tenant="acme")
    made.profile.name = "nightly"
    made.profile.revision = "r3"
    made.adapter.name = "json:raw"
    made.adapter.version = "1.2.0"
    made.selectors.sources.extend(["osv", "suse"])
    return made


def statement(*materials: Material) -> Statement:
    return provenance(manifest(), DIGEST, materials, BUILDER)


def test_the_whole_statement_for_two_sources() -> None:
    assert json.loads(to_canonical_json(statement(SUSE, OSV))) == {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "export.json", "digest": {"sha256": "a" * 64}}],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": "https://stellaops.io/export-center/buildtypes/export/v1",
                "externalParameters": {
                    "tenant": "acme",
                    "profile": "nightly",
                    "revision": "r3",
                    "adapter": "json:raw",
                    "selectors": '{"sources":["osv","suse"]}',
                },
                "resolvedDependencies": [
                    {
                        "name": "ledger/advisory/osv",
                        "uri": "stella:ledger/advisory/osv",
                        "digest": {"sha256": "b" * 64},
                        "annotations": {"records": "12", "as_of": "2024-05-06T07:08:09Z"},
                    },
                    {
                        "name": "ledger/vex/suse",
                        "uri": "stella:ledger/vex/suse",
                        "digest": {"sha256": "c" * 64},
                        "annotations": {"records": "0"},
                    },
                ],
            },
            "runDetails": {
                "builder": {"id": BUILDER, "version": {"json:raw": "1.2.0"}},
                "metadata": {"invocationId": "export-0001"},
            },
        },
    }


def test_the_order_of_the_sources_does_not_matter() -> None:
    other = Material("ledger/advisory/alma", "stella:ledger/advisory/alma", DIGEST, 1, "")
    forms = {to_canonical_json(statement(*order)) for order in itertools.permutations([OSV, SUSE, other])}
    assert len(forms) == 1


def test_it_states_no_time_of_the_run() -> None:
    metadata = json.loads(to_canonical_json(statement(OSV)))["predicate"]["runDetails"]["metadata"]
    assert set(metadata) == {"invocationId"}


def test_its_json_form_is_read_back() -> None:
    made = statement(OSV, SUSE)
    assert from_json(to_canonical_json(made), Statement) == made


def test_a_selection_of_everything_is_an_empty_object() -> None:
    everything = manifest()
    everything.ClearField("selectors")
    made = provenance(everything, DIGEST, [], BUILDER)
    assert made.predicate.build_definition.external_parameters.selectors == "{}"


def test_two_sources_of_one_name_are_refused() -> None:
    with pytest.raises(BadMaterial, match="ledger/vex/suse"):
        statement(SUSE, OSV, SUSE)


@pytest.mark.parametrize("digest", ["", "a" * 64, f"sha512:{'a' * 128}", f"sha256:{'A' * 64}"])
def test_a_source_without_a_digest_is_refused_by_name(digest: str) -> None:
    with pytest.raises(BadMaterial, match="ledger/advisory/osv"):
        statement(Material(OSV.name, OSV.uri, digest, 1, ""))
