"""Channels to other services: retry policy, deadlines, the service's own token, TLS, the present trace."""

from __future__ import annotations

import json
from pathlib import Path

import grpc

from libs.common.errors import Unavailable
from libs.common.rpc.identity import AUTHORIZATION, TENANT_HEADER
from libs.common.rpc.server import MAX_MESSAGE_BYTES
from libs.common.rpc.traced import TracedChannel
from libs.common.settings import ServiceSettings

UNARY_DEADLINE_SECONDS = 10.0
STREAM_DEADLINE_SECONDS = 600.0
RETRY_POLICY = {
    "maxAttempts": 4,
    "initialBackoff": "0.1s",
    "maxBackoff": "1s",
    "backoffMultiplier": 2,
    "retryableStatusCodes": ["UNAVAILABLE"],
}
SERVICE_CONFIG = json.dumps(
    {
        "methodConfig": [{"name": [{}], "retryPolicy": RETRY_POLICY}],
        "retryThrottling": {"maxTokens": 100, "tokenRatio": 0.1},
    }
)


def open_channel(address: str, settings: ServiceSettings) -> grpc.aio.Channel:
    """Return a channel to another service, over TLS where the service has a certificate."""
    options = (
        ("grpc.service_config", SERVICE_CONFIG),
        ("grpc.enable_retries", 1),
        ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
        ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", 1000),
    )
    if not settings.tls_certificate_file:
        return TracedChannel(grpc.aio.insecure_channel(address, options=options))
    credentials = grpc.ssl_channel_credentials(
        root_certificates=Path(settings.tls_authority_file).read_bytes(),
        private_key=Path(settings.tls_key_file).read_bytes(),
        certificate_chain=Path(settings.tls_certificate_file).read_bytes(),
    )
    return TracedChannel(grpc.aio.secure_channel(address, credentials, options=options))


class ServiceIdentity:
    """The metadata with which this service calls others on behalf of a tenant."""

    def __init__(self, token_file: str) -> None:
        self._path = Path(token_file)
        self._last = ""

    def _token(self) -> str:
        """Return the token in the file, or while that is away the one that was there: it lasts for hours."""
        try:
            self._last = self._path.read_text(encoding="utf-8").strip()
        except OSError as error:
            if not self._last:
                reason = f"its file cannot be read ({error.strerror})"
                raise Unavailable(dependency="this service's own token", reason=reason) from error
        return self._last

    def metadata(self, tenant: str) -> tuple[tuple[str, str], ...]:
        """Return token and tenant; the file is read each time, since tokens are renewed in place."""
        token = self._token()
        return ((AUTHORIZATION, f"Bearer {token}"), (TENANT_HEADER, tenant))
