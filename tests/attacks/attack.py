"""Says what an attack is: what is done to a good bundle, and which file and reason verification must give."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from libs.common.bundle import layout
from tests.kit import bundles
from tests.kit.bundles import KEY, Files, TestKey
from tests.kit.stella import Ended, stella

GOOD = bundles.make_bundle()
# The first two parts by key, both of advisories.
DOCUMENTS, OTHER_DOCUMENTS = (
    part.path(layout.DOCUMENTS) for part in bundles.make_parts(bundles.some_records())[:2]
)
SOURCES = layout.companion_path(DOCUMENTS)
ADVISORY_INDEX = layout.index_path("advisory")
VERIFICATION_FAILED = 6
# Controls but the newline, marks of direction, what has no width: none may reach a terminal raw.
STEERING = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")

Target = TypeVar("Target")


@dataclass(frozen=True, slots=True)
class Attack(Generic[Target]):
    """One attack; `spoil` turns what is good into what is attacked, in whatever form that is."""

    name: str
    spoil: Callable[[Target], Target]
    file: str
    reason: str

    def __str__(self) -> str:
        return self.name


def key_file(folder: Path, key: TestKey = KEY) -> Path:
    """Write the public key that is trusted and return its path."""
    path = folder / "trusted.pub"
    path.write_bytes(key.public.pem)
    return path


def verify(target: Path, folder: Path, *arguments: str, key: TestKey = KEY) -> Ended:
    """Run the real command in this process, answering in JSON."""
    trusted = ("--key", key_file(folder, key), "--format", "json", "--quiet")
    return stella("export", "verify", target, *trusted, *arguments, config=folder / "config.json")


def failures(ended: Ended) -> list[dict[str, Any]]:
    """Return the checks that failed."""
    checks = json.loads(ended.out)["checks"]
    return [check for check in checks if check["outcome"] == "failed"]


def assert_found(ended: Ended, file: str, reason: str) -> None:
    """Hold an answer against the exit code, and the file and the reason that one failed check must name."""
    assert ended.code == VERIFICATION_FAILED, ended
    assert not STEERING.search(ended.out + ended.err), ended
    found = [f"{check['target']} | {check['name']} | {check['detail']}" for check in failures(ended)]
    assert any(file in line and reason in line for line in found), "\n".join(found)
    assert json.loads(ended.err.splitlines()[-1])["error"]["code"] == "ERR_STELLA_VERIFICATION"


def everything_below(folder: Path) -> dict[str, int]:
    """Return every path below `folder` with its length, links not followed."""
    return {str(path.relative_to(folder)): path.lstat().st_size for path in sorted(folder.rglob("*"))}


def signed_raw(manifest: bytes, files: Files = GOOD, key: TestKey = KEY) -> Files:
    """Return a bundle whose `export.json` is `manifest`, whatever that is, rightly signed."""
    good = bundles.sign(files, key)
    spoilt = bundles.signatures(manifest, good[layout.PROVENANCE], key)
    return dict(sorted({**good, **spoilt, layout.MANIFEST: manifest}.items()))
