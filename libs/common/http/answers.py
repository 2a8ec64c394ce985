"""The one shape in which an HTTP door answers errors, and JSON answers beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from starlette.responses import Response

from libs.common.errors import ExportError, InvalidField, Unauthenticated

JSON = "application/json"
RETRY_SECONDS = 2  # a restart of a service takes about as long


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error as REST says it; `fields` are pairs of path and description."""

    http: int
    code: str
    message: str
    cure: str
    fields: tuple[tuple[str, str], ...] = ()
    retryable: bool = False

    @classmethod
    def of(cls, error: ExportError) -> Refusal:
        """Return what an error of the catalogue says."""
        fields = (
            ((error.details["field"], error.details["reason"]),) if isinstance(error, InvalidField) else ()
        )
        return cls(error.http, error.code, error.message, error.remedy, fields, error.retryable)

    def body(self, trace: str, moment: datetime) -> dict[str, Any]:
        """Return the JSON object; `details` has one entry for each field at fault."""
        return {
            "code": self.code,
            "message": self.message,
            "cure": self.cure,
            "details": [{"field": field, "description": description} for field, description in self.fields],
            "traceId": trace,
            "timestamp": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        }

    def response(self, trace: str, moment: datetime, headers: Mapping[str, str] | None = None) -> Response:
        """Return the whole answer."""
        more = dict(headers or {})
        if self.retryable:
            more["Retry-After"] = str(RETRY_SECONDS)
        if self.code == Unauthenticated.code:
            more["WWW-Authenticate"] = "Bearer"
        return json_response(self.body(trace, moment), self.http, more)


class Refused(Exception):
    """Raised by a handler that has its refusal ready, for example from another service's status."""

    def __init__(self, refusal: Refusal, headers: Mapping[str, str] | None = None) -> None:
        """Take what is to be answered."""
        super().__init__(refusal.message)
        self.refusal = refusal
        self.headers = dict(headers or {})


def json_response(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return an answer of one JSON value."""
    data = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    return Response(data, status, dict(headers or {}), JSON)
