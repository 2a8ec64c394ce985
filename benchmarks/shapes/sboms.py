"""Makes SBOMs: CycloneDX with components, SPDX of images with thousands of files, SPDX 3; and findings."""

from __future__ import annotations

from benchmarks.shapes.advisories import score
from benchmarks.shapes.drawing import Chance, pick, popular
from benchmarks.shapes.packages import package, purl_type, version
from benchmarks.shapes.subject import Made, Subject, times
from benchmarks.shapes.text import flavour, prose

_ECOSYSTEMS = ("npm", "Go", "Maven", "PyPI", "AlmaLinux", "crates.io")
_LICENCES = ("MIT", "Apache-2.0", "BSD-3-Clause", "ISC", "GPL-2.0-only", "LGPL-2.1-or-later", "NOASSERTION")
_FOLDERS = ("/usr/lib", "/usr/share/doc", "/etc", "/usr/bin", "/var/lib", "/usr/share/zoneinfo", "/opt/app")
_HIT_SHARE = 0.025  # of distinct package versions have an advisory


def _component(chance: Chance) -> tuple[str, str, str]:
    """Return ecosystem, name and version of a component; few are of packages that advisories name."""
    ecosystem = pick(chance, _ECOSYSTEMS)
    place = popular(chance, 20000)
    name = package(ecosystem, place)
    if chance() >= _HIT_SHARE:
        name += f"-part{int(chance() * 40)}"
    return ecosystem, name, version(chance)


def cyclonedx(subject: Subject) -> Made:
    """Return a CycloneDX SBOM."""
    chance = subject.chance
    _, _, changed = times(subject)
    identity = f"sboms/{package('npm', popular(chance, 20000))}/{subject.number:08d}/bom.json"
    head = (
        f'{{"bomFormat":"CycloneDX","specVersion":"1.{2 + subject.number % 5}","serialNumber":'
        f'"urn:uuid:00000000-0000-4000-8000-{subject.number:012x}","version":1,"metadata":{{"timestamp":'
        f'"{changed}",'
        f'"component":{{"type":"application","name":"service-{subject.number}{flavour(chance)}","version":'
        f'"{version(chance)}"}}}},"components":['
    )
    components: list[str] = []
    left = subject.target - len(head)
    while left > 0 or not components:
        components.append(_cyclonedx_component(chance, len(components)))
        left -= len(components[-1]) + 1
    return identity, f"{head}{','.join(components)}]}}"


def _cyclonedx_component(chance: Chance, number: int) -> str:
    ecosystem, name, release = _component(chance)
    purl = f"pkg:{purl_type(ecosystem)}/{name.replace('@', '%40')}@{release}"
    digest = f"{int(chance() * 2**53):014x}" * 4
    more = f',"hashes":[{{"alg":"SHA-256","content":"{digest}{number:08x}"}}]' if number % 3 == 0 else ""
    return (
        f'{{"type":"library","bom-ref":"{purl}#{number}","name":"{name}","version":"{release}","purl":'
        f'"{purl}",'
        f'"licenses":[{{"license":{{"id":"{pick(chance, _LICENCES)}"}}}}],"externalReferences":[{{"type":'
        f'"website",'
        f'"url":"https://packages.example.org/{name}"}}]{more}}}'
    )


