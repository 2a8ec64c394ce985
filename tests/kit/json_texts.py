"""Spells random JSON records in every way a feed may, right and wrong, from a seeded source of randomness."""

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
_SURROUNDINGS = [(b"\xef\xbb\xbf", b""), (b"\xff", b""), (b"", b"{}"), (b" ", b",\n"), (b"\n", b"\x00")]


def record(source: random.Random) -> bytes:
    """Return the UTF-8 text of one record; about one in 20 cannot be taken."""
    text = _object(source, 0)
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
    before, after = source.choice(_SURROUNDINGS) if chance < 0.02 else (b"", b"")
    return before + raw + after


def _value(source: random.Random, depth: int) -> str:
    makers: list[Callable[[random.Random, int], str]] = [_text, _text, _number, _word]
    if depth < 5:
        makers += [_object, _array]
    return source.choice(makers)(source, depth)


def _object(source: random.Random, depth: int) -> str:
    names = {_characters(source, 6) for _ in range(source.randrange(7))}
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
    choice = source.randrange(6)
    if choice == 0:
        return str(source.randrange(-(10 ** source.randrange(1, 20)), 10 ** source.randrange(1, 20)))
    if choice == 1:
        return f"{source.randrange(100)}.{source.randrange(10)}" + "0" * source.randrange(3)
    if choice == 2:
        return _any_double(source)
    if choice == 3:
        return f"{source.randrange(1000)}{source.choice('eE')}{source.randrange(-30, 30)}"
    if choice == 4:
        return f"0.{source.randrange(10**9):09d}" + source.choice(["", "0"])
    return source.choice(
        ["-0", "-0.0", "0.0", "0E7", "9007199254740991", "9007199254740992", "1e21", "1e-7", "1E+16"]
    )


def _any_double(source: random.Random) -> str:
    (double,) = struct.unpack(">d", source.randbytes(8))
    return repr(double) if abs(double) < float("inf") else "0"


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
