"""Bearer tokens."""

from __future__ import annotations

import base64
import json
import time

import pytest

from libs.common.errors import TenantDenied, Unauthenticated
from libs.common.rpc.tokens import CLOCK_SKEW_SECONDS, TokenIssuer, TokenVerifier
from tests.kit.times import DAY

NOW = int(time.time())
ISSUER = TokenIssuer.create("https://issuer.test", "export-center")
VERIFIER = TokenVerifier(json.loads(ISSUER.jwks()), "https://issuer.test", "export-center")


def token(
    tenants: list[str],
    scopes: list[str],
    *,
    issuer: TokenIssuer = ISSUER,
    ends: int = NOW + DAY,
    subject: str = "ann",
) -> str:
    return issuer.issue(subject, tenants, scopes, NOW, ends)


def test_a_token_with_one_tenant_needs_no_header() -> None:
    caller = VERIFIER.verify(token(["acme"], ["export:read"]), None)
    assert (caller.subject, caller.tenant, caller.scopes) == ("ann", "acme", frozenset({"export:read"}))


def test_the_header_chooses_among_the_tokens_tenants() -> None:
    assert VERIFIER.verify(token(["acme", "beta"], []), "beta").tenant == "beta"


@pytest.mark.parametrize("wanted", [None, "other", "*", "ACME"])
def test_a_tenant_that_the_token_does_not_name_is_denied(wanted: str | None) -> None:
    with pytest.raises(TenantDenied):
        VERIFIER.verify(token(["acme", "beta"], ["export:admin"]), wanted)


def test_only_a_service_may_name_any_tenant() -> None:
    assert VERIFIER.verify(token(["*"], ["service"], subject="service:planner"), "acme").tenant == "acme"
    for scopes, subject in ((["export:admin"], "service:planner"), (["service"], "ann")):
        with pytest.raises(TenantDenied):
            VERIFIER.verify(token(["*"], scopes, subject=subject), "acme")


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ("", "there is none"),
        ("x.y.z", "cannot be read"),
        ("a" * 9000, "too long"),
        (
            base64.urlsafe_b64encode(b'{"alg":"ES256","crit":1}').decode().rstrip("=") + ".e30.c2ln",
            "cannot be",
        ),
        (token(["acme"], [], ends=NOW - 3600), "expired"),
        (token(["acme"], [], issuer=TokenIssuer.create("https://issuer.test", "export-center")), "issuer's"),
        (
            token(
                ["acme"],
                [],
                issuer=TokenIssuer.from_private_json(ISSUER.private_json(), "https://other", "export-center"),
            ),
            "another",
        ),
        (
            token(
                ["acme"],
                [],
                issuer=TokenIssuer.from_private_json(ISSUER.private_json(), "https://issuer.test", "other"),
            ),
            "another",
        ),
    ],
)
def test_a_token_that_does_not_hold_is_refused_with_the_reason(bad: str, why: str) -> None:
    with pytest.raises(Unauthenticated, match=why):
        VERIFIER.verify(bad, None)


def test_a_token_that_held_is_refused_once_it_has_expired() -> None:
    soon = int(time.time()) + 2
    bearer = token(["acme"], [], ends=soon - CLOCK_SKEW_SECONDS)
    assert VERIFIER.verify(bearer, None).tenant == "acme"
    while time.time() < soon + 1:
        time.sleep(0.1)
    with pytest.raises(Unauthenticated, match="expired"):
        VERIFIER.verify(bearer, None)


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
def test_an_algorithm_without_a_public_key_is_refused(algorithm: str) -> None:
    _, claims, _ = token(["acme"], ["export:read"]).split(".")
    header = base64.urlsafe_b64encode(json.dumps({"alg": algorithm}).encode()).rstrip(b"=").decode()
    with pytest.raises(Unauthenticated):
        VERIFIER.verify(f"{header}.{claims}.AAAA", None)


def test_a_token_of_the_future_holds_so_that_a_clock_moved_back_locks_nobody_out() -> None:
    begins = NOW + 6 * 3600
    early = ISSUER.issue("ann", ["acme"], ["export:read"], begins, begins + DAY)
    assert VERIFIER.verify(early, "acme").subject == "ann"
