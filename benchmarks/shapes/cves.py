"""Makes CVE records with their second container, entries of the KEV catalogue, and CSAF advisories."""

from __future__ import annotations

from benchmarks.shapes.advisories import score
from benchmarks.shapes.drawing import DAYS, Chance, pick, popular, published_day
from benchmarks.shapes.packages import package, version
from benchmarks.shapes.subject import Made, Subject, cve, news, times
from benchmarks.shapes.text import flavour, prose

_MOST_TEXT = 4_000  # the longest descriptions; larger records have more references and products
_NOTICE = (
    'All information products included here are provided \\"as is\\" for informational purposes only. '
    "No warranties of any kind are given regarding any information contained within; no product or service "
    "is endorsed. Further dissemination is governed by the Traffic Light Protocol marking in the header. "
    "Write to central@advisories.example.org about errors."
)


def cve_record(subject: Subject) -> Made:
    """Return a CVE JSON 5 record."""
    chance = subject.chance
    year, published, changed = times(subject)
    identity = f"CVE-{year}-{10000 + subject.number}"
    text_size = min(int(subject.target * 0.2), _MOST_TEXT)
    joint = "\\r\\n" if chance() < 0.05 else " "  # noqa: PLR2004 - so that it is one in a hundred of all records
    text = prose(chance, text_size, joint) + flavour(chance)
    left = subject.target - 2 * len(text) - 1250
    urls = _urls(chance, max(left // 190, 1)) + news(subject)
    product = package("Go", popular(chance, 20000))
    document = (
        f'{{"dataType":"CVE_RECORD","containers":{{"adp":[{{"title":"CVE Program Container","references":'
        f"[{urls}],"
        f'"providerMetadata":{{"orgId":"00000000-0000-4000-8000-0000000000aa","shortName":"CVE",'
        f'"dateUpdated":"{changed}"}}}},{{"title":"Enriched","metrics":[{{"other":{{"type":"ssvc",'
        f'"content":{{'
        f'"id":"{identity}","role":"Coordinator","options":[{{"Exploitation":"none"}},{{"Automatable":"no"}},'
        f'{{"Technical Impact":"partial"}}],"version":"2.0.3","timestamp":"{changed}"}}}}}},{{"cvssV3_1":{{'
        f'"baseScore":{score(chance)},"version":"3.1","vectorString":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:'
        f'H/I:H/A:H"'
        f'}}}}]}}],"cna":{{"title":"{prose(chance, 60)}","affected":[{{"vendor":"Example","product":'
        f'"{product}",'
        f'"versions":[{{"status":"affected","version":"{version(chance)}","versionType":"semver"}}],'
        f'"defaultStatus":"unaffected"}}],"references":[{_urls(chance, 2)}],"descriptions":[{{"lang":"en",'
        f'"value":"{text}","supportingMedia":[{{"type":"text/html","value":"{text}","base64":false}}]}}],'
        f'"problemTypes":[{{"descriptions":[{{"lang":"en","type":"CWE","cweId":'
        f'"CWE-{int(chance() * 900)}"}}]}}]}}}},'
        f'"cveMetadata":{{"cveId":"{identity}","state":"PUBLISHED","dateUpdated":"{changed}",'
        f'"datePublished":"{published}","assignerShortName":"example"}},"dataVersion":"5.1"}}'
    )
    return identity, document


def _urls(chance: Chance, count: int) -> str:
    return ",".join(
        [
            f'{{"url":"https://lists.example.org/{pick(chance, ("archive", "advisory", "ticket"))}/'
            f'{int(chance() * 10**9):09d}.html","name":"{int(chance() * 10**9)}",'
            f'"tags":["vendor-advisory","x_refsource_{pick(chance, ("MISC", "CONFIRM", "MLIST"))}",'
            f'"x_transferred"]}}'
            for _ in range(count)
        ]
    )


def kev_entry(subject: Subject) -> Made:
    """Return an entry of the KEV catalogue."""
    chance = subject.chance
    day = min(published_day(chance) + subject.change.days, len(DAYS) - 30)
    identity = f"CVE-{DAYS[day - subject.change.days][:4]}-{10000 + subject.number}"
    document = (
        f'{{"cveID":"{identity}","vendorProject":"Example","product":'
        f'"{package("npm", popular(chance, 20000))}",'
        f'"vulnerabilityName":"{prose(chance, 60)}{flavour(chance)}","dateAdded":"{DAYS[day]}",'
        f'"shortDescription":"{prose(chance, max(subject.target - 520, 60))}",'
        f'"requiredAction":"Apply updates per vendor instructions.","dueDate":"{DAYS[day + 21]}",'
        f'"knownRansomwareCampaignUse":"Unknown","notes":"https://nvd.example.org/vuln/detail/{identity}",'
        f'"cwes":["CWE-{int(chance() * 900)}"]}}'
    )
    return identity, document


def csaf_advisory(subject: Subject) -> Made:
    """Return a CSAF 2.0 security advisory."""
    chance = subject.chance
    year, published, changed = times(subject)
    identity = f"ICSA-{year[2:]}-{subject.number:08d}"
    products = min(2 + subject.target // 4_000, 400)
    branches = ",".join([_branch(chance, number) for number in range(products)])
    head = (
        f'{{"document":{{"category":"csaf_security_advisory","csaf_version":"2.0","distribution":{{"text":'
        f'"Disclosure '
        f'is not limited","tlp":{{"label":"WHITE","url":"https://tlp.example.org/"}}}},"lang":"en-US",'
        f'"notes":['
        f'{{"category":"legal_disclaimer","text":"{_NOTICE}","title":"Legal Notice"}},{{"category":"summary",'
        f'"text":"{prose(chance, 400)}{flavour(chance)}","title":"Risk evaluation"}}],"publisher":'
        f'{{"category":'
        f'"coordinator","name":"Example","namespace":"https://advisories.example.org/"}},"references":['
        f'{_references(identity, 2 + subject.change.references)}],"title":"{prose(chance, 60)}","tracking":{{'
        f'"current_release_date":"{changed}","id":"{identity}","initial_release_date":"{published}",'
        f'"revision_history":[{{"date":"{published}","number":"1","summary":"Initial"}}],"status":"final",'
        f'"version":"1"}}}},"product_tree":{{"branches":[{{"branches":[{branches}],"category":"vendor",'
        f'"name":"Example"}}]}},"vulnerabilities":['
    )
    ids = ",".join([f'"CSAFPID-{number:04d}"' for number in range(products)])
    vulnerabilities: list[str] = []
    taken = len(head)
    while taken < subject.target or not vulnerabilities:
        vulnerabilities.append(_vulnerability(subject, year, ids, len(vulnerabilities)))
        taken += len(vulnerabilities[-1]) + 1
    return identity, f"{head}{','.join(vulnerabilities)}]}}"


def _branch(chance: Chance, number: int) -> str:
    name = package("npm", popular(chance, 20000))
    return (
        f'{{"branches":[{{"category":"product_version_range","name":"< {version(chance)}","product":{{"name":'
        f'"{name}: before the fix","product_id":"CSAFPID-{number:04d}"}}}}],"category":"product_name",'
        f'"name":"{name}"}}'
    )


def _references(identity: str, count: int) -> str:
    return ",".join(
        [
            f'{{"category":"external","summary":"Advisory {identity} Web Version",'
            f'"url":"https://advisories.example.org/{identity.lower()}/{number}"}}'
            for number in range(count)
        ]
    )


def _vulnerability(subject: Subject, year: str, ids: str, number: int) -> str:
    chance = subject.chance
    name = cve(subject, year) if not number else f"CVE-{year}-{90000 + subject.number * 7 + number}"
    return (
        f'{{"cve":"{name}","cwe":{{"id":"CWE-{int(chance() * 900)}","name":"Improper Access Control"}},'
        f'"notes":['
        f'{{"category":"summary","text":"{prose(chance, 500)}","title":"Vulnerability Summary"}}],'
        f'"product_status":{{'
        f'"known_affected":[{ids}]}},"references":[{_references(name, 2)}],"remediations":[{{"category":'
        f'"vendor_fix",'
        f'"details":"{prose(chance, 300)}","product_ids":[{ids}]}},{{"category":"mitigation",'
        f'"details":"{prose(chance, 200)}","product_ids":[{ids}]}}],"scores":[{{"cvss_v3":{{"baseScore":'
        f"{score(chance)},"
        f'"baseSeverity":"HIGH","vectorString":"CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H","version":'
        f'"3.0"}},'
        f'"products":[{ids}]}}]}}'
    )
