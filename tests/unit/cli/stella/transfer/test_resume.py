"""How a download goes on: bytes are appended to a beginning of the same whole alone."""

from __future__ import annotations

import base64
import hashlib

import pytest

from cli.stella.transfer.resume import (
    BadAnswer,
    Step,
    Whole,
    from_state,
    interpret,
    request_headers,
    to_state,
)

SOURCE = "http://127.0.0.1:1/api/export/runs/r/bundle"
DIGEST = "sha256:" + hashlib.sha256(b"x").hexdigest()
ETAG = f'"{DIGEST}"'
WHOLE = Whole(SOURCE, ETAG, DIGEST, 100)
PART = {"content-range": "bytes 40-99/100", "etag": ETAG}


def test_a_state_is_read_as_it_was_written() -> None:
    assert from_state(to_state(WHOLE), SOURCE) == WHOLE


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b"{}", b'{"version":1}', to_state(WHOLE).replace(b'"version": 1', b'"version": 2')]
)
def test_a_damaged_state_is_no_state(raw: bytes) -> None:
    assert from_state(raw, SOURCE) is None


def test_the_state_of_another_source_is_no_state() -> None:
    assert from_state(to_state(WHOLE), SOURCE + "x") is None


def test_what_is_missing_is_asked_for_on_condition() -> None:
    asked = request_headers(WHOLE, 40)
    assert (asked["Range"], asked["If-Range"], asked["Accept-Encoding"]) == ("bytes=40-", ETAG, "identity")


def test_a_finished_file_is_asked_for_only_if_it_differs() -> None:
    assert request_headers(None, 0, DIGEST)["If-None-Match"] == ETAG


def test_a_part_from_where_the_file_ends_is_appended() -> None:
    assert interpret(206, PART, SOURCE, WHOLE, 40) == (Step.APPEND, WHOLE)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        PART | {"content-range": "bytes 39-99/100"},
        PART | {"content-range": "bytes 40-98/100"},
        PART | {"content-range": "bytes 40-99/101"},
        PART | {"etag": '"sha256:other"'},
    ],
)
def test_any_other_part_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(BadAnswer):
        interpret(206, headers, SOURCE, WHOLE, 40)


def test_a_whole_starts_over() -> None:
    found = interpret(200, {"etag": ETAG, "content-length": "100"}, SOURCE, WHOLE, 40)
    assert found == (Step.START_OVER, WHOLE)


def test_a_digest_may_stand_in_its_own_header() -> None:
    digest = base64.b64encode(hashlib.sha256(b"x").digest()).decode()
    headers = {"etag": '"v1"', "repr-digest": f"sha-256=:{digest}:", "content-length": "1"}
    _, whole = interpret(200, headers, SOURCE, None, 0)
    assert whole == Whole(SOURCE, '"v1"', DIGEST, 1)


@pytest.mark.parametrize("headers", [{"etag": '"v1"', "content-length": "1"}, {"etag": ETAG}])
def test_a_whole_that_cannot_be_checked_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(BadAnswer):
        interpret(200, headers, SOURCE, None, 0)


def test_a_range_behind_the_end_means_that_all_is_there_or_nothing_fits() -> None:
    assert Step.FETCHED is interpret(416, {}, SOURCE, WHOLE, 100)[0]
    assert Step.ASK_AGAIN is interpret(416, {}, SOURCE, WHOLE, 120)[0]
