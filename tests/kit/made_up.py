"""Made-up evidence in files: the same bytes for the same numbers, small or heavy."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from pathlib import Path


def advisory(number: int) -> tuple[str, bytes]:
    """Return the file name and bytes of one OSV advisory."""
    draw = random.Random(number)
    identity = f"TEST-{number:06d}"
    document = {
        "schema_version": "1.6.0",
        "id": identity,
        "modified": f"2026-0{1 + number % 9}-{1 + number % 28:02d}T0{number % 10}:00:00Z",
        "published": "2025-01-01T00:00:00Z",
        "aliases": [f"CVE-2026-{number:05d}"],
        "summary": f"Nümber {number} — “quoted” and {draw.random()}",
        "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],
        "affected": [
            {
                "package": {"ecosystem": ("Go", "PyPI", "npm")[number % 3], "name": f"package-{number % 97}"},
                "ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}, {"fixed": f"1.{number}.0"}]}],
                "database_specific": {"score": 9.0 + number % 7 / 10},
            }
        ],
    }
    return f"{identity}.json", json.dumps(
        document, indent=number % 3 or None, ensure_ascii=number % 2 == 0
    ).encode()


def sbom(number: int, size: int = 0) -> tuple[str, bytes]:
    """Return the file name and bytes of one CycloneDX SBOM; `size` bytes of it hardly compress."""
    draw = random.Random(number)
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:00000000-0000-4000-8000-{number:012x}",
        "metadata": {
            "timestamp": "2026-02-01T00:00:00Z",
            "component": {"type": "container", "name": f"image-{number}"},
        },
        "components": [
            {
                "type": "library",
                "name": f"package-{part}",
                "version": f"1.{part}.0",
                "purl": f"pkg:npm/package-{part}@1.{part}.0",
            }
            for part in range(20)
        ],
        "properties": [{"name": "noise", "value": draw.randbytes(size // 2).hex()}],
    }
    return f"image-{number}.cdx.json", json.dumps(document).encode()


def write(folder: Path, files: Iterable[tuple[str, bytes]]) -> Path:
    """Write files into a folder and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files:
        (folder / name).write_bytes(data)
    return folder
