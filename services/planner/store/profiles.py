"""Keeps profiles and their immutable revisions."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row

from libs.common.db.statement import sql
from libs.common.digests import Digest
from services.planner.profiles.revisions import Profile, Revision
from services.planner.profiles.spec import spec_from_document, spec_json
from services.planner.store.connection import Connection
from services.planner.store.statements import assignments, insert

_COLUMNS = "uid, profile, display_name, spec, revision, version, created_at, updated_at"


@dataclass(frozen=True, slots=True)
class Filter:
    """Which profiles a list holds: every set field must match."""

    kind: str = ""
    variant: str = ""


async def find(connection: Connection, tenant: str, profile: str, *, lock: bool = False) -> Profile | None:
    """Return a profile by name, or None; with `lock` nobody else changes it."""
    result = await connection.execute(
        sql(
            f"SELECT {_COLUMNS} FROM export_profiles "  # noqa: S608 - constant text
            "WHERE tenant = :tenant AND profile = :profile AND deleted_at IS NULL"
            + (" FOR UPDATE" if lock else "")
        ),
        {"tenant": tenant, "profile": profile},
    )
    row = result.first()
    return None if row is None else _profile(row)


async def page(
    connection: Connection, tenant: str, chosen: Filter, after: str | None, size: int
) -> list[Profile]:
    """Return up to `size` profiles with names after `after`, in order of name."""
    conditions = ["tenant = :tenant", "deleted_at IS NULL"]
    conditions += ["kind = :kind"] if chosen.kind else []
    conditions += ["variant = :variant"] if chosen.variant else []
    conditions += ["profile > :after"] if after is not None else []
    result = await connection.execute(
        sql(
            f"SELECT {_COLUMNS} FROM export_profiles WHERE {' AND '.join(conditions)} "  # noqa: S608 - constant texts
            "ORDER BY profile LIMIT :size"
        ),
        {
            "tenant": tenant,
            "kind": chosen.kind,
            "variant": chosen.variant,
            "after": after,
            "size": size,
        },
    )
    return [_profile(row) for row in result]


async def add(connection: Connection, tenant: str, profile: Profile, first: Revision) -> bool:
    """Add a profile with its first revision, or say False where the name is taken."""
    values = _values(profile) | {
        "tenant": tenant,
        "uid": profile.uid,
        "profile": profile.id,
        "created_at": profile.created,
    }
    parameters = ", ".join(f":{name}" for name in values)
    result = await connection.execute(
        sql(
            f"INSERT INTO export_profiles ({', '.join(values)}) VALUES ({parameters}) "  # noqa: S608 - names in code
            "ON CONFLICT (tenant, profile) WHERE deleted_at IS NULL DO NOTHING RETURNING 1"
        ),
        values,
    )
    if result.first() is None:
        return False
    await _add_revision(connection, tenant, profile.uid, first)
    return True


async def save(connection: Connection, tenant: str, profile: Profile, new: Revision | None) -> None:
    """Write a changed profile, which the caller has locked, and its new revision where it has one."""
    values = _values(profile)
    await connection.execute(
        sql(
            f"UPDATE export_profiles SET {assignments(values)} "  # noqa: S608 - names in code
            "WHERE tenant = :tenant AND uid = :uid"
        ),
        values | {"tenant": tenant, "uid": profile.uid},
    )
    if new is not None:
        await _add_revision(connection, tenant, profile.uid, new)


async def delete(connection: Connection, tenant: str, uid: str) -> None:
    """Take a profile out of sight; its revisions and runs stay."""
    await connection.execute(
        sql(
            "UPDATE export_profiles SET deleted_at = now(), version = version + 1 "
            "WHERE tenant = :tenant AND uid = :uid"
        ),
        {"tenant": tenant, "uid": uid},
    )


async def revisions(
    connection: Connection, tenant: str, profile: str, before: int | None, size: int
) -> list[Revision] | None:
    """Return up to `size` revisions below `before`, newest first, or None where there never was the profile.

    Where profiles of one name came one after another, the name means the living one, else the last one.
    """
    uid = await _uid(connection, tenant, profile)
    if uid is None:
        return None
    result = await connection.execute(
        sql(
            "SELECT revision, spec, spec_digest, author, created_at FROM export_profile_revisions "
            "WHERE tenant = :tenant AND uid = :uid AND revision < :before ORDER BY revision DESC LIMIT :size"
        ),
        {"tenant": tenant, "uid": uid, "before": before or 2**31 - 1, "size": size},
    )
    return [_revision(row) for row in result]


async def _uid(connection: Connection, tenant: str, profile: str) -> str | None:
    result = await connection.execute(
        sql(
            "SELECT uid FROM export_profiles WHERE tenant = :tenant AND profile = :profile "
            "ORDER BY deleted_at DESC NULLS FIRST LIMIT 1"
        ),
        {"tenant": tenant, "profile": profile},
    )
    return result.scalar_one_or_none()


async def _add_revision(connection: Connection, tenant: str, uid: str, new: Revision) -> None:
    values = {
        "tenant": tenant,
        "uid": uid,
        "revision": new.number,
        "spec": spec_json(new.spec).decode("utf-8"),
        "spec_digest": new.digest,
        "author": new.author,
        "created_at": new.created,
    }
    await connection.execute(insert("export_profile_revisions", values), values)


def _values(profile: Profile) -> dict[str, Any]:
    return {
        "display_name": profile.display_name,
        "kind": profile.spec.kind,
        "variant": profile.spec.variant,
        "spec": spec_json(profile.spec).decode("utf-8"),
        "revision": profile.revision,
        "version": profile.version,
        "updated_at": profile.updated,
    }


def _profile(row: Row[Any]) -> Profile:
    return Profile(
        row.uid,
        row.profile,
        row.display_name,
        spec_from_document(json.loads(row.spec)),
        row.revision,
        row.version,
        row.created_at,
        row.updated_at,
    )


def _revision(row: Row[Any]) -> Revision:
    return Revision(
        row.revision,
        spec_from_document(json.loads(row.spec)),
        Digest(row.spec_digest),
        row.created_at,
        row.author,
    )
