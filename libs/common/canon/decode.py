"""Reads one JSON record strictly: what RFC 8785 cannot carry unchanged is rejected with a stable reason.

Numbers come out as `int` when they are whole and within 2^53 - 1, else as `float`, however they were written.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from enum import StrEnum
from itertools import accumulate

# The largest real documents (SBOMs of whole products, CSAF of a year) are 5 to 50 MB.
MAX_RECORD_BYTES = 64 * 1024 * 1024
# A value takes about 64 bytes once read, a byte or two while written: without this bound the 64 MiB above
# could take gigabytes. Real documents hold at most one value in 8 bytes.
MAX_RECORD_VALUES = 8_000_000
# Real documents go 20 deep. 254 is where the fast writer (orjson) stops, so both ways draw the same line.
MAX_DEPTH = 254
# The longest literal without needless zeros is a sign, `0.`, 323 zeros and 17 digits.
MAX_NUMBER_CHARACTERS = 400
# Beyond it a double skips whole numbers (RFC 8785, appendix D).
MAX_SAFE_INTEGER = 2**53 - 1
# So much of a name, literal or text stands in a message.
SHOWN_CHARACTERS = 60

_ORDER_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_WHITESPACE = " \t\n\r"
_SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_CURLY_TO_SQUARE = bytes.maketrans(b"{}", b"[]")
_NEITHER_BRACKET_NOR_QUOTE = bytes(byte for byte in range(256) if byte not in b'[]{}"')
_STRING = re.compile(rb'"[^"]*"?')
_STEPS = [1 if byte == ord("[") else -1 for byte in range(256)]
_CUT_WORD = re.compile(r"-|t|tr|tru|f|fa|fal|fals|n|nu|nul")
_CUT_NUMBER = re.compile(r"\.|[eE][+-]?")
_CUT_ESCAPE = re.compile(r"\\u[0-9a-fA-F]{0,4}\Z")


class Reason(StrEnum):
    """Why a record is put aside; the names stand in the ledger and stay as they are."""

    NOT_JSON = "not-json"
    TRAILING_DATA = "trailing-data"
    TRUNCATED = "truncated"
    INVALID_UTF8 = "invalid-utf8"
    BYTE_ORDER_MARK = "byte-order-mark"
    DUPLICATE_MEMBER = "duplicate-member"
    NUMBER_OUT_OF_RANGE = "number-out-of-range"
    LONE_SURROGATE = "lone-surrogate"
    NOT_A_NUMBER = "not-a-number"
    TOO_DEEP = "too-deep"
    TOO_LARGE = "too-large"


class Rejected(ValueError):
    """A record that is not taken: `reason` is a stable name, `detail` says what, where and what is right."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


def read(raw: bytes) -> object:
    """Return the value that `raw` spells, or raise `Rejected`."""
    check_size(raw)
    text = _decoded(raw)
    if _is_too_deep(raw):
        raise Rejected(
            Reason.TOO_DEEP,
            f"the record nests deeper than {MAX_DEPTH} levels; flatten it, or store the inner part as text",
        )
    try:
        value: object = _READER.decode(text)
    except json.JSONDecodeError as error:
        raise _syntax_fault(error, text) from error
    if _SURROGATE_ESCAPE.search(raw) is not None:
        _refuse_lone_surrogates(value)
    return value


def check_size(raw: bytes) -> None:
    """Raise `Rejected` when `raw` is larger than a record may be."""
    if len(raw) > MAX_RECORD_BYTES:
        raise Rejected(
            Reason.TOO_LARGE,
            f"the record has {len(raw):,} bytes, {MAX_RECORD_BYTES:,} are allowed; split the document",
        )
    if len(raw) <= MAX_RECORD_VALUES:
        return
    values = raw.count(b",") + raw.count(b"[") + raw.count(b"{")
    if values > MAX_RECORD_VALUES:
        raise Rejected(
            Reason.TOO_LARGE,
            f"the record has about {values:,} values, {MAX_RECORD_VALUES:,} are allowed; split the document",
        )


def number(literal: str) -> int | float:
    """Return the number that a JSON literal names; reject one that a double would not give back unchanged."""
    double = float(literal) if len(literal) <= MAX_NUMBER_CHARACTERS else math.nan
    if math.isnan(double):
        raise _out_of_range(literal, f"has more than {MAX_NUMBER_CHARACTERS} characters")
    if math.isinf(double):
        raise _out_of_range(literal, "is beyond the largest double, about 1.8e308")
    if double == 0.0:
        if literal.lower().partition("e")[0].strip("-0."):
            raise _out_of_range(literal, "is nearer to zero than the smallest double, about 5e-324")
        return 0
    if Decimal(repr(double)) != Decimal(literal):
        raise _out_of_range(literal, f"would become {double!r} as a double")
    return int(double) if double.is_integer() and abs(double) <= MAX_SAFE_INTEGER else double


