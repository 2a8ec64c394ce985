"""Spells random JSON records in every way a feed may, right and wrong, from a seeded source of randomness."""

import math
import random
import struct
from collections.abc import Callable

_CHARACTERS = (
    [chr(code) for code in range(0x20, 0x7F)] * 3
    + [chr(code) for code in range(0x20)]
    + [
        "\x7f",
        "\x80",
        "é",
        "ö",
        "\u2028",
        "\ufb33",
        "\ue000",
        "\uffff",
        "한",
        "\U0001f600",
        "\U00010000",
        "\U0010ffff",
    ]
)
_SHORT_ESCAPES = {
    "\b": "\\b",
    "\t": "\\t",
    "\n": "\\n",
    "\f": "\\f",
    "\r": "\\r",
    '"': '\\"',
    "\\": "\\\\",
    "/": "\\/",
}
_FAULTS = [
    "NaN",
    "-Infinity",
    '"\\ud800"',
    '"\\udc00\\ud800"',
    "9007199254740993",
    "18446744073709551616",
    "0.1234567890123456789",
    "1e400",
    "1e-400",
    '{"a":1,"\\u0061":2}',
    '{"x":[],"y":0,"x":{}}',
    '{"\\"":1,"\\u0022":2}',
    "01",
    "1.",
    "[1,]",
    "'a'",
    '"\x01"',
    "tru",
    "[" * 300 + "]" * 300,
]
_FAULTS += [
    "1" * 500,
    "-" + "9" * 309,
    "0." + "0" * 330 + "1",
    '{"\\ud83d\\ude00":1,"\U0001f600":2}',
    '"\\ud83d"',
]
# In UTF-16 the last three sort before those from U+D800 to U+FFFF, by code point after them.
_NAMES = [
    "",
    "a",
    "aa",
    "Z",
    "\x00",
    "\ud7ff",
    "\ue000",
    "\ufb33",
    "\uffff",
    "\U00010000",
    "\U0001f600",
    "\U0010ffff",
]
# Where spellings change: ECMAScript's exponents, exact integers, where a native part differs from it.
_EDGES = [
    1e-7,
    1e-6,
    1e-5,
    1e-4,
    1.0,
    1e15,
    1e16,
    1e17,
    1e20,
    1e21,
    1e22,
    2.0**53,
    2.0**63,
    2.0**64,
    5e-324,
    2.0**-1022,
]
_SURROUNDINGS = [(b"\xef\xbb\xbf", b""), (b"\xff", b""), (b"", b"{}"), (b" ", b",\n"), (b"\n", b"\x00")]


def record(source: random.Random) -> bytes:
    """Return the UTF-8 text of one record; about one in 20 cannot be taken."""
    text = _shaped(source)
    if source.random() < 0.05:
        text = (
            text[:-1].rstrip()
            + (", " if text.strip("{} \t\n\r") else "")
            + '"fault": '
            + source.choice(_FAULTS)
            + "}"
        )
    raw = text.encode()
    chance = source.random()
    if chance < 0.01:
        return raw[: source.randrange(len(raw))]
    if chance > 0.98:
        at = source.randrange(len(raw))
        return raw[:at] + source.randbytes(source.randrange(3)) + raw[at + source.randrange(3) :]
    before, after = source.choice(_SURROUNDINGS) if chance < 0.02 else (b"", b"")
    return before + raw + after


def _shaped(source: random.Random) -> str:
    """Return the text of an object: mostly a small one, now and then a deep or a wide one."""
    shape = source.random()
    if shape < 0.01:
        opening = [source.choice(["[", '{"a":', '{"":']) for _ in range(source.randrange(253))]
        closing = "".join("]" if each == "[" else "}" for each in reversed(opening))
        return '{"deep":' + "".join(opening) + _value(source, 5) + closing + "}"
    if shape < 0.015:
        count = source.randrange(2000)
        items = ",".join(f"{_spelt(source, f'{source.random()}')}:{_value(source, 5)}" for _ in range(count))
        return "{" + items + "}"
    return _object(source, 0)


def _value(source: random.Random, depth: int) -> str:
    makers: list[Callable[[random.Random, int], str]] = [_text, _text, _number, _word]
    if depth < 5:
        makers += [_object, _array]
    return source.choice(makers)(source, depth)


