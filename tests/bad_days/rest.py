"""What the REST door refuses: requests that no command of ours sends."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from dataclasses import dataclass

import httpx

from tests.bad_days.case import Day

MIB = 1 << 20
PROFILES = "/api/export/profiles"
_SPEC = {"spec": {"kind": "json", "variant": "raw"}}
_FORM = {"Content-Type": "multipart/form-data; boundary=x"}
_CUT_FORM = (
    b'--x\r\nContent-Disposition: form-data; name="spec"\r\n\r\n{}\r\n'
    b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.json"\r\n\r\n{"id":'
)
AGAIN = "Correct `{field}` and send the request again."


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer: status, code, message and cure."""

    status: int
    code: str
    message: str
    cure: str


@dataclass(frozen=True, slots=True)
class Request:
    """A request that is refused, and how; `{…}` as in `Case`."""

    title: str
    how: str
    answer: Answer
    send: Callable[[Day, httpx.Client], Answer]


def answer_of(response: httpx.Response) -> Answer:
    """Return what an answer says."""
    body = response.json()
    return Answer(response.status_code, body["code"], body["message"], body["cure"])


def _post(content: bytes) -> Callable[[Day, httpx.Client], Answer]:
    headers = {"Content-Type": "application/json"}
    return lambda _, client: answer_of(
        client.post(f"{PROFILES}?profileId=never-made", content=content, headers=headers)
    )


def _get(path: str, **headers: str) -> Callable[[Day, httpx.Client], Answer]:
    return lambda _, client: answer_of(client.get(path, headers=headers))


def _raw(day: Day, head: bytes) -> Answer:
    """Send bytes as they are, since no library of ours would."""
    host, _, port = day.suite.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(head)
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    answered, _, body = received.partition(b"\r\n\r\n")
    said = json.loads(body)
    return Answer(int(answered.split()[1]), said["code"], said["message"], said["cure"])


def _header_bomb(day: Day, client: httpx.Client) -> Answer:
    del client
    return _raw(day, b"GET /api/export/runs HTTP/1.1\r\nHost: x\r\nX-Bomb: " + b"a" * 66_000)


def _no_http(day: Day, client: httpx.Client) -> Answer:
    del client
    return _raw(day, b"\x16\x03\x01 hello\r\n\r\n")


def _make(client: httpx.Client, name: str) -> None:
    answer = client.post(f"{PROFILES}?profileId={name}", json=_SPEC)
    assert answer.status_code in (201, 409), answer.text


def _foreign_page_token(_: Day, client: httpx.Client) -> Answer:
    for name in ("page-1", "page-2"):
        _make(client, name)
    given = client.get(PROFILES, params={"pageSize": 1}).json()["nextPageToken"]
    return answer_of(client.get("/api/export/runs", params={"pageToken": given}))


def _etag(_: Day, client: httpx.Client) -> Answer:
    _make(client, "etag-1")
    changed = {**_SPEC, "displayName": "mine"}
    return answer_of(client.put(f"{PROFILES}/etag-1", json=changed, headers={"If-Match": '"of-before"'}))


def _form(content: bytes) -> Callable[[Day, httpx.Client], Answer]:
    return lambda _, client: answer_of(client.post("/api/evidence/imports", content=content, headers=_FORM))


def _invalid(
    title: str, how: str, field: str, reason: str, send: Callable[[Day, httpx.Client], Answer]
) -> Request:
    message = f"Field `{field}` is not valid: {reason}."
    cure = f"Correct `{field}` and send the request again."
    return Request(title, how, Answer(400, "ERR_EXPORT_INVALID", message, cure), send)


def _too_large(title: str, how: str, what: str, send: Callable[[Day, httpx.Client], Answer]) -> Request:
    message = f"{what} is larger than the limit of {{limit}}."
    return Request(
        title,
        how,
        Answer(413, "ERR_EXPORT_TOO_LARGE", message, "Split it, or raise the limit where that is safe."),
        send,
    )