def spdx(subject: Subject) -> Made:
    """Return an SPDX 2 SBOM; the large ones are of images and hold more files than packages."""
    chance = subject.chance
    _, _, changed = times(subject)
    identity = f"images/{package('Go', popular(chance, 20000))}/{subject.number:08d}.spdx.json"
    head = (
        f'{{"SPDXID":"SPDXRef-DOCUMENT","spdxVersion":"SPDX-2.{1 + subject.number % 3}","name":'
        f'"image-{subject.number}'
        f'{flavour(chance)}","creationInfo":{{"created":"{changed}","creators":["Tool: made-up-1.0"]}},'
        f'"dataLicense":'
        f'"CC0-1.0","documentNamespace":"https://sboms.example.org/spdx/{subject.number:08d}","packages":['
    )
    packages = max(min((subject.target - len(head)) // 3000, 900), 1)
    listed = [_spdx_package(chance) for _ in range(packages)]
    taken = len(head) + sum(map(len, listed))
    layer = f"{int(chance() * 2**53):014x}" * 4
    files: list[str] = []
    while taken < subject.target:
        files.append(_spdx_file(chance, layer, len(files)))
        taken += len(files[-1]) + 1
    return identity, f'{head}{",".join(listed)}],"files":[{",".join(files)}]}}'


def _spdx_package(chance: Chance) -> str:
    ecosystem, name, release = _component(chance)
    purl = f"pkg:{purl_type(ecosystem)}/{name.replace('@', '%40')}@{release}"
    return (
        f'{{"SPDXID":"SPDXRef-{int(chance() * 2**53):014x}","name":"{name}","versionInfo":"{release}",'
        f'"licenseConcluded":'
        f'"NONE","downloadLocation":"NOASSERTION","externalRefs":[{{"referenceCategory":"SECURITY",'
        f'"referenceLocator":'
        f'"cpe:2.3:a:{name.replace("/", "_")}:{name.replace("/", "_")}:{release}:*:*:*:*:*:*:*",'
        f'"referenceType":'
        f'"cpe23Type"}},{{"referenceCategory":"PACKAGE_MANAGER","referenceLocator":"{purl}",'
        f'"referenceType":"purl"}}],'
        f'"filesAnalyzed":false,"licenseDeclared":"{pick(chance, _LICENCES)}"}}'
    )


def _spdx_file(chance: Chance, layer: str, number: int) -> str:
    checksum = f"{int(chance() * 2**53):014x}{int(chance() * 2**53):014x}{number:036x}"
    return (
        f'{{"SPDXID":"SPDXRef-{int(chance() * 2**53):014x}","comment":"layerID: sha256:{layer}",'
        f'"licenseConcluded":'
        f'"NOASSERTION","checksums":[{{"algorithm":"SHA256","checksumValue":"{checksum}"}}],"fileName":'
        f'"{_FOLDERS[number % 7]}/{number // 7}.conf","fileTypes":["TEXT"]}}'
    )


def spdx3(subject: Subject) -> Made:
    """Return an SPDX 3 SBOM."""
    chance = subject.chance
    _, published, _ = times(subject)
    base = f"https://sboms.example.org/spdx3/{subject.number:08d}"
    head = (
        f'{{"@context":"https://spdx.org/rdf/3.0.1/spdx-context.jsonld","@graph":[{{"type":"CreationInfo",'
        f'"@id":'
        f'"_:creation","specVersion":"3.0.1","created":"{published[:19]}Z","createdBy":["{base}/author"]}},'
        f'{{"type":'
        f'"SpdxDocument","spdxId":"{base}","creationInfo":"_:creation","comment":"edition '
        f'{subject.change.days}"}}'
    )
    made = [head]
    taken = len(head)
    while taken < subject.target or len(made) == 1:
        _, name, release = _component(chance)
        element = (
            f'{{"type":"software_Package","spdxId":"{base}/{len(made)}","creationInfo":"_:creation","name":'
            f'"{name}",'
            f'"software_packageVersion":"{release}","description":"{prose(chance, 200)}"}}'
        )
        made.append(element)
        taken += len(element) + 1
    return f"spdx3/{subject.number:08d}.json", ",".join(made) + "]}"


def grype(subject: Subject) -> Made:
    """Return a Grype report."""
    chance = subject.chance
    _, published, _ = times(subject)
    matches: list[str] = []
    taken = 300
    while taken < subject.target or not matches:
        matches.append(_match(chance, subject.number, len(matches)))
        taken += len(matches[-1]) + 1
    return f"findings/{subject.number:08d}.grype.json", (
        f'{{"matches":[{",".join(matches)}],"source":{{"type":"image","target":"image-{subject.number}"}},'
        f'"distro":'
        f'{{"name":"debian"}},"descriptor":{{"name":"grype","version":"0.5{subject.change.days}","timestamp":'
        f'"{published}"}}}}'
    )


def _match(chance: Chance, number: int, place: int) -> str:
    _, name, release = _component(chance)
    # One value in a report of the real ones has fourteen digits.
    risk = "0.12345678901234" if place == 0 and number % 4 == 0 else score(chance)
    return (
        f'{{"vulnerability":{{"id":"CVE-{2015 + place % 11}-{int(chance() * 90000) + 1000}","severity":'
        f'"High","description":'
        f'"{prose(chance, 300)}","cvss":[{{"version":"3.1","metrics":{{"baseScore":{score(chance)},"risk":'
        f"{risk}}}}}]}},"
        f'"artifact":{{"name":"{name}","version":"{release}","type":"gem","cpes":["cpe:2.3:a:x:{place}:'
        f'{release}"]}}}}'
    )
