"""Decides which bytes of a representation an HTTP request gets (RFC 9110, sections 13 and 14): pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from libs.common.errors import RangeNotSatisfiable, TooManyRanges

# A client that resumes asks for one range, one that reads an index for a few; more is an attack or a mistake.
MAX_RANGES = 32
_RANGE = re.compile(r"([0-9]{1,18})-([0-9]{1,18})?|-([0-9]{1,18})")
_ENTITY_TAG = re.compile(r'(W/)?("[\x21\x23-\x7e]*")')
_UNIT = "bytes="


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes from `start`, `length` of them, at least one."""

    start: int
    length: int

    def content_range(self, size: int) -> str:
        """Return the value of Content-Range."""
        return f"bytes {self.start}-{self.start + self.length - 1}/{size}"


class Verdict(Enum):
    """What the preconditions of a request say."""

    SEND = 200
    NOT_MODIFIED = 304
    CHANGED = 412


def precondition(if_match: str | None, if_none_match: str | None, etag: str) -> Verdict:
    """Weigh If-Match and If-None-Match of a GET in the order of section 13.2.2."""
    if if_match is not None and not _lists(if_match, etag, weak=False):
        return Verdict.CHANGED
    if if_none_match is not None and _lists(if_none_match, etag, weak=True):
        return Verdict.NOT_MODIFIED
    return Verdict.SEND


def _lists(header: str, etag: str, *, weak: bool) -> bool:
    if header.strip() == "*":
        return True
    return any(tag == etag and (weak or not prefix) for prefix, tag in _ENTITY_TAG.findall(header))


def if_range_holds(if_range: str | None, etag: str) -> bool:
    """Say whether a Range may be served: what the client has a part of is still this. A date never holds."""
    return if_range is None or if_range.strip() == etag


def wanted_spans(header: str | None, size: int) -> tuple[Span, ...]:
    """Return the spans that a Range header wants, in its order; none means the whole.

    A header of another unit or form is passed over (section 14.2), and so is a list that wants more than
    there is: the whole is shorter. Raise RangeNotSatisfiable where no range lies within the size, and
    TooManyRanges beyond MAX_RANGES.
    """
    if header is None or not header.lower().startswith(_UNIT):
        return ()
    pieces = [piece.strip() for piece in header[len(_UNIT) :].split(",")]
    matches = [_RANGE.fullmatch(piece) for piece in pieces if piece]
    if not matches or any(_is_malformed(match) for match in matches):
        return ()
    if len(matches) > MAX_RANGES:
        raise TooManyRanges(ranges=len(matches), most=MAX_RANGES)
    spans = [span for match in matches if match is not None and (span := _span(match, size)) is not None]
    if not spans:
        first = next(match for match in matches if match is not None)
        raise RangeNotSatisfiable(offset=first[1] or size, total=size)
    if len(spans) > 1 and sum(span.length for span in spans) > size:
        return ()
    return tuple(spans)


def _is_malformed(match: re.Match[str] | None) -> bool:
    return match is None or (match[1] is not None and match[2] is not None and int(match[2]) < int(match[1]))


def _span(match: re.Match[str], size: int) -> Span | None:
    if match[3] is not None:
        length = min(int(match[3]), size)
        return Span(size - length, length) if length else None
    start = int(match[1])
    if start >= size:
        return None
    last = size - 1 if match[2] is None else min(int(match[2]), size - 1)
    return Span(start, last - start + 1)
