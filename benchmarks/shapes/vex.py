"""Makes VEX: few vulnerabilities times many products, documents that are nearly alike."""

from __future__ import annotations

from benchmarks.shapes.drawing import DAYS, Chance, chance_of, pick, popular
from benchmarks.shapes.packages import package, version
from benchmarks.shapes.subject import Build, Made, Subject, ghsa, times
from benchmarks.shapes.text import flavour, prose

VULNERABILITIES = 400
_JUSTIFICATIONS = (
    "vulnerable_code_not_present", "vulnerable_code_not_in_execute_path", "component_not_present",
)  # fmt: skip


def _names(number: int) -> tuple[str, str, str]:
    year = 2019 + number % 8
    return f"CVE-{year}-{20000 + number * 37}", f"GO-{year}-{1000 + number}", ghsa(number)


_NAMES = tuple(_names(number) for number in range(VULNERABILITIES))
_CHANCE = chance_of("statements")
# What a statement says of each vulnerability, ready: documents repeat it product after product.
_FIRST_HALVES = tuple(
    f'{{"vulnerability":{{"name":"{name}","aliases":["{go}","{alias}"]}},"products":[{{"@id":"pkg:golang/'
    for name, go, alias in _NAMES
)
_COMPONENTS = tuple(
    f"pkg:golang/{package('Go', popular(_CHANCE, 20000))}@v{version(_CHANCE)}" for _ in range(VULNERABILITIES)
)
_ENDS = tuple(
    f'","subcomponents":[{{"@id":"{component}"}}]}}],"status":"not_affected","justification":'
    f'"{pick(_CHANCE, _JUSTIFICATIONS)}","impact_statement":"Analysis determined that the vulnerable code '
    f"isn't called\""
    for component in _COMPONENTS
)


def openvex(hub: str) -> Build:
    """Return the shape of one hub's OpenVEX documents."""

    def build(subject: Subject) -> Made:
        chance = subject.chance
        _, published, changed = times(subject)
        product = package("Go", popular(chance, 20000))
        identity = f"{hub}/pkg/golang/{product}/{subject.number:08d}/scan.openvex.json"
        context = "https://openvex.dev/ns" + ("/v0.2.0" if chance() < 0.8 else "")  # noqa: PLR2004 - some state no version
        edition = pick(chance, ('"version":1,', '"version":"1",', ""))
        head = (
            f'{{"@context":"{context}","@id":"https://openvex.example.org/docs/vex-{subject.number:064x}",'
            f'"author":"{hub} security team{flavour(chance)}",{edition}"timestamp":"{published}",'
            f'"last_updated":"{changed}","statements":['
        )
        first = int(chance() * VULNERABILITIES)
        statements: list[str] = []
        left = subject.target - len(head)
        while left > 0 or not statements:
            statements.append(_statement(product, first, len(statements)))
            left -= len(statements[-1]) + 1
        return identity, f"{head}{','.join(statements)}]}}"

    return build


def _statement(product: str, first: int, number: int) -> str:
    # Each vulnerability is stated for several versions in a row, then comes the next.
    place = (first + number // 6) % VULNERABILITIES
    release = f"@v{number % 6}.{first % 20}.{number // 6 % 9}" if number % 6 else ""
    stamp = f'"timestamp":"{DAYS[4800 + place % 90]}T00:00:00Z"' if place % 3 else ""
    return f"{_FIRST_HALVES[place]}{product}{release}{_ENDS[place]}{',' if stamp else ''}{stamp}}}"


def csaf_vex(subject: Subject) -> Made:
    """Return a CSAF 2.0 document of category VEX: one vulnerability, thousands of products."""
    chance = subject.chance
    year, published, changed = times(subject)
    identity = f"VEX-{year}-{subject.number:08d}"
    name = package("AlmaLinux", popular(chance, 20000))
    head = (
        f'{{"document":{{"category":"csaf_vex","csaf_version":"2.0","publisher":{{"category":"vendor",'
        f'"name":"Example",'
        f'"namespace":"https://vendor.example.org/"}},"title":"{name}: '
        f'{prose(chance, 60)}{flavour(chance)}","tracking":{{'
        f'"current_release_date":"{changed}","id":"{identity}","initial_release_date":"{published}",'
        f'"status":"final",'
        f'"version":"2","revision_history":[{{"number":"1","summary":"Initial version","date":'
        f'"{published}"}}]}}}},'
    )
    count = max((subject.target - len(head) - 800) // 300, 1)
    ids = [f"{name}-{_PARTS[n % 8]}-0:{1 + n // 800}.{n // 8 % 100}-{n % 9}.el8" for n in range(count)]
    branches = ",".join(
        [
            f'{{"category":"product_version","name":"{product}","product":{{"name":"{product}",'
            f'"product_id":"{product}",'
            f'"product_identification_helper":{{"purl":"pkg:rpm/example/{product}?arch=x86_64"}}}}}}'
            for product in ids
        ]
    )
    listed = '","'.join(ids)
    return identity, (
        f'{head}"product_tree":{{"branches":[{{"branches":[{branches}],"category":"vendor","name":'
        f'"Example"}}]}},'
        f'"vulnerabilities":[{{"cve":"CVE-{year}-{30000 + subject.number % VULNERABILITIES}","notes":'
        f'[{{"category":'
        f'"description","text":"{prose(chance, 300)}"}}],"product_status":{{"known_not_affected":'
        f'["{listed}"]}},'
        f'"flags":[{{"label":"vulnerable_code_not_present","product_ids":["{ids[0]}"]}}]}}]}}'
    )


_PARTS = ("core", "devel", "libs", "doc", "debuginfo", "tools", "headers", "static")


def cyclonedx_vex(subject: Subject) -> Made:
    """Return a CycloneDX document that holds vulnerabilities alone."""
    chance = subject.chance
    _, published, _ = times(subject)
    identity = f"vex/{subject.number:08d}.cdx.json"
    head = (
        f'{{"bomFormat":"CycloneDX","specVersion":"1.{4 + subject.number % 3}","serialNumber":'
        f'"urn:uuid:00000001-0000-4000-8000-{subject.number:012x}","version":{1 + subject.change.days},'
        f'"metadata":'
        f'{{"timestamp":"{published}"}},"vulnerabilities":['
    )
    made: list[str] = []
    taken = len(head)
    while taken < subject.target or not made:
        made.append(_analysed(chance, len(made)))
        taken += len(made[-1]) + 1
    return identity, f"{head}{','.join(made)}]}}"


def _analysed(chance: Chance, number: int) -> str:
    name, _, _ = _NAMES[int(chance() * VULNERABILITIES)]
    return (
        f'{{"id":"{name}","source":{{"name":"NVD","url":"https://nvd.example.org/vuln/detail/{name}"}},'
        f'"analysis":{{'
        f'"state":"not_affected","justification":"code_not_reachable","detail":"{prose(chance, 200)}"}},'
        f'"affects":['
        f'{{"ref":"urn:cdx:00000001-0000-4000-8000-000000000000/1#component-{number}"}}]}}'
    )