REQUESTS = (
    _invalid(
        "a body that ends in the middle",
        'POST of `{"displayName":`',
        "body",
        "the record ends in the middle, after {more}",
        _post(b'{"displayName":'),
    ),
    _invalid(
        "a member that stands twice",
        "POST of it",
        "body",
        "the member 'displayName' stands more than once in one object; keep one of them",
        _post(b'{"displayName":"a","displayName":"b"}'),
    ),
    _invalid(
        "NaN in a body",
        "POST of it",
        "body",
        "NaN is no JSON number; write null, or leave the member out",
        _post(b'{"displayName":NaN}'),
    ),
    _invalid(
        "a byte order mark before a body",
        "POST of it",
        "body",
        "the record begins with a byte order mark (efbbbf); write UTF-8 without one",
        _post(b"\xef\xbb\xbf{}"),
    ),
    _invalid(
        "a body that is not UTF-8",
        "POST of it",
        "body",
        "byte 16 (0xff) is not UTF-8: invalid start byte; write it as UTF-8",
        _post(b'{"displayName":"\xff"}'),
    ),
    _invalid(
        "half a surrogate pair in a body",
        "POST of it",
        "body",
        "the text '\\ud800' holds half of a surrogate pair; {more}",
        _post(b'{"displayName":"\\ud800"}'),
    ),
    _invalid(
        "an integer beyond 2^53 in a body",
        "POST of it",
        "body",
        "the number '9007199254740993' would become 9007199254740992.0 as a double; {more}",
        _post(b'{"spec":{"compressionLevel":9007199254740993}}'),
    ),
    _invalid(
        "a body nested 10,000 deep",
        "POST of it",
        "body",
        "the record nests deeper than 254 levels; {more}",
        _post(b'{"displayName":' + b"[" * 10_000 + b"]" * 10_000 + b"}"),
    ),
    _invalid(
        "an unknown member",
        "POST of it",
        "profile.frequency",
        "there is no such member; there are: {known}",
        _post(b'{"frequency":1}'),
    ),
    _invalid(
        "an unknown parameter",
        "GET with `?frequency=1`",
        "frequency",
        "there is no such parameter; there are: {known}",
        _get("/api/export/runs?frequency=1"),
    ),
    _too_large(
        "a huge body",
        "POST of 50 MB",
        "The body of the request",
        _post(b'{"displayName":"' + b"a" * (50 * MIB) + b'"}'),
    ),
    _too_large(
        "a header beyond the limit",
        "a header of 20 KB",
        "The header of the request",
        _get("/api/export/runs", **{"X-Bomb": "a" * 20_000}),
    ),
    _too_large("a header bomb", "a header that does not end", "The header of the request", _header_bomb),
    _too_large(
        "a URL beyond the limit",
        "a query of 20 KB",
        "The URL of the request",
        _get("/api/export/runs?filter=" + "a" * 20_000),
    ),
    _invalid(
        "what is no HTTP", "a TLS greeting to the plain port", "request", "it is not HTTP/1.1", _no_http
    ),
    Request(
        "a page token of another list",
        "GET of runs with a token of profiles",
        Answer(
            400,
            "ERR_EXPORT_PAGE_TOKEN",
            "The page token does not belong to this list and filter.",
            "Start again without a page token.",
        ),
        _foreign_page_token,
    ),
    Request(
        "a page token that is none",
        "GET with `?pageToken=rubbish`",
        Answer(
            400,
            "ERR_EXPORT_PAGE_TOKEN",
            "The page token does not belong to this list and filter.",
            "Start again without a page token.",
        ),
        _get("/api/export/runs?pageToken=rubbish"),
    ),
    Request(
        "a profile that somebody else has changed",
        "PUT with an old `If-Match`",
        Answer(
            412,
            "ERR_EXPORT_ETAG",
            "Profile `etag-1` has changed since it was read.",
            "Read it again, apply the change to what it is now, and send it with the new etag.",
        ),
        _etag,
    ),
    _invalid(
        "an import that ends in the middle",
        "POST of half a form",
        "body",
        "the form ends in the middle; nothing was taken",
        _form(_CUT_FORM),
    ),
    _invalid(
        "an import that is no form",
        "POST of other bytes",
        "body",
        "it is no multipart form: {reason}",
        _form(b"hello"),
    ),
)
