"""Lists the sources of made-up evidence: kind, share of all records, measured sizes, each one's shape."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate

from benchmarks.shapes.advisories import Ecosystem, Filler, osv
from benchmarks.shapes.cves import csaf_advisory, cve_record, kev_entry
from benchmarks.shapes.drawing import Sizes, sizes
from benchmarks.shapes.sboms import cyclonedx, grype, spdx, spdx3
from benchmarks.shapes.subject import Build
from benchmarks.shapes.vex import csaf_vex, cyclonedx_vex, openvex


@dataclass(frozen=True, slots=True)
class Source:
    """One feed: `weight` and sizes are the counts and percentiles of the real pack of that kind."""

    folder: str
    name: str
    weight: int
    sizes: Sizes
    most: int
    build: Build


def _source(
    folder: str, name: str, weight: int, percentiles: tuple[int, int, int, int], build: Build
) -> Source:
    return Source(folder, name, weight, sizes(*percentiles), percentiles[3], build)


_TEXT, _AFFECTED, _VERSIONS = Filler.TEXT, Filler.AFFECTED, Filler.VERSIONS
_BITNAMI = Ecosystem(
    "Bitnami", "BIT", "SEMVER", _TEXT, 0.5, last_affected=0.03, bulk_modified=0.4, newline="\\r\\n"
)
_ALMALINUX = Ecosystem("AlmaLinux", "ALSA", "ECOSYSTEM", _AFFECTED, 0.2, 0.0, feed_aliases="related")
_GO = Ecosystem("Go", "GO", "SEMVER", _TEXT, 0.3, 0.37, zero_modified=True)
_CLEANSTART = Ecosystem("CleanStart", "CLEANSTART", "ECOSYSTEM", _TEXT, 0.3, 0.0, feed_aliases="upstream")
_OSSFUZZ = Ecosystem("OSS-Fuzz", "OSV", "GIT", _VERSIONS, 0.25, 0.2)
_PYPI = Ecosystem("PyPI", "PYSEC", "ECOSYSTEM", _VERSIONS, 0.25, 0.1, 0.1)
_RUSTSEC = Ecosystem("crates.io", "RUSTSEC", "SEMVER", _TEXT, 0.45, 0.39)
_DRUPAL = Ecosystem("Packagist:https://packages.example.org/8", "DRUPAL", "ECOSYSTEM", _TEXT, 0.4)

SOURCES = (
    _source("advisories", "osv-bitnami", 5937, (1640, 2621, 6023, 21223), osv(_BITNAMI)),
    _source("advisories", "osv-almalinux", 4584, (2177, 7497, 30648, 93954), osv(_ALMALINUX)),
    _source("advisories", "osv-go", 3437, (1306, 1908, 3543, 8261), osv(_GO)),
    _source("advisories", "osv-cleanstart", 3334, (1167, 5050, 11534, 22688), osv(_CLEANSTART)),
    _source("advisories", "osv-ossfuzz", 3241, (1117, 1399, 3197, 15107), osv(_OSSFUZZ)),
    _source("advisories", "osv-pypi", 2144, (1849, 2831, 4833, 13961), osv(_PYPI)),
    _source("advisories", "osv-rustsec", 983, (1586, 2392, 6865, 11052), osv(_RUSTSEC)),
    _source("advisories", "osv-drupal", 469, (1347, 1787, 2608, 5360), osv(_DRUPAL)),
    _source("advisories", "csaf-cisa", 1738, (9351, 24002, 92496, 346532), csaf_advisory),
    _source("cve", "vulnrichment", 5891, (3462, 6033, 11819, 71907), cve_record),
    _source("cve", "kev", 1113, (836, 1082, 1356, 1847), kev_entry),
    _source("sboms", "cyclonedx", 659, (861, 15900, 1331628, 2265962), cyclonedx),
    _source("sboms", "spdx", 146, (1707, 29133, 2103435, 2704863), spdx),
    _source("sboms", "spdx-dockerhub", 64, (962748, 3276507, 3513602, 3515000), spdx),
    _source("sboms", "spdx3", 67, (6792, 13051, 216079, 216100), spdx3),
    _source("vex", "openvex-rancher", 908, (17840, 275904, 1426286, 1937053), openvex("rancher")),
    _source("vex", "openvex-aquasecurity", 49, (80330, 238240, 642533, 642600), openvex("aquasecurity")),
    _source("vex", "csaf-vex", 72, (30576, 949563, 1824002, 1824100), csaf_vex),
    _source("vex", "cyclonedx-vex", 35, (1793, 16290, 789950, 790000), cyclonedx_vex),
    _source("findings", "grype", 31, (12278, 61455, 121355, 251812), grype),
)
_TOTAL = sum(source.weight for source in SOURCES)
_ENDS = tuple(accumulate(source.weight / _TOTAL for source in SOURCES[:-1]))


def source_at(share: float) -> Source:
    """Return the source that a draw in [0, 1) falls to, by the shares of the real packs."""
    return SOURCES[bisect_right(_ENDS, share)]
