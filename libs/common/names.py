"""Resource names (AIP-122): `tenants/{tenant}/profiles/{profile}` and the like, built and taken apart."""

from __future__ import annotations

import re
from typing import NewType

from libs.common.errors import InvalidField

Tenant = NewType("Tenant", str)
RunId = NewType("RunId", str)

TENANT = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
PROFILE = re.compile(r"[a-z0-9][a-z0-9-]{1,62}[a-z0-9]")
RUN = re.compile(r"[a-z0-9][a-z0-9-]{4,62}[a-z0-9]")
REVISION = re.compile(r"r[1-9][0-9]{0,8}")
TARGET = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")

_PARTS = {
    "tenants": TENANT,
    "profiles": PROFILE,
    "runs": RUN,
    "revisions": REVISION,
    "distributions": TARGET,
}


def tenant_name(tenant: str) -> str:
    """Return `tenants/{tenant}`."""
    return f"tenants/{tenant}"


def profile_name(tenant: str, profile: str) -> str:
    """Return the name of a profile."""
    return f"tenants/{tenant}/profiles/{profile}"


def revision_name(tenant: str, profile: str, revision: str) -> str:
    """Return the name of a profile's revision."""
    return f"tenants/{tenant}/profiles/{profile}/revisions/{revision}"


def run_name(tenant: str, run: str) -> str:
    """Return the name of a run."""
    return f"tenants/{tenant}/runs/{run}"


def distribution_name(tenant: str, run: str, target: str) -> str:
    """Return the name of a delivery."""
    return f"tenants/{tenant}/runs/{run}/distributions/{target}"


def parse(field: str, name: str, *collections: str) -> tuple[str, ...]:
    """Return the ids in `name`, which must consist of `collections` in order.

    The tenant part is checked for form alone: whether the caller may see it is decided by who asks
    (`require_tenant`). A bare last id is not taken here.
    """
    pieces = name.split("/")
    if len(pieces) != 2 * len(collections) or tuple(pieces[::2]) != collections:
        wanted = "/".join(f"{collection}/…" for collection in collections)
        raise InvalidField(field=field, reason=f"a name of the form `{wanted}` is wanted")
    for collection, piece in zip(collections, pieces[1::2], strict=True):
        if not _PARTS[collection].fullmatch(piece):
            raise InvalidField(field=field, reason=f"`{piece[:80]}` is not an id of {collection}")
    return tuple(pieces[1::2])


def last_id(field: str, name: str, tenant: str, collection: str) -> str:
    """Return the last id of a name of `tenant`, given in full or as the bare id.

    A name in another tenant gives an id that cannot exist, so that the caller's look-up ends in the same
    "not found" as a name that was never there.
    """
    if "/" not in name:
        if not _PARTS[collection].fullmatch(name):
            raise InvalidField(field=field, reason=f"`{name[:80]}` is not an id of {collection}")
        return name
    found_tenant, found = parse(field, name, "tenants", collection)
    return found if found_tenant == tenant else f"{found}@elsewhere"
