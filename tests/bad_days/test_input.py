"""Bad input gives one clear line, the documented exit code, and changes nothing that it should not."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import httpx
import pytest

from tests.bad_days.case import LEDGER_KEPT, Case, Day, check, matches
from tests.bad_days.cases import archives, callers, files, profiles
from tests.bad_days.documents import BAD_DOCUMENTS, GOOD_DOCUMENTS, osv
from tests.bad_days.doors import DOORS, Door, token, zipped
from tests.bad_days.rest import REQUESTS, Answer, Request

CASES = (*archives.CASES, *files.CASES, *callers.CASES, *profiles.CASES)


def ledger(day: Day) -> dict[str, Any]:
    """Return what the ledger holds; what was put aside is not of it."""
    ended = day.stella("evidence", "status", "--json")
    assert ended.code == 0, ended.err
    held: dict[str, Any] = json.loads(ended.out)
    return held


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_it_is_said_in_one_line_and_nothing_is_lost(day: Day, case: Case[Day]) -> None:
    before = ledger(day)
    check(case, case.bring(day))
    if case.kept == LEDGER_KEPT:
        assert ledger(day) == before


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.title)
def test_bad_documents_are_put_aside_with_place_and_reason_and_the_rest_goes_on(day: Day, door: Door) -> None:
    bad = [document for document in BAD_DOCUMENTS if document.fits_line or not door.of_lines]
    documents = dict(GOOD_DOCUMENTS[:1]) | {document.name: document.raw for document in bad}
    documents |= dict(GOOD_DOCUMENTS[1:])
    door.bring(day, documents)
    ended = day.stella("evidence", "status", "--quarantine", "--source", "doors", "--limit", "0", "--json")
    seen = {item["location"]: (item["reason"], item["detail"]) for item in json.loads(ended.out)["records"]}
    wanted = {
        door.place(number, document.name): (document.reason, document.detail)
        for number, document in enumerate(bad, start=2)
    }
    assert {place: seen.get(place) for place in wanted} == wanted
    taken = [item for item in ledger(day)["datasets"] if item["dataset"]["source"] == "doors"]
    assert sum(int(item["dataset"]["records"]) for item in taken) == len(GOOD_DOCUMENTS)


def test_the_summary_counts_what_was_put_aside_by_reason(day: Day) -> None:
    folder = day.folder / "mixed"
    for name, raw in {"good": osv("MIX-1", "1"), "nan": osv("MIX-2", "NaN"), "cut": b'{"id":'}.items():
        day.file(f"mixed/{name}.json", raw)
    ended = day.stella("evidence", "import", folder)
    assert ended.code == 0
    assert "1 added, 0 updated, 0 unchanged, 0 removed, 2 quarantined" in ended.err
    assert "warning: 2 records put aside (not-a-number 1, truncated 1)." in ended.err
    assert "hint: See them: stella evidence status --quarantine" in ended.err


def test_what_is_repaired_is_no_longer_put_aside(day: Day) -> None:
    for raw, left in ((osv("REPAIR-1", "NaN"), 1), (osv("REPAIR-1", "1"), 0)):
        file = day.file("repaired/a.json", raw)
        assert day.stella("evidence", "import", file).code == 0
        ended = day.stella("evidence", "status", "--quarantine", "--source", "repaired", "--json")
        assert len(json.loads(ended.out)["records"]) == left


def test_standard_input_that_is_a_file_is_read(day: Day) -> None:
    with day.file("a.json", osv("STDIN-1", "NaN")).open("rb") as file:
        ended = subprocess.run(
            [sys.executable, "-m", "cli.stella", "evidence", "import", "/dev/stdin"],
            env=day.suite.environment(),
            stdin=file,
            capture_output=True,
            check=False,
        )
    assert ended.returncode == 0
    seen = json.loads(day.stella("evidence", "status", "--quarantine", "--source", "dev", "--json").out)
    assert [(item["location"], item["reason"]) for item in seen["records"]] == [("dev/stdin", "not-a-number")]


def test_names_that_climb_out_of_an_archive_are_names_and_nothing_is_written(day: Day) -> None:
    climbing = {"../../../climbed.json": osv("CLIMB-1", "1"), "/climbed.json": osv("CLIMB-2", "NaN")}
    before = sorted(day.folder.parent.iterdir())
    assert day.stella("evidence", "import", day.file("feed/climb.zip", zipped(climbing))).code == 0
    seen = json.loads(day.stella("evidence", "status", "--quarantine", "--source", "climb", "--json").out)
    assert [item["location"] for item in seen["records"]] == ["feed/climb.zip!climbed.json"]
    assert sorted(day.folder.parent.iterdir()) == before


def test_an_archive_in_an_archive_in_an_archive_is_put_aside(day: Day) -> None:
    inner = zipped({"c.zip": zipped({"a.json": osv("DEEP-1", "1")})})
    packed = zipped({"b.zip": inner, "good.json": osv("DEEP-2", "1")})
    assert (
        day.stella("evidence", "import", day.file("feed/nested.zip", packed), "--source", "nested").code == 0
    )
    seen = json.loads(day.stella("evidence", "status", "--quarantine", "--source", "nested", "--json").out)
    assert [(item["location"], item["reason"]) for item in seen["records"]] == [
        ("feed/nested.zip!b.zip!c.zip", "nested-too-deep")
    ]


def test_a_selector_that_fits_no_record_gives_an_empty_bundle_that_verifies(day: Day) -> None:
    day.stella("evidence", "import", day.file("some/a.json", osv("SOME-1", "1")))
    day.stella("export", "profile", "create", "empty", "--kind", "json:raw", "--id", "NO-SUCH-ID")
    ended = day.stella("export", "run", "start", "empty", "--wait", "--json")
    run = json.loads(ended.out)
    assert (ended.code, run["state"], run.get("records", "0")) == (0, "STATE_SUCCEEDED", "0")
    verified = day.stella("export", "verify", run["name"].rpartition("/")[2])
    assert verified.code == 0, verified.err


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda request: request.title)
def test_rest_refuses_in_one_shape(day: Day, request_: Request) -> None:
    headers = {"Authorization": f"Bearer {token(day)}", "X-Stella-Tenant": "demo"}
    with httpx.Client(base_url=day.suite.url, headers=headers, timeout=60) as client:
        found = request_.send(day, client)
    wanted = request_.answer
    assert (found.status, found.code) == (wanted.status, wanted.code), found
    assert matches(wanted.message, found.message), (wanted, found)
    assert matches(wanted.cure, found.cure), (wanted, found)
    assert isinstance(found, Answer)
