"""Makes what proves identities on one machine: passwords, the token issuer, tokens renewed in time."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from joserfc.errors import JoseError

from cli.stella.exit_codes import ExitCode
from cli.stella.failures import Code, CommandFailed, wrong_file
from cli.stella.files import PRIVATE_MODE, write_whole
from cli.stella.supervise.data_dir import DataDir
from libs.common.rpc.access import ROLES, SERVICE
from libs.common.rpc.tokens import ANY_TENANT, TokenIssuer

ISSUER = "urn:stella:up"
AUDIENCE = "export-center"
SERVICE_LIFETIME = timedelta(hours=24)
FIRST_USER_LIFETIME = timedelta(days=90)
FIRST_TENANT = "demo"
FIRST_ROLE = "admin"
_PASSWORD_BYTES = 24  # 192 bits: beyond any guessing


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token says: who, where, what, for how long."""

    subject: str
    tenants: tuple[str, ...]
    scopes: tuple[str, ...]
    lifetime: timedelta


def user_grant(tenant: str, role: str, subject: str, lifetime: timedelta) -> Grant:
    """Return what a user's token says."""
    return Grant(subject or f"local:{tenant}-{role}", (tenant,), ROLES[role], lifetime)


def service_grant(service: str) -> Grant:
    """Return what a service's own token says."""
    return Grant(f"service:{service}", (ANY_TENANT,), (SERVICE,), SERVICE_LIFETIME)


def make_password(path: Path) -> str:
    """Return the password in a file; it is made when it is missing."""
    if not path.exists():
        write_whole(path, secrets.token_urlsafe(_PASSWORD_BYTES).encode(), PRIVATE_MODE)
    return path.read_text(encoding="ascii")


def open_issuer(data: DataDir) -> TokenIssuer:
    """Return the issuer of a data directory, which must be there."""
    try:
        return TokenIssuer.from_private_json(data.issuer.read_text(encoding="ascii"), ISSUER, AUDIENCE)
    except FileNotFoundError as error:
        raise CommandFailed(
            ExitCode.NOT_FOUND,
            Code.FILE,
            f"There is no token issuer in `{data.root}`",
            "`stella up` makes one when it first starts; name its folder with --data.",
        ) from error
    except (OSError, ValueError, TypeError, JoseError) as error:
        raise wrong_file(
            f"`{data.issuer}` is not the token issuer's key that `stella up` wrote ({type(error).__name__})",
            "Put it back from a backup; or remove it and `tokens/`, and the next start makes new ones.",
        ) from error


def make_issuer(data: DataDir) -> TokenIssuer:
    """Return the issuer of a data directory; it is made when it is missing."""
    if not data.issuer.exists():
        write_whole(data.issuer, TokenIssuer.create(ISSUER, AUDIENCE).private_json().encode(), PRIVATE_MODE)
    issuer = open_issuer(data)
    write_whole(data.jwks, issuer.jwks().encode())
    return issuer


def issue(issuer: TokenIssuer, grant: Grant, now: datetime) -> str:
    """Return a token."""
    begin = int(now.timestamp())
    end = begin + int(grant.lifetime.total_seconds())
    return issuer.issue(grant.subject, grant.tenants, grant.scopes, begin, end)


def write_token(path: Path, token: str) -> None:
    """Write a token for its owner alone; whoever reads it meanwhile sees the old or the new one."""
    write_whole(path, token.encode("ascii") + b"\n", PRIVATE_MODE)


def is_due(path: Path, grant: Grant, now: datetime) -> bool:
    """Say whether the token in a file is missing, of another grant, or past half of its life."""
    try:
        payload = path.read_text(encoding="ascii").split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        expires, scope = float(claims["exp"]), str(claims["scope"])
    except (OSError, ValueError, KeyError, IndexError, TypeError):
        return True
    left = expires - now.timestamp()
    return left < grant.lifetime.total_seconds() / 2 or scope != " ".join(grant.scopes)


class Renewal:
    """The tokens that must stay valid while the suite is up."""

    def __init__(self, issuer: TokenIssuer, grants: Iterable[tuple[Path, Grant]]) -> None:
        self._issuer = issuer
        self._grants = tuple(grants)

    def renew(self, now: datetime, *, all_of_services: bool = False) -> int:
        """Write anew what is due, at a start also what services hold; return how many."""
        count = 0
        for path, grant in self._grants:
            if (all_of_services and SERVICE in grant.scopes) or is_due(path, grant, now):
                write_token(path, issue(self._issuer, grant, now))
                count += 1
        return count
