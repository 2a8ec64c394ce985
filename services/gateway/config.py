"""Every setting of the gateway."""

from __future__ import annotations

import dataclasses

from libs.common.settings import ServiceSettings, setting


@dataclasses.dataclass(frozen=True, kw_only=True)
class GatewaySettings(ServiceSettings):
    """What the gateway needs beside what every service needs."""

    blobs_url: str = setting("Not read: the gateway keeps nothing.", default="")
    http_listen: str = setting("Address and port of the HTTP door.", default="127.0.0.1:8080")
    http_certificate_file: str = setting(
        "Certificate (PEM) that users see; empty: plain HTTP, for a proxy in front.", default=""
    )
    http_key_file: str = setting("Its private key (PEM).", default="")
    planner_address: str = setting("gRPC door of the planner.")
    adapter_host_address: str = setting("gRPC door of the adapter hosts.")
    signer_address: str = setting("gRPC door of the signer.")
    distributor_address: str = setting("gRPC door of the distributor.")
    distributor_http: str = setting("HTTP door of the distributor: `http://…` or `https://…`.")
    evidence_address: str = setting("gRPC door of the evidence service, or of the platform in its place.")
    request_seconds: int = setting(
        "Longest that a call to a service may take; streams take as long as they need.",
        default=30,
        low=1,
        high=600,
    )