def _object(source: random.Random, depth: int) -> str:
    hostile = source.random() < 0.3
    names = {
        "".join(source.choices(_NAMES, k=source.randrange(4))) if hostile else _characters(source, 6)
        for _ in range(source.randrange(7))
    }
    members = [
        f"{_spelt(source, name)}{_space(source)}:{_space(source)}{_value(source, depth + 1)}"
        for name in sorted(names, key=lambda name: (source.random(), name))
    ]
    return "{" + _space(source) + f"{_space(source)},{_space(source)}".join(members) + _space(source) + "}"


def _array(source: random.Random, depth: int) -> str:
    items = [_value(source, depth + 1) for _ in range(source.randrange(6))]
    return "[" + _space(source) + f"{_space(source)},".join(items) + "]"


def _text(source: random.Random, _depth: int) -> str:
    return _spelt(source, _characters(source, 40))


def _word(source: random.Random, _depth: int) -> str:
    return source.choice(["true", "false", "null"])


def _number(source: random.Random, _depth: int) -> str:
    return source.choice(_NUMBERS)(source)


def _whole(source: random.Random) -> str:
    return str(source.randrange(-(10 ** source.randrange(1, 20)), 10 ** source.randrange(1, 20)))


def _price(source: random.Random) -> str:
    return f"{source.randrange(100)}.{source.randrange(10)}" + "0" * source.randrange(3)


def _short_exponent(source: random.Random) -> str:
    return f"{source.randrange(1000)}{source.choice('eE')}{source.randrange(-30, 30)}"


def _fraction(source: random.Random) -> str:
    return f"0.{source.randrange(10**9):09d}" + source.choice(["", "0"])


def _near_a_power(source: random.Random) -> str:
    return f"{source.choice(['', '-'])}{2 ** source.randrange(65) + source.randrange(3)}"


def _odd(source: random.Random) -> str:
    return source.choice(
        ["-0", "-0.0", "0.0", "0E7", "9007199254740991", "9007199254740992", "1e21", "1e-7", "1E+16"]
    )


def _near_an_edge(source: random.Random) -> str:
    """Spell a double within a few steps of an edge, shortest or in full, so that it may be inexact."""
    double = source.choice(_EDGES)
    for _ in range(source.randrange(4)):
        double = math.nextafter(double, source.choice((0.0, math.inf)))
    if source.random() < 0.5:
        return repr(source.choice((-1, 1)) * double)
    return f"{double:.{source.randrange(25)}{source.choice('feg')}}"


def _many_digits(source: random.Random) -> str:
    digits = str(source.randrange(10 ** source.randrange(1, 20)))
    point = f"{digits[0]}.{digits[1:]}" if len(digits) > 1 else digits
    exponent = source.choice(["e", "E", "e+", "E-", "e-"])
    return f"{source.choice(['', '-'])}{point}{exponent}{source.randrange(330)}"


def _zeros(source: random.Random) -> str:
    zeros = "0" * source.randrange(30)
    return source.choice(
        [
            f"1{zeros}",
            f"-{source.randrange(1, 99)}{zeros}.0",
            f"0.{zeros}1",
            f"7.{zeros}5{zeros}",
            f"1{zeros}e-{len(zeros)}",
        ]
    )


def _any_double(source: random.Random) -> str:
    (double,) = struct.unpack(">d", source.randbytes(8))
    return repr(double) if abs(double) < float("inf") else "0"


_NUMBERS: list[Callable[[random.Random], str]] = [
    _whole,
    _price,
    _any_double,
    _short_exponent,
    _fraction,
    _near_an_edge,
    _many_digits,
    _near_a_power,
    _zeros,
    _odd,
]


def _characters(source: random.Random, most: int) -> str:
    return "".join(source.choices(_CHARACTERS, k=source.randrange(most)))


def _spelt(source: random.Random, text: str) -> str:
    return '"' + "".join(_spelt_character(source, character) for character in text) + '"'


def _spelt_character(source: random.Random, character: str) -> str:
    if character in _SHORT_ESCAPES and (character != "/" or source.random() < 0.5) and source.random() < 0.8:
        return _SHORT_ESCAPES[character]
    if character < " " or character in '"\\' or source.random() < 0.03:
        units = character.encode("utf-16-be").hex()
        spelt = "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))
        return spelt if source.random() < 0.5 else spelt[:2] + spelt[2:].upper().replace("\\U", "\\u")
    return character


def _space(source: random.Random) -> str:
    return source.choice(["", "", "", " ", "\n  ", "\t", "\r\n"])
