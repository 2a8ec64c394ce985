"""Makes OSV advisories as each ecosystem writes them: errata with many packages, version lists, git tags."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from benchmarks.shapes.drawing import Chance, pick, popular
from benchmarks.shapes.packages import package, version
from benchmarks.shapes.subject import ZERO_TIME, Build, Made, Subject, cve, ghsa, news, times
from benchmarks.shapes.text import CODE, flavour, prose

ZERO_SHARE = 0.03  # with Go, where all do, 13% state no time
MAX_TEXT = 15_000  # the longest string that was measured in advisories
BULK_TIME = "2025-05-20T10:02:07.000Z"  # one instant that thousands share
_VECTORS = tuple(
    f"CVSS:3.1/AV:{v}/AC:{c}/PR:{p}/UI:N/S:U/C:{x}/I:{y}/A:H"
    for v in "NL" for c in "LH" for p in "NLH" for x in "NLH" for y in "NLH"
)  # fmt: skip
_EMPTY = ("", '"related":[],', '"related":null,', "", "")
_NO_SEVERITY = 0.2
_REFERENCES_FROM = 1500  # what a text and few references leave over becomes more references
_REFERENCE_BYTES = 118


class Filler(Enum):
    """What a larger document of an ecosystem has more of."""

    TEXT = "text"
    AFFECTED = "affected"
    VERSIONS = "versions"


@dataclass(frozen=True, slots=True)
class Ecosystem:
    """How one feed writes its advisories."""

    name: str
    prefix: str
    range_type: str
    filler: Filler
    text_share: float
    unfixed: float = 0.1
    last_affected: float = 0.0
    feed_aliases: str = "aliases"  # the member that holds the CVEs
    zero_modified: bool = False
    bulk_modified: float = 0.0
    newline: str = "\\n"


def osv(ecosystem: Ecosystem) -> Build:
    """Return the shape of one ecosystem's advisories."""

    def build(subject: Subject) -> Made:
        chance, change = subject.chance, subject.change
        year, published, modified = times(subject)
        identity = f"{ecosystem.prefix}-{year}-{subject.number:08d}"
        unset = chance() < ZERO_SHARE or ecosystem.zero_modified
        bulk = chance() < ecosystem.bulk_modified
        if not change.days:
            modified = ZERO_TIME if unset else BULK_TIME if bulk else modified
        text = _text(ecosystem, subject)
        references = _references(chance, _reference_count(ecosystem, subject, len(text)))
        rest = subject.target - len(text) - len(references) - 420
        withdrawn = f'"withdrawn":"{modified}",' if change.withdrawn else ""
        document = (
            f'{{"schema_version":"1.6.{subject.number % 3}","id":"{identity}","modified":"{modified}",'
            f'"published":"{published}",{withdrawn}'
            f"{_names(ecosystem, subject, year)}{_empty(ecosystem, chance)}"
            f'"summary":"{prose(chance, 60)}{flavour(chance)}","details":"{text}",'
            f'"affected":[{_affected(ecosystem, chance, rest)}],"references":[{references}{news(subject)}],'
            f'"severity":{_severity(chance)},'
            f'"database_specific":{{"cwe_ids":["CWE-{int(chance() * 900)}"],"score":{score(chance)}}}}}'
        )
        return identity, document

    return build


def _reference_count(ecosystem: Ecosystem, subject: Subject, text: int) -> int:
    count = 1 + int(3 * subject.chance())
    left = subject.target - text - _REFERENCES_FROM if ecosystem.filler is Filler.TEXT else 0
    return count + max(left, 0) // _REFERENCE_BYTES


def _empty(ecosystem: Ecosystem, chance: Chance) -> str:
    """Return a member that says nothing, as many records have one."""
    drawn = pick(chance, _EMPTY)
    return "" if ecosystem.feed_aliases == "related" else drawn


def _severity(chance: Chance) -> str:
    drawn = chance()
    if drawn < _NO_SEVERITY:
        return "null" if drawn < _NO_SEVERITY / 2 else "[]"
    return f'[{{"type":"CVSS_V3","score":"{pick(chance, _VECTORS)}"}}]'


def score(chance: Chance) -> str:
    """Return a CVSS score, which has one decimal even where that is a zero."""
    return f"{int(chance() * 10) + 1}.{int(chance() * 10) if chance() > 0.2 else 0}"  # noqa: PLR2004 - `9.0` is common


