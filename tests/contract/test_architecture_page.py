"""The architecture page speaks of files, tables and subjects that exist."""

from __future__ import annotations

import re
from pathlib import Path

from libs.common.bus import subjects

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/modules/export-center/architecture.md").read_text(encoding="utf-8")
MIGRATIONS = "\n".join(
    path.read_text(encoding="utf-8") for path in sorted(ROOT.glob("services/*/migrations/versions/*.py"))
)


def test_every_file_it_names_exists() -> None:
    named = re.findall(r"`((?:services|libs|proto|cli)/[a-z_/]+(?:\.py)?)`", PAGE)
    assert len(named) > 10
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_every_table_it_names_is_made_by_a_migration() -> None:
    made = set(re.findall(r"CREATE TABLE \w+\.(\w+)", MIGRATIONS)) | {"inbox", "outbox"}
    named = set(re.findall(r"`(export_\w+|request_ids|signatures|inbox|outbox)`", PAGE))
    assert len(named) > 8
    assert named <= made


def test_every_subject_of_the_bus_is_on_it() -> None:
    fixed = {
        subjects.WORK_PLAN,
        subjects.RESULT_ADAPT,
        subjects.RESULT_ASSEMBLE,
        subjects.RESULT_SIGN,
        subjects.RESULT_DISTRIBUTE,
        "export.work.adapt.<kind>.<variant>",
        "export.work.assemble.<kind>.<variant>",
    }
    assert [subject for subject in sorted(fixed) if subject not in PAGE] == []


def test_every_service_is_on_it() -> None:
    services = {path.parent.name for path in ROOT.glob("services/*/__main__.py")}
    assert services <= set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE))
