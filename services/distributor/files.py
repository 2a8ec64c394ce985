"""The HTTP door for downloads: whole or in ranges, resumable, from blobs alone; nothing is stored for it."""

from __future__ import annotations

import base64
import re
from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import Request
from starlette.types import ASGIApp

from libs.common.bundle import layout as paths
from libs.common.clock import Clock
from libs.common.descriptors import check_room
from libs.common.digests import digest_hex, parse_digest
from libs.common.errors import BundleChanged, RangeNotSatisfiable, TooManyRanges
from libs.common.http.answers import Refusal, Refused
from libs.common.http.identity import caller_of, knows
from libs.common.http.kernel import takes_transfers
from libs.common.http.router import Call, Handler, Route, Router
from libs.common.http.stream import Headers, Pieces, Stream
from libs.common.rpc.tokens import TokenVerifier
from services.distributor.content import Content, JoinedContent, LiteralContent, SliceContent
from services.distributor.downloads import Downloads, Representation
from services.distributor.ranges import Span, Verdict, if_range_holds, precondition, wanted_spans

# Whoever may call this RPC may use these routes, and nobody else.
RIGHT = "/stellaops.export.v1.DistributionService/Download"
DRIVER = "http"  # whose deliveries leave through the distributor's own doors

OK, PARTIAL = 200, 206
Find = Callable[[str, str, Mapping[str, str]], Awaitable[Representation]]


def application(downloads: Downloads, verifier: TokenVerifier, clock: Clock) -> Router:
    """Return the door's ASGI application."""

    async def bundle(tenant: str, run: str, _: Mapping[str, str]) -> Representation:
        return await downloads.tar(tenant, run)

    async def file(tenant: str, run: str, variables: Mapping[str, str]) -> Representation:
        return await downloads.file(tenant, run, variables["path"])

    async def manifest(tenant: str, run: str, _: Mapping[str, str]) -> Representation:
        return await downloads.file(tenant, run, paths.MANIFEST)

    async def provenance(tenant: str, run: str, _: Mapping[str, str]) -> Representation:
        return await downloads.file(tenant, run, paths.PROVENANCE)

    async def signatures(tenant: str, run: str, _: Mapping[str, str]) -> Representation:
        return await downloads.signatures(tenant, run)

    served: tuple[tuple[str, Find], ...] = (
        ("bundle", bundle),
        ("files/{path}", file),
        ("manifest", manifest),
        ("provenance", provenance),
        ("signatures", signatures),
    )

    def answered(status: int, size: int) -> None:
        if status in (OK, PARTIAL):
            downloads.metrics.sent(DRIVER, size)

    return Router(
        [_route(name, find, downloads, verifier) for name, find in served],
        clock,
        answered=answered,
        is_known=knows(verifier),
    )


def _route(name: str, find: Find, downloads: Downloads, verifier: TokenVerifier) -> Route:
    pattern = re.compile(f"/runs/(?P<run>[^/]+)/{name.replace('{path}', '(?P<path>.+)')}")
    return Route("GET", pattern, f"/runs/{{run}}/{name}", _handler(find, downloads, verifier))


def _handler(find: Find, downloads: Downloads, verifier: TokenVerifier) -> Handler:
    async def handle(call: Call) -> ASGIApp:
        tenant = caller_of(call.request, verifier, RIGHT).tenant
        run = call.variables["run"]
        call.fields.update(tenant=tenant, run=run)
        check_room("the distributor")
        found = await find(tenant, run, call.variables)
        give = downloads.refer if takes_transfers(call.request.scope) else downloads.read

        def read(part: Content) -> Pieces:
            return give(tenant, part, 0, part.size)

        return _answer(call.request, found, run, read, downloads.metrics.resumed)

    return handle


def _answer(
    request: Request,
    found: Representation,
    run: str,
    read: Callable[[Content], Pieces],
    resumed: Callable[[], None],
) -> ASGIApp:
    verdict = precondition(request.headers.get("if-match"), request.headers.get("if-none-match"), found.etag)
    if verdict is Verdict.CHANGED:
        raise Refused(Refusal.of(BundleChanged(run=run, digest=found.digest)), {"ETag": found.etag})
    if verdict is Verdict.NOT_MODIFIED:
        return Headers(304, _validators(found))
    spans: tuple[Span, ...] = ()
    if request.method == "GET" and if_range_holds(request.headers.get("if-range"), found.etag):
        spans = _spans(request, found)
        if spans and (spans[0].start or "if-range" in request.headers):
            resumed()
    status, headers, content = selected(found, spans)
    if request.method == "HEAD":
        return Headers(status, headers)
    return Stream(read(content), status, headers)


def _spans(request: Request, found: Representation) -> tuple[Span, ...]:
    try:
        return wanted_spans(request.headers.get("range"), found.content.size)
    except (RangeNotSatisfiable, TooManyRanges) as error:
        headers = {**_validators(found), "Content-Range": f"bytes */{found.content.size}"}
        raise Refused(Refusal.of(error), headers) from error


def _validators(found: Representation) -> dict[str, str]:
    """Return the headers that every answer has: what the client may keep, and how it asks whether it may."""
    return {
        "ETag": found.etag,
        "Accept-Ranges": "bytes",
        # A run that is tried again may have another bundle, so a copy is used only after asking.
        "Cache-Control": "private, no-cache, no-transform",
        "Vary": "Authorization, X-Stella-Tenant",
        # The bytes that an entity tag names never change.
        "X-Stella-Immutability": "true",
    }


def selected(found: Representation, spans: tuple[Span, ...]) -> tuple[int, dict[str, str], Content]:
    """Return status, headers and bytes of the whole, of one range or of several."""
    size = found.content.size
    digest = base64.b64encode(bytes.fromhex(digest_hex(parse_digest(found.digest)))).decode("ascii")
    headers = {
        **_validators(found),
        "Content-Type": found.media_type,
        "Content-Disposition": f'attachment; filename="{found.file_name}"',
        "Repr-Digest": f"sha-256=:{digest}:",
    }
    if not spans:
        # Content-Digest (RFC 9530) is over what this answer carries; Digest (RFC 3230) is for older clients.
        headers |= {"Content-Digest": f"sha-256=:{digest}:", "Digest": f"sha-256={digest}"}
        return 200, {**headers, "Content-Length": str(size)}, found.content
    if len(spans) == 1:
        span = spans[0]
        headers |= {"Content-Range": span.content_range(size), "Content-Length": str(span.length)}
        return 206, headers, SliceContent(found.content, span.start, span.length)
    boundary = f"stella-{digest_hex(parse_digest(found.digest))[:40]}"
    content = _multipart(found, spans, boundary)
    headers |= {
        "Content-Type": f"multipart/byteranges; boundary={boundary}",
        "Content-Length": str(content.size),
    }
    return 206, headers, content


def _multipart(found: Representation, spans: tuple[Span, ...], boundary: str) -> JoinedContent:
    """Return the ranges as multipart/byteranges (RFC 9110, 14.6); no content holds its own digest."""
    parts: list[Content] = []
    for span in spans:
        head = (
            f"\r\n--{boundary}\r\nContent-Type: {found.media_type}\r\n"
            f"Content-Range: {span.content_range(found.content.size)}\r\n\r\n"
        )
        parts.append(LiteralContent(head.encode("ascii")))
        parts.append(SliceContent(found.content, span.start, span.length))
    parts.append(LiteralContent(f"\r\n--{boundary}--\r\n".encode("ascii")))
    return JoinedContent(parts)