def _text(ecosystem: Ecosystem, subject: Subject) -> str:
    chance = subject.chance
    size = min(int(subject.target * ecosystem.text_share), MAX_TEXT)
    joint = ecosystem.newline if chance() < 0.2 else " "  # noqa: PLR2004 - the share that has paragraphs
    return prose(chance, size, joint) + (CODE if chance() < 0.05 else "")  # noqa: PLR2004 - the share with code


def _names(ecosystem: Ecosystem, subject: Subject, year: str) -> str:
    chance = subject.chance
    if ecosystem.feed_aliases != "aliases":
        count = min(int(140 ** (chance() ** 3)), 140)
        return f'"{ecosystem.feed_aliases}":[{_cves(subject, year, count)}],'
    count = int(chance() * 3) if chance() > 0.001 else 8 + int(chance() * 9)  # noqa: PLR2004 - measured share
    if not count:
        return '"aliases":[],' if chance() < 0.5 else ""  # noqa: PLR2004 - a coin
    names = f'"{cve(subject, year)}"'
    if count > 1:
        names += f',"{ghsa(subject.number)}"'
    for more in range(2, count):
        names += f',"{ghsa(subject.number * 31 + more)}"'
    return f'"aliases":[{names}],'


def _cves(subject: Subject, year: str, count: int) -> str:
    first = cve(subject, year)
    return ",".join(
        [f'"{first}"', *(f'"CVE-{year}-{90000 + subject.number * 7 + n}"' for n in range(1, count))]
    )


def _references(chance: Chance, count: int) -> str:
    made = [
        f'{{"type":"{pick(chance, ("WEB", "FIX", "ADVISORY", "REPORT", "PACKAGE"))}",'
        f'"url":"https://code.example.org/{package("Go", popular(chance, 20000))[12:]}/commit/'
        f'{int(chance() * 2**53):014x}{int(chance() * 2**53):014x}"}}'
        for _ in range(count)
    ]
    return ",".join(made)


def _affected(ecosystem: Ecosystem, chance: Chance, size: int) -> str:
    name = package(ecosystem.name, popular(chance, 20000))
    entries = [_entry(ecosystem, chance, name, size)]
    if ecosystem.filler is Filler.AFFECTED:
        taken = len(entries[0])
        fixed = version(chance)
        while taken < size:
            part = f"{name}-{pick(chance, _PARTS)}{len(entries) if len(entries) > 20 else ''}"  # noqa: PLR2004 - then names would repeat
            entry = (
                f'{{"package":{{"ecosystem":"{ecosystem.name}:{8 + len(entries) % 3}","name":"{part}"}},'
                f'"ranges":'
                f'[{{"type":"ECOSYSTEM","events":[{{"introduced":"0"}},{{"fixed":"{fixed}-1.el8_10"}}]}}]}}'
            )
            entries.append(entry)
            taken += len(entry) + 1
    elif chance() > 0.83:  # noqa: PLR2004 - measured share
        entries += [
            _entry(ecosystem, chance, package(ecosystem.name, popular(chance, 20000)), 0)
            for _ in range(1 + int(2 * chance()))
        ]
    return ",".join(entries)


_PARTS = (
    "devel",
    "libs",
    "doc",
    "static",
    "tools",
    "debug",
    "common",
    "server",
    "client",
    "python3",
    "headers",
)


def _entry(ecosystem: Ecosystem, chance: Chance, name: str, size: int) -> str:
    events = _events(ecosystem, chance)
    versions = ""
    if ecosystem.filler is Filler.VERSIONS and size > 0:
        count = min(max(size // 11, 1), 11_320)
        major = int(chance() * 9)
        versions = ',"versions":[' + ",".join([f'"{major}.{n // 10}.{n % 10}"' for n in range(count)]) + "]"
    return (
        f'{{"package":{{"ecosystem":"{ecosystem.name}","name":"{name}"}},'
        f'"ranges":[{{"type":"{ecosystem.range_type}","events":[{events}]}}]{versions}}}'
    )


def _events(ecosystem: Ecosystem, chance: Chance) -> str:
    pairs = 1 + int(4 * chance() ** 6 + 0.2)
    made = []
    for number in range(pairs):
        made.append(f'{{"introduced":"{version(chance) if number else "0"}"}}')
        drawn = chance()
        if number + 1 < pairs or drawn >= ecosystem.unfixed + ecosystem.last_affected:
            made.append(f'{{"fixed":"{version(chance)}"}}')
        elif drawn >= ecosystem.unfixed:
            made.append(f'{{"last_affected":"{version(chance)}"}}')
    return ",".join(made)
