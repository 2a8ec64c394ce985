"""Bearer tokens (RFC 7519): checked against the issuer's public keys; made by the embedded issuer."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet

from libs.common.errors import PermissionDenied, TenantDenied, Unauthenticated
from libs.common.names import TENANT
from libs.common.rpc.access import SERVICE
from libs.common.settings import BadSetting

ALGORITHMS = ["ES256", "RS256", "PS256", "ES384", "EdDSA"]  # public-key algorithms alone, never HMAC or none
MAX_TOKEN_CHARACTERS = 8192  # a header line's usual limit
CLOCK_SKEW_SECONDS = 30
SIGNATURES_REMEMBERED = 256  # services send the same token with each call for hours
ANY_TENANT = "*"  # in the tokens of the suite's own services alone
SERVICE_SUBJECT = "service:"  # an issuer gives subjects of this form to services alone


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, for which tenant, with which scopes."""

    subject: str
    tenant: str
    scopes: frozenset[str]

    def require(self, scope: str) -> None:
        """Raise `PermissionDenied` unless the caller has the scope."""
        if scope not in self.scopes:
            raise PermissionDenied(scope=scope)


class _Claims(jwt.JWTClaimsRegistry):
    """The rules for claims; a clock that was moved back must not lock out all who hold a token."""

    def validate_iat(self, value: object) -> None:
        """Take a token from any time: `exp` bounds its life, and `iat` says only when that began."""
        self.check_value("iat", value)


class TokenVerifier:
    """Checks signature, issuer, audience and times of a token, and chooses the tenant."""

    def __init__(self, jwks: dict[str, Any], issuer: str, audience: str) -> None:
        self._keys = KeySet.import_key_set(jwks)  # type: ignore[arg-type] # plain JSON is what it takes
        # That a signature holds over a token is a fact for good; whether its claims hold is asked each time.
        self._signed = functools.lru_cache(SIGNATURES_REMEMBERED)(self._read)
        self._claims = _Claims(
            leeway=CLOCK_SKEW_SECONDS,
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": audience},
            exp={"essential": True},
            sub={"essential": True},
        )

    @classmethod
    def from_file(cls, jwks_file: str, issuer: str, audience: str) -> TokenVerifier:
        """Read the issuer's public keys from a JWKS file."""
        try:
            return cls(json.loads(Path(jwks_file).read_text(encoding="utf-8")), issuer, audience)
        except (OSError, ValueError, KeyError, JoseError) as error:
            reason = f"`{jwks_file}` is no readable JWKS ({type(error).__name__})"
            raise BadSetting(name="EXPORT_JWKS_FILE", reason=reason) from error

    def verify(self, token: str, wanted_tenant: str | None) -> Caller:
        """Return the caller of a token; `wanted_tenant` chooses where the token has several tenants."""
        if not token or len(token) > MAX_TOKEN_CHARACTERS:
            raise Unauthenticated(reason="there is none" if not token else "it is too long")
        try:
            claims = self._signed(token)
            self._claims.validate(claims)
        except (
            JoseError,
            ValueError,
            KeyError,
            TypeError,
            AttributeError,
        ) as error:  # of hostile headers, too
            raise Unauthenticated(reason=_why(error)) from error
        return _caller(claims, wanted_tenant)

    def _read(self, token: str) -> dict[str, Any]:
        """Return the claims of a token that the issuer has signed."""
        return jwt.decode(token, self._keys, algorithms=ALGORITHMS).claims


def _why(error: Exception) -> str:
    name = getattr(error, "error", type(error).__name__)
    return {
        "expired_token": "it has expired",
        "bad_signature": "its signature is not the issuer's",
        "invalid_key_id": "its key is not one of the issuer's",
        "invalid_claim": "its issuer or audience is another",
        "missing_claim": "a claim is missing",
    }.get(str(name), "it cannot be read")


def _caller(claims: dict[str, Any], wanted_tenant: str | None) -> Caller:
    scopes = frozenset(str(claims.get("scope", "")).split())
    listed = claims.get("tenants", [])
    tenants = [str(tenant) for tenant in listed] if isinstance(listed, list) else []
    if wanted_tenant is None:
        if len(tenants) != 1 or tenants[0] == ANY_TENANT:
            raise TenantDenied
        tenant = tenants[0]
    elif wanted_tenant in tenants or (ANY_TENANT in tenants and _is_service(claims, scopes)):
        tenant = wanted_tenant
    else:
        raise TenantDenied
    if not TENANT.fullmatch(tenant):
        raise TenantDenied
    return Caller(str(claims["sub"]), tenant, scopes)


def _is_service(claims: dict[str, Any], scopes: frozenset[str]) -> bool:
    """Tell whether a token is one of the suite's own services': a scope alone a client might ask for."""
    return SERVICE in scopes and str(claims["sub"]).startswith(SERVICE_SUBJECT)


class TokenIssuer:
    """The issuer of the embedded suite: one ES256 key in a file."""

    def __init__(self, key: ECKey, issuer: str, audience: str) -> None:
        self._key = key
        self._issuer = issuer
        self._audience = audience

    @classmethod
    def create(cls, issuer: str, audience: str) -> TokenIssuer:
        """Make an issuer with a new key."""
        return cls(
            ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256"}, auto_kid=True), issuer, audience
        )

    @classmethod
    def from_private_json(cls, text: str, issuer: str, audience: str) -> TokenIssuer:
        """Read the issuer's key from JSON."""
        return cls(ECKey.import_key(json.loads(text)), issuer, audience)

    def private_json(self) -> str:
        """Return the private key as JSON, to be kept secret."""
        return json.dumps(self._key.as_dict(private=True))

    def jwks(self) -> str:
        """Return the public keys as a JWKS."""
        return json.dumps({"keys": [self._key.as_dict(private=False)]})

    def issue(
        self, subject: str, tenants: Iterable[str], scopes: Iterable[str], issued_at: int, expires_at: int
    ) -> str:
        """Return a token; the times are seconds since 1970."""
        claims: dict[str, Any] = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": subject,
            "tenants": list(tenants),
            "scope": " ".join(scopes),
            "iat": issued_at,
            "exp": expires_at,
        }
        return jwt.encode({"alg": "ES256", "kid": self._key.kid}, claims, self._key)