def shown(text: str) -> str:
    """Return `text` quoted, in ASCII and short enough for a message."""
    return ascii(text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…")


def _out_of_range(literal: str, what: str) -> Rejected:
    return Rejected(
        Reason.NUMBER_OUT_OF_RANGE,
        f"the number {shown(literal)} {what}; write it with at most 15 significant digits, or as text",
    )


def _refuse_constant(literal: str) -> object:
    raise Rejected(Reason.NOT_A_NUMBER, f"{literal} is no JSON number; write null, or leave the member out")


def _members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        name = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise Rejected(
            Reason.DUPLICATE_MEMBER,
            f"the member {shown(name)} stands more than once in one object; keep one of them",
        )
    return members


_READER = json.JSONDecoder(
    object_pairs_hook=_members, parse_float=number, parse_int=number, parse_constant=_refuse_constant
)


def _decoded(raw: bytes) -> str:
    if raw.startswith(_ORDER_MARKS):
        raise Rejected(
            Reason.BYTE_ORDER_MARK,
            f"the record begins with a byte order mark ({raw[:3].hex()}); write UTF-8 without one",
        )
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.reason == "unexpected end of data":
            raise _truncated(len(raw)) from error
        raise Rejected(
            Reason.INVALID_UTF8,
            f"byte {error.start} (0x{raw[error.start]:02x}) is not UTF-8: {error.reason}; write it as UTF-8",
        ) from error


def _is_too_deep(raw: bytes) -> bool:
    """Tell whether brackets outside strings nest too deep, without recursion, be `raw` JSON or not."""
    if raw.count(b"[") + raw.count(b"{") <= MAX_DEPTH:
        return False
    if b"\\" in raw:
        raw = raw.replace(b"\\\\", b"").replace(b'\\"', b"")
    brackets = _STRING.sub(b"", raw.translate(_CURLY_TO_SQUARE, _NEITHER_BRACKET_NOR_QUOTE))
    return any(depth > MAX_DEPTH for depth in accumulate(map(_STEPS.__getitem__, brackets)))


def _syntax_fault(error: json.JSONDecodeError, text: str) -> Rejected:
    position = len(text[: error.pos].encode())
    if _ends_in_the_middle(error, text):
        return _truncated(len(text.encode()))
    after = shown(text[error.pos : error.pos + SHOWN_CHARACTERS])
    follows_number = error.pos > 0 and text[error.pos - 1].isdigit() and text[error.pos] in "0123456789.eE+-"
    if error.msg == "Extra data" and not follows_number:
        return Rejected(
            Reason.TRAILING_DATA,
            f"the value ends before byte {position}, then comes {after}; write one value a record",
        )
    what = (
        "malformed number"
        if error.msg == "Extra data"
        else error.msg.removesuffix(" at").removesuffix(" starting")
    )
    return Rejected(
        Reason.NOT_JSON, f"{what} at byte {position}, where {after} stands; write JSON as in RFC 8259"
    )


def _ends_in_the_middle(error: json.JSONDecodeError, text: str) -> bool:
    """Tell whether more bytes could have made it JSON, judging from where and why reading stopped."""
    rest = text[error.pos :]
    if error.msg.startswith("Unterminated string") or not rest.strip(_WHITESPACE):
        return True
    if error.msg.startswith("Invalid \\uXXXX escape"):
        return _CUT_ESCAPE.search(text) is not None
    if error.msg == "Expecting value":
        return _CUT_WORD.fullmatch(rest) is not None
    return error.pos > 0 and text[error.pos - 1].isdigit() and _CUT_NUMBER.fullmatch(rest) is not None


def _truncated(length: int) -> Rejected:
    what = f"the record ends in the middle, after {length} bytes" if length else "the record is empty"
    return Rejected(Reason.TRUNCATED, f"{what}; fetch it again")


def _refuse_lone_surrogates(value: object) -> None:
    for text in _texts(value):
        if _SURROGATE.search(text) is not None:
            raise Rejected(
                Reason.LONE_SURROGATE,
                f"the text {shown(text)} holds half of a surrogate pair; write the whole pair, or \\ufffd",
            )


def _texts(value: object) -> Iterator[str]:
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            yield from item
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)
