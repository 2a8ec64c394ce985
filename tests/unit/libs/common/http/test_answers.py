"""The one shape of errors."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from libs.common.errors import InvalidField, RunNotFound, Unauthenticated, Unavailable
from libs.common.http.answers import Refusal

NOW = datetime(2026, 1, 31, 12, 0, 0, 5000, tzinfo=UTC)


def test_an_error_says_what_happened_what_to_do_and_where_to_look() -> None:
    answer = Refusal.of(RunNotFound(name="x")).response("a" * 32, NOW)
    assert answer.status_code == 404
    assert json.loads(bytes(answer.body)) == {
        "code": "ERR_EXPORT_RUN_NOT_FOUND",
        "message": "There is no run `x` in this tenant.",
        "cure": "See `stella export run list`.",
        "details": [],
        "traceId": "a" * 32,
        "timestamp": "2026-01-31T12:00:00.005Z",
    }


def test_a_field_at_fault_is_named() -> None:
    body = Refusal.of(InvalidField(field="spec.kind", reason="it is empty")).body("", NOW)
    assert body["details"] == [{"field": "spec.kind", "description": "it is empty"}]


def test_what_may_work_later_says_when() -> None:
    assert int(Refusal.of(Unavailable(dependency="x", reason="y")).response("", NOW).headers["retry-after"])
    assert "retry-after" not in Refusal.of(RunNotFound(name="x")).response("", NOW).headers


def test_a_missing_token_names_the_scheme() -> None:
    answer = Refusal.of(Unauthenticated(reason="there is none")).response("", NOW)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
