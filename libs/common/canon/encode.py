"""Writes a JSON value as canonical bytes (RFC 8785), natively where that provably gives the same bytes."""

import re
from decimal import Decimal

import orjson
import rfc8785

from libs.common.canon.decode import MAX_DEPTH, MAX_SAFE_INTEGER

# Sorted by code point, whole numbers within 2^53 - 1 or an error.
NATIVE_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER
# Below it the native writer uses an exponent where ECMAScript does not (1e-6).
SMALLEST_PLAIN_FLOAT = 1e-5
# From here on it uses an exponent, or appends `.0`, where ECMAScript does neither.
LARGEST_PLAIN_FLOAT = 2.0**53

# First bytes of the UTF-8 of characters beyond U+FFFF.
_ASTRAL_LEADS = (b"\xf0", b"\xf1", b"\xf2", b"\xf3", b"\xf4")
# From such a character to the end of the string it stands in; possessive, so that it never backtracks.
_ASTRAL_TEXT = re.compile(rb'[\xf0-\xf4](?:[^"\\]++|\\.)*+"')

# Others are subclasses (enumerations, named tuples): the native writer knows some, and spells them otherwise.
_EXACT_KINDS = frozenset({dict, list, tuple, float})


class Unencodable(ValueError):
    """A value that canonical JSON cannot carry."""


def encode(value: object) -> bytes:
    """Return the canonical bytes of a value made of None, bool, int, float, str, list, tuple and dict."""
    if _is_plain(value):
        try:
            written = orjson.dumps(value, option=NATIVE_OPTIONS)
        except orjson.JSONEncodeError:
            # A large integer, which may be exact, or a lone surrogate: the reference writer tells them apart.
            return _encode_by_reference(value)
        if not has_astral_name(written):
            return written
    return _encode_by_reference(value)


def has_astral_name(written: bytes) -> bool:
    """Tell whether a member name holds a character beyond U+FFFF: only then may UTF-16 order be another."""
    if written.isascii() or not any(lead in written for lead in _ASTRAL_LEADS):
        return False
    return any(written[found.end() : found.end() + 1] == b":" for found in _ASTRAL_TEXT.finditer(written))


def is_plain_float(double: float) -> bool:
    """Tell whether the native writer spells `double` as ECMAScript does."""
    return SMALLEST_PLAIN_FLOAT <= abs(double) < LARGEST_PLAIN_FLOAT and not double.is_integer()


def _is_plain(value: object) -> bool:
    """Tell whether the native writer may be asked; raise for what is no JSON value or nests too deep."""
    plain = True
    level = [value]
    for depth in range(MAX_DEPTH + 1):
        below: list[object] = []
        containers = 0
        for item in level:
            kind = type(item)
            if kind is str or kind is int or kind is bool or item is None:
                continue
            if isinstance(item, dict):
                containers += 1
                _check_names(item)
                below.extend(item.values())
            elif isinstance(item, list | tuple):
                containers += 1
                below.extend(item)
            elif isinstance(item, float):
                plain = plain and is_plain_float(item)
            elif not isinstance(item, str | int):
                raise Unencodable(
                    f"{kind.__name__} is no JSON type. Convert it to text, a number or an object first."
                )
            plain = plain and kind in _EXACT_KINDS
        if not containers:
            return plain
        if depth == MAX_DEPTH:
            break
        level = below
    raise Unencodable(f"The value nests deeper than {MAX_DEPTH} levels. Flatten it.")


def _check_names(members: dict[object, object]) -> None:
    for name in members:
        if type(name) is not str:
            raise Unencodable(f"The member name {name!r:.60} is no text. Convert it to str first.")


def _encode_by_reference(value: object) -> bytes:
    carried = _with_large_integers_as_doubles(value)
    try:
        return rfc8785.dumps(carried)  # type: ignore[arg-type] # what it is made of was checked by _is_plain
    except rfc8785.FloatDomainError as error:
        raise Unencodable(f"{error}. Write null, or leave the member out.") from error
    except (rfc8785.CanonicalizationError, UnicodeEncodeError) as error:
        raise Unencodable(
            "A text holds half of a surrogate pair. Write the whole pair, or \\ufffd."
        ) from error


def _with_large_integers_as_doubles(value: object) -> object:
    if isinstance(value, dict):
        return {name: _with_large_integers_as_doubles(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_with_large_integers_as_doubles(item) for item in value]
    if isinstance(value, int) and abs(value) > MAX_SAFE_INTEGER:
        return _double(value)
    return value


def _double(integer: int) -> float:
    try:
        double = float(integer)
    except OverflowError as error:
        raise Unencodable(
            f"An integer of {integer.bit_length()} bits is beyond a double. Write it as text."
        ) from error
    if Decimal(repr(double)) != integer:
        raise Unencodable(f"The integer {integer} would become {double!r} as a double. Write it as text.")
    return double
