"""The routes that are not one RPC each, as documentation needs them: downloads, events, uploads, probes."""

from __future__ import annotations

from dataclasses import dataclass

from services.gateway.contracts import DOWNLOAD, IMPORT

RUN = "/api/export/runs/{run}"


@dataclass(frozen=True, slots=True)
class Operation:
    """A route; `rpc` is the one whose scope it needs, empty where it needs no token."""

    verb: str
    path: str
    name: str
    rpc: str
    summary: str
    media_type: str
    ranges: bool = False


OPERATIONS = (
    Operation(
        "GET",
        f"{RUN}/bundle",
        "GetBundle",
        DOWNLOAD,
        "Returns the whole bundle.",
        "application/x-tar",
        ranges=True,
    ),
    Operation(
        "GET",
        f"{RUN}/files/{{path}}",
        "GetBundleFile",
        DOWNLOAD,
        "Returns one file of the bundle.",
        "*/*",
        ranges=True,
    ),
    Operation(
        "GET",
        f"{RUN}/manifest",
        "GetManifest",
        DOWNLOAD,
        "Returns the manifest, `export.json`.",
        "application/json",
        ranges=True,
    ),
    Operation(
        "GET",
        f"{RUN}/provenance",
        "GetProvenance",
        DOWNLOAD,
        "Returns the provenance.",
        "application/json",
        ranges=True,
    ),
    Operation(
        "GET",
        f"{RUN}/signatures",
        "GetSignatures",
        DOWNLOAD,
        "Returns DSSE envelopes and Sigstore bundle in one object.",
        "application/json",
        ranges=True,
    ),
    Operation(
        "POST",
        "/api/evidence/imports",
        "Import",
        IMPORT,
        "Takes a form with `spec` and files; answers a line for each step.",
        "application/x-ndjson",
    ),
    Operation(
        "GET", "/.well-known/openapi", "GetOpenApi", "", "Returns this description.", "application/json"
    ),
    Operation("GET", "/healthz", "GetLiveness", "", "Says that the gateway lives.", "application/json"),
    Operation(
        "GET",
        "/readyz",
        "GetReadiness",
        "",
        "Says whether the services behind it answer; 503 if not.",
        "application/json",
    ),
)
