"""Settings: environment variables read into one frozen dataclass, checked at start."""

from __future__ import annotations

import dataclasses
import os
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from libs.common.errors import ExportError

PREFIX = "EXPORT_"

T = TypeVar("T")


class BadSetting(ExportError):
    """A setting that cannot be used."""

    code = "ERR_EXPORT_SETTING"
    sentence = "Setting `{name}` cannot be used: {reason}."
    cure = "Correct the environment variable `{name}` and start again."


def setting(
    doc: str, *, default: Any = dataclasses.MISSING, low: float | None = None, high: float | None = None
) -> Any:
    """Describe one setting: a line of documentation, a default that works, a range for numbers."""
    return dataclasses.field(default=default, metadata={"doc": doc, "low": low, "high": high})


def load(kind: type[T], environment: Mapping[str, str] | None = None) -> T:
    """Return `kind` with every field taken from `EXPORT_<FIELD>` or its default."""
    source = os.environ if environment is None else environment
    hints = typing.get_type_hints(kind)
    values: dict[str, Any] = {}
    for field in dataclasses.fields(kind):  # type: ignore[arg-type] # a dataclass by contract
        variable = PREFIX + field.name.upper()
        if variable in source:
            values[field.name] = _convert(variable, source[variable], hints[field.name], field.metadata)
        elif field.default is dataclasses.MISSING:
            raise BadSetting(name=variable, reason="it is not set and has no default")
    return kind(**values)


def _convert(variable: str, text: str, hint: Any, metadata: Mapping[str, Any]) -> Any:
    if hint is bool:
        if text.lower() not in ("true", "false"):
            raise BadSetting(name=variable, reason=f"`{text[:40]}` is neither `true` nor `false`")
        return text.lower() == "true"
    if hint in (int, float):
        try:
            number = hint(text)
        except ValueError as error:
            raise BadSetting(name=variable, reason=f"`{text[:40]}` is not a number") from error
        low, high = metadata.get("low"), metadata.get("high")
        if (low is not None and number < low) or (high is not None and number > high):
            raise BadSetting(name=variable, reason=f"{number} is not between {low} and {high}")
        return number
    return text


def read_secret(name: str, path: str) -> str:
    """Return the text of a secret file without its line end."""
    try:
        return Path(path).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        variable = PREFIX + name.upper()
        raise BadSetting(name=variable, reason=f"its file cannot be read ({type(error).__name__})") from error


@dataclasses.dataclass(frozen=True, kw_only=True)
class ServiceSettings:
    """What every service needs; secrets are file paths, never values."""

    grpc_listen: str = setting("Address and port of the gRPC door.", default="127.0.0.1:0")
    blobs_url: str = setting("Blob store: `file:///…`, `s3://…`, `gs://…` or `az://…`.")
    nats_url: str = setting("NATS server.", default="nats://127.0.0.1:4222")
    nats_user: str = setting("NATS user of this service.", default="")
    nats_password_file: str = setting("File that holds its password.", default="")
    database_url: str = setting("PostgreSQL: `postgresql://role@host:port/database`.", default="")
    database_password_file: str = setting("File that holds the role's password.", default="")
    jwks_file: str = setting("Public keys of the token issuer (JWKS).")
    token_issuer: str = setting("Issuer that tokens must name.")
    token_audience: str = setting("Audience that tokens must name.", default="export-center")
    service_token_file: str = setting("File with this service's own token for other services.", default="")
    tls_certificate_file: str = setting("Certificate (PEM) of this service; empty: no TLS.", default="")
    tls_key_file: str = setting("Its private key (PEM).", default="")
    tls_authority_file: str = setting("Authority (PEM) that peers must have.", default="")
    reflection: bool = setting("Offer gRPC reflection.", default=False)
    log_level: str = setting("`debug`, `info`, `warning` or `error`.", default="info")
    metrics_listen: str = setting("Address and port of the metrics page; empty: none.", default="")
    otlp_endpoint: str = setting(
        "Collector that takes traces by OTLP over HTTP: `http://host:4318`; empty: none are made.", default=""
    )
    ready_file: str = setting("File to write the chosen gRPC address to, once ready.", default="")
    points_directory: str = setting(
        "Folder with orders of tests that disturb services at named points; empty: none.",
        default="",
    )
