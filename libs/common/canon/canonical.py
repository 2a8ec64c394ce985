"""Turns a JSON record into its canonical bytes and its value in one strict pass: the hot loop of imports.

The native way (msgspec reads, orjson writes) is taken only where its result is provably that of the strict
reader and the reference writer. Every doubt and fault goes to those two, which name the reason.
"""

import msgspec
import orjson

from libs.common.canon.decode import MAX_RECORD_BYTES, Reason, Rejected, check_size, read
from libs.common.canon.encode import NATIVE_OPTIONS, encode, has_astral_name, is_plain_float

# So many characters hold at most 15 digits beside the point, which every double gives back unchanged.
_EXACT_CHARACTERS = 16


class _NotPlainError(ValueError):
    """A number that the native writer may spell otherwise than ECMAScript."""


def canonical(raw: bytes) -> tuple[bytes, object]:
    """Return the canonical bytes of `raw` and its value, or raise `Rejected`."""
    check_size(raw)
    try:
        value = _decode(raw)
        written = orjson.dumps(value, option=NATIVE_OPTIONS)
    except (ValueError, TypeError, RecursionError):
        # Malformed, or merely unusual: only the strict reader can tell, and it names the reason.
        return _canonical_strictly(raw)
    if has_astral_name(written) or not _has_same_members(raw, written):
        return _canonical_strictly(raw)
    return _bounded(written), value


def _canonical_strictly(raw: bytes) -> tuple[bytes, object]:
    value = read(raw)
    return _bounded(encode(value)), value


def _bounded(written: bytes) -> bytes:
    # `1e20` grows to 21 digits, so the canonical form of an allowed record can be too large itself.
    if len(written) > MAX_RECORD_BYTES:
        raise Rejected(
            Reason.TOO_LARGE,
            f"the canonical form has {len(written):,} of {MAX_RECORD_BYTES:,} bytes; split the document",
        )
    return written


def _plain_number(literal: str) -> int | float:
    """Return the number as `decode.number` does, but give up on all that needs a closer look.

    A literal without exponent never becomes longer in its canonical form: `_has_same_members` relies on it.
    """
    if "e" in literal or "E" in literal:
        raise _NotPlainError
    double = float(literal)
    if len(literal) > _EXACT_CHARACTERS:
        if repr(double) != literal or not is_plain_float(double):
            raise _NotPlainError
        return double
    if double.is_integer():
        return int(double)
    if not is_plain_float(double):
        raise _NotPlainError
    return double


_decode = msgspec.json.Decoder(float_hook=_plain_number).decode


def _has_same_members(raw: bytes, written: bytes) -> bool:
    r"""Tell whether reading dropped no duplicate member.

    Nothing grows in canonical form here, and a dropped member takes 5 bytes with it: equal length is proof.
    Else the quotes that delimit strings are counted: a dropped member takes the two of its name with it.
    Quotes inside strings are as many before as after, unless one was written `\u0022`.
    """
    if len(raw) == len(written):
        return True
    if b"\\u0022" in raw:
        return _delimiting_quotes(raw) == _delimiting_quotes(written)
    return raw.count(b'"') == written.count(b'"')


def _delimiting_quotes(text: bytes) -> int:
    quotes = text.count(b'"')
    if b"\\" in text:
        quotes -= text.replace(b"\\\\", b"").count(b'\\"')
    return quotes
