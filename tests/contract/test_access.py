"""Every RPC has a scope, and every scope a role."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path

import stellaops
from google.protobuf.descriptor import FileDescriptor

from libs.common.rpc import access


def contract_files() -> Iterator[FileDescriptor]:
    root = Path(next(iter(stellaops.__path__)))
    for path in sorted(root.rglob("*_pb2.py")):
        name = ".".join(path.relative_to(root.parent).with_suffix("").parts)
        yield importlib.import_module(name).DESCRIPTOR


NOT_SERVED_YET = {"stellaops.evidence.v1.PolicyService", "stellaops.evidence.v1.VexLensService"}


def test_every_rpc_needs_exactly_one_scope() -> None:
    methods = {
        f"/{service.full_name}/{method.name}"
        for file in contract_files()
        for service in file.services_by_name.values()
        if service.full_name not in NOT_SERVED_YET
        for method in service.methods
    }
    assert set(access.REQUIRED) == methods


def test_no_role_holds_the_services_own_scope() -> None:
    assert all(access.SERVICE not in scopes for scopes in access.ROLES.values())


def test_every_other_scope_is_held_by_a_role() -> None:
    held = {scope for scopes in access.ROLES.values() for scope in scopes}
    assert set(access.REQUIRED.values()) - {access.SERVICE} <= held


def test_roles_hold_what_their_description_says() -> None:
    assert access.RUN not in access.ROLES["viewer"]
    assert access.PROFILE_MANAGE not in access.ROLES["operator"]
    assert access.RUN not in access.ROLES["auditor"]
    assert access.ADMIN not in access.ROLES["publisher"]
