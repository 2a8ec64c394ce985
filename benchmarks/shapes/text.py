"""Writes made-up prose as it stands inside a JSON string: ASCII but for the shares that were measured."""

from __future__ import annotations

from benchmarks.shapes.drawing import Chance, chance_of, pick

_WHO = (
    "A remote attacker", "An authenticated user", "A local user", "A crafted request",
    "An unauthenticated client", "A malicious server", "A guest with low privileges",
    "A specially formed archive", "An adjacent network peer",
)  # fmt: skip
_CAN = (
    "can cause", "may trigger", "could lead to", "is able to provoke", "allows", "results in",
    "might bring about", "makes possible",
)  # fmt: skip
_WHAT = (
    "a heap buffer overflow", "an out-of-bounds read", "a use after free", "a denial of service",
    "disclosure of memory", "cross-site scripting", "a path traversal", "an SQL injection",
    "a race condition", "an infinite loop", "a stack overflow", "privilege escalation",
    "remote code execution", "request smuggling", "an integer overflow", "server-side request forgery",
    "an open redirect", "a null pointer dereference",
)  # fmt: skip
_WHERE = (
    "in the parser of headers", "while a certificate is checked", "in the handler of uploads",
    "when a session is resumed", "through the template engine", "by way of a symbolic link",
    "in the decoder", "during the unpacking of archives", "while the configuration is read",
    "in the administration console", "in the scheduler", "when the cache is evicted",
    "in the reader of extended attributes",
)  # fmt: skip
_WHEN = (
    "if the default configuration is used", "before the fixed release", "when debugging is switched on",
    "unless input is bounded", "on 32-bit platforms alone", "if the length field is not checked",
    "when two requests arrive at once", "after an upgrade from an earlier version",
    "under memory pressure",
)  # fmt: skip
_SPECIAL = (
    *(("\u201cquoted\u201d \u2013 and dashed \u2014 text", "the vendor\u2019s own words"),) * 57,
    *(("a\u00a0no-break space", "a zero\u200bwidth space"),) * 35,
    *(("caf\u00e9 in Z\u00fcrich by Jos\u00e9 Garc\u00eda", "na\u00efve r\u00e9sum\u00e9"),) * 12,
    ("\u6f0f\u6d1e\u306e\u8aac\u660e", "\uc815\ubcf4 \ub178\ucd9c"),
)
_NOT_ASCII_SHARE = 0.025
_ASTRAL_SHARE = 1e-4
_NOT_NFC_SHARE = 1 / 3000
CODE = '\\n\\n```go\\nfunc main() {\\n\\tserve(\\"tcp\\", nil)\\n}\\n```\\n'


def _sentences(count: int) -> tuple[str, ...]:
    chance = chance_of("sentences")
    made = []
    for number in range(count):
        claim = f"{pick(chance, _WHO)} {pick(chance, _CAN)} {pick(chance, _WHAT)} {pick(chance, _WHERE)}"
        call = f"`{pick(chance, ('read', 'parse', 'open', 'load', 'merge'))}_{int(chance() * 65536):x}`"
        more = f" of {call} {pick(chance, _WHEN)}." if number % 3 else f" ({call})."
        made.append(claim + more)
    return tuple(made)


_SENTENCES = _sentences(8192)
_PER_SENTENCE = sum(map(len, _SENTENCES)) / len(_SENTENCES) + 1


def prose(chance: Chance, size: int, joint: str = " ") -> str:
    """Return about `size` characters of sentences, joined as stated; `joint` is as JSON escapes it."""
    count = max(int(size / _PER_SENTENCE + 0.5), 1)
    return joint.join([_SENTENCES[int(chance() * 8192)] for _ in range(count)])


def flavour(chance: Chance) -> str:
    """Return nothing for most records, and for a few what their text holds besides ASCII."""
    drawn = chance()
    if drawn >= _NOT_ASCII_SHARE:
        return ""
    if drawn < _ASTRAL_SHARE:
        return " \U0001f41b in the logo"
    if drawn < _ASTRAL_SHARE + _NOT_NFC_SHARE:
        return " Cafe\u0301 server"
    return " " + pick(chance, pick(chance, _SPECIAL))
