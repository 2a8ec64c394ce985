"""Who makes an HTTP request: the same tokens, tenants and scopes as over gRPC."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request

from libs.common.errors import ExportError
from libs.common.rpc.access import REQUIRED
from libs.common.rpc.identity import TENANT_HEADER
from libs.common.rpc.tokens import Caller, TokenVerifier


def caller_of(request: Request, verifier: TokenVerifier, method: str) -> Caller:
    """Return the caller of a request that does what the RPC `method` does, or raise as the RPC would."""
    caller = verifier.verify(bearer_token(request), request.headers.get(TENANT_HEADER))
    caller.require(REQUIRED[method])
    return caller


def knows(verifier: TokenVerifier) -> Callable[[Request], bool]:
    """Return what says whether a request's token holds; its signature is verified once for all who ask."""

    def is_known(request: Request) -> bool:
        try:
            verifier.verify(bearer_token(request), request.headers.get(TENANT_HEADER))
        except ExportError:
            return False  # whoever needs a caller refuses with the reason
        return True

    return is_known


def bearer_token(request: Request) -> str:
    """Return the token of `Authorization: Bearer …`, or an empty string."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
