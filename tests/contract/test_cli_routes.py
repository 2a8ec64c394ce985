"""Every call of the command line is one that the contracts have."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from google.api import annotations_pb2
from google.protobuf.descriptor import ServiceDescriptor
from stellaops.evidence.v1 import imports_pb2, ledger_pb2
from stellaops.export.v1 import adapters_pb2, distributions_pb2, keys_pb2, profiles_pb2, runs_pb2

MODULES = (adapters_pb2, distributions_pb2, imports_pb2, keys_pb2, ledger_pb2, profiles_pb2, runs_pb2)
CALLS = (
    ("POST", "/api/export/profiles"),
    ("GET", "/api/export/profiles"),
    ("GET", "/api/export/profiles/nightly"),
    ("PUT", "/api/export/profiles/nightly"),
    ("DELETE", "/api/export/profiles/nightly"),
    ("GET", "/api/export/profiles/nightly/revisions"),
    ("GET", "/api/export/profiles/nightly/revisions/r1"),
    ("POST", "/api/export/plans"),
    ("POST", "/api/export/runs"),
    ("GET", "/api/export/runs"),
    ("GET", "/api/export/runs/x"),
    ("GET", "/api/export/runs/x/events"),
    ("POST", "/api/export/runs/x:cancel"),
    ("POST", "/api/export/runs/x:retry"),
    ("GET", "/api/export/distributions"),
    ("GET", "/api/export/runs/x/distributions"),
    ("POST", "/api/export/blobs:collect"),
    ("GET", "/api/export/keys"),
    ("POST", "/api/export/keys:rotate"),
    ("GET", "/api/export/trust"),
    ("GET", "/api/evidence/status"),
    ("GET", "/api/evidence/quarantine"),
    ("POST", "/api/evidence/records:delete"),
)


def routes(service: ServiceDescriptor) -> Iterator[tuple[str, re.Pattern[str]]]:
    for method in service.methods:
        rule = method.GetOptions().Extensions[annotations_pb2.http]
        for binding in (rule, *rule.additional_bindings):
            verb = binding.WhichOneof("pattern")
            if verb:
                template = re.escape(getattr(binding, verb))
                template = re.sub(r"\\\{[^=]*=(.*?)\\\}", r"\1", template).replace(r"\*", "[^/:]+")
                yield verb.upper(), re.compile(template)


ROUTES = [
    route
    for module in MODULES
    for service in module.DESCRIPTOR.services_by_name.values()
    for route in routes(service)
]


@pytest.mark.parametrize(("method", "path"), CALLS, ids=[" ".join(call) for call in CALLS])
def test_a_call_has_its_route(method: str, path: str) -> None:
    assert any(method == verb and pattern.fullmatch(path) for verb, pattern in ROUTES)
