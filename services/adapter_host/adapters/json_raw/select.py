"""Decides which records of a segment a selection takes, by what each document states.

Lists are joined by "and", entries of one list by "or". A record that does not state what is asked for is not
taken. Comparisons are exact, and case counts: names of packages differ by case alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import unquote

import msgspec

from libs.common.canon.encode import encode
from libs.common.digests import sha256_digest
from services.adapter_host.adapters.base import Batch
from services.adapter_host.adapters.json_raw.facts import (
    ECOSYSTEMS,
    IDS,
    NAMES,
    PACKAGES,
    TIMES,
    Path,
    texts_at,
    values_at,
)
from services.adapter_host.adapters.json_raw.patterns import WILDCARD, Patterns
from services.adapter_host.adapters.json_raw.purls import (
    SCHEME,
    TYPE_OF_ECOSYSTEM,
    ecosystems_in,
    forms,
    holds_escaped,
    name_of,
    purl_of,
    purls_in,
    types_of,
)
from services.adapter_host.adapters.json_raw.reading import Reader, reader_of
from services.adapter_host.adapters.json_raw.times import instant
from services.adapter_host.selection import Selection

RULES = "json-raw-selection/1"  # changes with any change of what is selected: kept results are then made anew
SUFFIX = ":"  # `AlmaLinux` selects `AlmaLinux:9`

_ECOSYSTEM = b'"ecosystem":'  # stands in every canonical document that states one


class _Source(msgspec.Struct):
    key: str


_source = msgspec.json.Decoder(_Source).decode


class Record:
    """One record as the rules see it; the document is read once, when a rule first asks."""

    __slots__ = ("_document", "_read", "_source", "line")

    def __init__(self, line: bytes, source: bytes, read: Reader) -> None:
        self.line = line
        self._source = source
        self._read = read
        self._document: Any = None

    @property
    def document(self) -> Any:
        """The document, as far as the rules ask."""
        if self._document is None:
            self._document = self._read(self.line)
        return self._document

    @property
    def key(self) -> str:
        """The key under which the ledger knows it."""
        return _source(self._source).key


Rule = Callable[[Record], bool]


class Select:
    """Keeps the records that a selection takes."""

    __slots__ = ("_read", "_rules", "digest")

    def __init__(self, selection: Selection) -> None:
        self.digest: str = sha256_digest(encode(_normal_form(selection)))
        rules = list(_rules(selection))
        self._rules = tuple(rule for rule, _ in rules)
        self._read = reader_of({path for _, paths in rules for path in paths})

    def apply(self, batch: Batch) -> Batch:
        """Return the batch without the records that are not taken."""
        documents = batch.documents.split(b"\n")[:-1]
        sources = batch.sources.split(b"\n")[:-1]
        pairs = zip(documents, sources, strict=True)
        kept = [pair for pair in pairs if self._takes(Record(*pair, self._read))]
        if len(kept) == len(documents):
            return batch
        return Batch(
            b"".join(line + b"\n" for line, _ in kept), b"".join(source + b"\n" for _, source in kept)
        )

    def _takes(self, record: Record) -> bool:
        return all(rule(record) for rule in self._rules)


def _normal_form(selection: Selection) -> dict[str, object]:
    """Return what decides the result: the order of entries does not."""
    return {
        "rules": RULES,
        "ecosystems": sorted(set(selection.ecosystems)),
        "packages": sorted(set(selection.packages)),
        "ids": sorted(set(selection.ids)),
        # Texts: nanoseconds do not fit the numbers of JSON.
        "modifiedSince": _text(selection.modified_since),
        "modifiedUntil": _text(selection.modified_until),
    }


def _text(number: int | None) -> str:
    return "" if number is None else str(number)


def _rules(selection: Selection) -> Iterator[tuple[Rule, tuple[Path, ...]]]:
    """Yield each rule and where in a document it looks."""
    if selection.modified_since is not None or selection.modified_until is not None:
        yield _modified(selection.modified_since, selection.modified_until), TIMES
    if selection.ids:
        yield _ids(selection.ids), IDS
    if selection.ecosystems:
        yield _ecosystems(selection.ecosystems), ECOSYSTEMS
    if selection.packages:
        yield _packages(selection.packages), (*NAMES, *PACKAGES)


def _ids(entries: tuple[str, ...]) -> Rule:
    patterns = Patterns(entries)

    def rule(record: Record) -> bool:
        if patterns.match(record.key):
            return True
        return patterns.may_match_in(record.line) and patterns.match_any(texts_at(record.document, IDS))

    return rule


def _ecosystems(entries: tuple[str, ...]) -> Rule:
    names = frozenset(entries)
    prefixes = tuple(f"{entry}{SUFFIX}" for entry in sorted(names))
    types = names | {TYPE_OF_ECOSYSTEM[entry] for entry in names if entry in TYPE_OF_ECOSYSTEM}
    # A document that states none of these is not read.
    same = {name for name in TYPE_OF_ECOSYSTEM if not types.isdisjoint(types_of(name))}
    stating = re.compile(
        b"|".join(re.escape(_ECOSYSTEM + encode(name)[:-1]) for name in sorted(names | same))
    )

    def rule(record: Record) -> bool:
        if not types.isdisjoint(ecosystems_in(record.line)):
            return True
        if stating.search(record.line) is None:
            return False
        stated = texts_at(record.document, ECOSYSTEMS)
        return any(
            name in names or name.startswith(prefixes) or not types.isdisjoint(types_of(name))
            for name in stated
        )

    return rule


def _packages(entries: tuple[str, ...]) -> Rule:
    wanted = [unquote(entry) for entry in entries if entry.startswith(SCHEME)]
    purls = Patterns(wanted)
    plain_names = [entry for entry in entries if not entry.startswith(SCHEME)]
    names = Patterns(plain_names)
    # Between the pieces of a name package URLs may have another sign than the ecosystem.
    spelled = Patterns([re.sub("[:/]", WILDCARD, name) for name in plain_names])

    def by_purl(line: bytes) -> bool:
        if not (purls.may_match_in(line) or spelled.may_match_in(line) or holds_escaped(line)):
            return False
        return any(purls.match_any(forms(purl)) or _names_match(names, purl) for purl in purls_in(line))

    def rule(record: Record) -> bool:
        if by_purl(record.line):
            return True
        if wanted and _ECOSYSTEM in record.line and purls.match_any(_purls_of_packages(record.document)):
            return True
        return names.may_match_in(record.line) and names.match_any(texts_at(record.document, NAMES))

    return rule


def _purls_of_packages(document: object) -> Iterator[str]:
    """Yield the package URLs of packages that are stated by ecosystem and name."""
    for package in values_at(document, PACKAGES):
        if isinstance(package, dict):
            ecosystem, name = package.get("ecosystem"), package.get("name")
            if isinstance(ecosystem, str) and isinstance(name, str):
                yield purl_of(ecosystem, name)


def _names_match(names: Patterns, purl: str) -> bool:
    name = name_of(purl)
    return bool(name) and names.match(name)


def _modified(since: int | None, until: int | None) -> Rule:
    def rule(record: Record) -> bool:
        stated = [
            moment for text in texts_at(record.document, TIMES) if (moment := instant(text)) is not None
        ]
        if not stated:
            return False
        newest = max(stated)
        return (since is None or newest >= since) and (until is None or newest < until)

    return rule
