"""Commands say to the server what the contract wants, and to people what came of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cli.stella.supervise.ports import free_port
from tests.kit.answers import Answering, Answers, Request, answering
from tests.kit.stella import Ended, stella

RUN = "01hzz0000-aaaaaaaaaaa"
PROFILE: dict[str, Any] = {
    "name": "tenants/t/profiles/nightly",
    "spec": {"kind": "json", "variant": "raw", "selector": {"sources": ["osv-go"], "ids": ["GO-*"]}},
    "revision": "r1",
    "etag": "e1",
}


def run_document(state: str, **members: Any) -> dict[str, Any]:
    return {
        "name": f"tenants/t/runs/{RUN}",
        "profile": "tenants/t/profiles/nightly",
        "state": state,
        **members,
    }


Routes = dict[tuple[str, str], Any]


@contextmanager
def serving(routes: Routes) -> Iterator[Answers]:
    """Serve documents, or what a function makes of the request, by method and path."""

    def answer(connection: Answering, request: Request) -> None:
        path = request.path.partition("?")[0]
        found = routes.get((request.method, path))
        if found is None:
            connection.give_up(404, "ERR_EXPORT_NOT_FOUND")
        elif callable(found):
            found(connection, request)
        else:
            connection.give_json(found)

    with answering(answer) as running:
        yield running


@pytest.fixture
def call(tmp_path: Path) -> Callable[..., Ended]:
    def run(server: Answers, *arguments: str | Path) -> Ended:
        return stella(*arguments, "--server", server.url, "--tenant", "t", config=tmp_path / "config.json")

    return run


Call = Callable[..., Ended]


def test_a_profile_is_created_from_flags(call: Call) -> None:
    with serving({("POST", "/api/export/profiles"): PROFILE}) as server:
        ended = call(
            server, "export", "profile", "create", "nightly", "--kind", "json:raw", "--include", "vex",
            "--source", "osv-go", "--modified-since", "2024-05-06", "--format", "name",
        )  # fmt: skip
    assert (ended.code, ended.out) == (0, "nightly\n")
    sent = server.requests[0]
    assert sent.path == "/api/export/profiles?profileId=nightly"
    assert sent.headers["x-stella-tenant"] == "t"
    assert len(sent.headers["idempotency-key"]) == 36
    assert sent.json == {
        "displayName": "",
        "spec": {
            "kind": "json",
            "variant": "raw",
            "include": ["RECORD_KIND_VEX"],
            "selector": {"sources": ["osv-go"], "modifiedSince": "2024-05-06T00:00:00Z"},
        },
    }


def test_an_update_keeps_what_no_flag_names_and_refuses_a_lost_one(call: Call) -> None:
    path = "/api/export/profiles/nightly"
    with serving({("GET", path): PROFILE, ("PUT", path): PROFILE | {"revision": "r2"}}) as server:
        ended = call(server, "export", "profile", "update", "nightly", "--source", "osv-pypi")
    assert "is now at r2" in ended.err
    sent = server.requests[1]
    assert sent.headers["if-match"] == '"e1"'
    assert sent.json["spec"]["selector"] == {"sources": ["osv-pypi"], "ids": ["GO-*"]}


def test_validate_changes_nothing(call: Call) -> None:
    routes = {
        ("GET", "/api/export/profiles"): {"profiles": []},
        ("POST", "/api/export/profiles"): PROFILE,
    }
    with serving(routes) as server:
        ended = call(server, "export", "profile", "validate", "nightly", "--kind", "json:raw")
    assert ended.code == 0
    assert "validateOnly=true" in server.requests[1].path


def test_a_profile_can_be_written_to_a_file_and_read_back(call: Call, tmp_path: Path) -> None:
    routes = {("GET", "/api/export/profiles/nightly"): PROFILE, ("POST", "/api/export/profiles"): PROFILE}
    with serving(routes) as server:
        shown = call(server, "export", "profile", "show", "nightly", "--json")
        file = tmp_path / "profile.json"
        file.write_text(shown.out, encoding="utf-8")
        call(server, "export", "profile", "create", "second", "--file", file)
    assert server.requests[1].json == {"displayName": "", "spec": PROFILE["spec"]}


def test_all_pages_of_a_list_are_read(call: Call) -> None:
    def page(connection: Answering, request: Request) -> None:
        second = "pageToken=next" in request.path
        runs = [run_document("STATE_FAILED" if second else "STATE_SUCCEEDED")]
        connection.give_json({"runs": runs} if second else {"runs": runs, "nextPageToken": "next"})

    with serving({("GET", "/api/export/runs"): page}) as server:
        ended = call(server, "export", "run", "list", "--columns", "run,state")
    assert ended.out == f"RUN                    STATE\n{RUN}  succeeded\n{RUN}  failed\n"


def test_an_error_of_the_server_is_shown_with_its_cure(call: Call) -> None:
    with serving({}) as server:
        ended = call(server, "export", "run", "show", "nothing")
    assert (ended.code, ended.out) == (4, "")
    assert ended.err == "error: It went wrong. (ERR_EXPORT_NOT_FOUND)\nhint: Do better.\ntrace: t1\n"


def test_a_server_that_does_not_answer_is_try_later(tmp_path: Path) -> None:
    ended = stella(
        "export", "run", "list", "--server", f"http://127.0.0.1:{free_port()}", config=tmp_path / "c.json"
    )
    assert ended.code == 10
    assert "stella up" in ended.err


def test_an_answer_of_something_else_is_said_to_be_one(call: Call) -> None:
    def page(connection: Answering, _: Request) -> None:
        connection.give(200, b"<html>", Content_Type="text/html")

    with serving({("GET", "/api/export/keys"): page}) as server:
        ended = call(server, "export", "key", "list")
    assert (ended.code, "ERR_STELLA_ANSWER" in ended.err) == (1, True)


def event(number: int, **members: Any) -> bytes:
    document = {"sequence": str(number), "state": "STATE_RUNNING", **members}
    return f"id: {number}\nevent: x\ndata: {json.dumps(document)}\n\n".encode()


def broken_stream(connection: Answering, request: Request) -> None:
    """Break off after two events; go on after the one that the client has seen."""
    seen = int(request.headers.get("last-event-id", "0"))
    events = [
        event(1, stage="STAGE_PLANNING"),
        event(2, stage="STAGE_ADAPTING", progress={"shardsTotal": 2, "shardsDone": 1}),
        event(3, state="STATE_FAILED", terminal=True),
    ]
    connection.send_response(200)
    connection.send_header("Content-Type", "text/event-stream")
    connection.send_header("Connection", "close")
    connection.end_headers()
    connection.wfile.write(b": hello\n\n" + b"".join(events[seen : 2 if not seen else 3]))
    connection.close_connection = True


def test_watch_survives_a_broken_stream_and_ends_as_the_run_does(call: Call) -> None:
    error = {"code": "ERR_EXPORT_KEY", "message": "Signing key `k` cannot be used.", "cure": "Rotate it."}
    routes = {
        ("GET", f"/api/export/runs/{RUN}/events"): broken_stream,
        ("GET", f"/api/export/runs/{RUN}"): run_document("STATE_FAILED", error=error),
    }
    with serving(routes) as server:
        ended = call(server, "export", "run", "watch", RUN, "--format", "json")
    assert ended.code == 7
    assert json.loads(ended.out)["state"] == "STATE_FAILED"
    assert json.loads(ended.err.splitlines()[-1])["error"]["code"] == "ERR_EXPORT_KEY"
    assert [request.headers.get("last-event-id") for request in server.requests[:2]] == [None, "2"]


def test_start_with_wait_ends_well_when_the_run_does(call: Call) -> None:
    def stream(connection: Answering, _: Request) -> None:
        connection.give(
            200, event(1, state="STATE_SUCCEEDED", terminal=True), Content_Type="text/event-stream"
        )

    done = run_document("STATE_SUCCEEDED", progress={"records": "12", "storedBytes": "2048"})
    routes = {
        ("POST", "/api/export/runs"): run_document("STATE_QUEUED"),
        ("GET", f"/api/export/runs/{RUN}/events"): stream,
        ("GET", f"/api/export/runs/{RUN}"): done,
    }
    with serving(routes) as server:
        ended = call(server, "export", "run", "start", "nightly", "--wait", "--format", "name")
    assert (ended.code, ended.out) == (0, f"{RUN}\n")
    assert "succeeded" in ended.err
    assert "12 records, 2.0 KiB" in ended.err
    assert server.requests[0].json == {"profile": "nightly"}


def test_waiting_ends_when_the_time_is_over_and_the_run_goes_on(call: Call) -> None:
    with serving({("GET", f"/api/export/runs/{RUN}/events"): broken_stream}) as server:
        ended = call(server, "export", "run", "watch", RUN, "--timeout", "0s")
    assert ended.code == 10
    assert "it goes on" in ended.err


def ndjson(*documents: Any) -> Callable[[Answering, Request], None]:
    body = b"".join(json.dumps(document).encode() + b"\n" for document in documents)
    return lambda connection, _: connection.give(200, body, Content_Type="application/x-ndjson")


def test_an_import_sends_the_spec_first_and_reports_the_result(call: Call, tmp_path: Path) -> None:
    folder = tmp_path / "advisories"
    folder.mkdir()
    (folder / "osv-go.jsonl").write_bytes(b'{"id":"a"}\n')
    result = {
        "added": "3",
        "quarantined": "1",
        "reasons": [{"reason": "number-out-of-range", "records": "1"}],
        "datasets": [{"kind": "RECORD_KIND_ADVISORY", "source": "osv-go", "added": "3"}],
    }
    answer = ndjson(
        {"phase": "PHASE_MERGING", "recordsMerged": "2"}, {"phase": "PHASE_DONE", "result": result}
    )
    with serving({("POST", "/api/evidence/imports"): answer}) as server:
        ended = call(server, "evidence", "import", folder, "--kind", "advisory", "--replace")
    assert ended.code == 0
    assert ended.out == (
        "KIND      SOURCE  ADDED  UPDATED  UNCHANGED  REMOVED\n"
        "advisory  osv-go      3        0          0        0\n"
    )
    assert "3 added, 0 updated, 0 unchanged, 0 removed, 1 quarantined" in ended.err
    assert "1 record put aside (number-out-of-range 1)." in ended.err
    assert "stella evidence status --quarantine" in ended.err
    body = server.requests[0].body
    assert body.index(b'{"kind": "RECORD_KIND_ADVISORY", "mode": "MODE_REPLACE"}') < body.index(
        b'filename="advisories/osv-go.jsonl"'
    )


def test_an_import_that_fails_after_it_began_fails(call: Call, tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"x")
    error = {"code": "ERR_EXPORT_BAD_INPUT", "message": "`a.zip` cannot be read.", "cure": "Repair it."}
    answer = ndjson({"phase": "PHASE_READING"}, {"error": error})
    with serving({("POST", "/api/evidence/imports"): answer}) as server:
        ended = call(server, "evidence", "import", tmp_path / "a.zip")
    assert ended.code == 2
    assert "hint: Repair it." in ended.err


def test_an_import_without_a_result_is_try_later(call: Call, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b"{}")
    with serving({("POST", "/api/evidence/imports"): ndjson({"phase": "PHASE_READING"})}) as server:
        assert call(server, "evidence", "import", tmp_path / "a.json").code == 10


def test_an_import_that_is_refused_early_shows_why(call: Call, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b"{}" * 4_000_000)

    def refuse(connection: Answering, _: Request) -> None:
        connection.give_up(403, "ERR_EXPORT_DENIED")

    with serving({("POST", "/api/evidence/imports"): refuse}) as server:
        ended = call(server, "evidence", "import", tmp_path / "a.json")
    assert (ended.code, "ERR_EXPORT_DENIED" in ended.err) == (3, True)


def test_status_shows_sources_and_an_example_of_each_reason(call: Call) -> None:
    dataset = {
        "kind": "RECORD_KIND_ADVISORY", "source": "osv-go", "records": "1200", "segments": "3",
        "plainBytes": "1048576", "asOf": "2024-05-06T07:08:09Z",
    }  # fmt: skip
    status = {
        "datasets": [{"dataset": dataset, "storedBytes": "2048"}],
        "quarantined": [{"source": "osv-go", "reason": "number-out-of-range", "records": "1"}],
    }
    example = {
        "source": "osv-go", "reason": "number-out-of-range", "location": "osv-go.jsonl:7",
        "detail": "9007199254740993",
    }  # fmt: skip
    routes = {
        ("GET", "/api/evidence/status"): status,
        ("GET", "/api/evidence/quarantine"): {"records": [example]},
    }
    with serving(routes) as server:
        ended = call(server, "evidence", "status", "--columns", "kind,source,records,size,as-of")
    assert ended.out.splitlines()[:2] == [
        "KIND      SOURCE  RECORDS     SIZE  AS-OF",
        "advisory  osv-go    1,200  1.0 MiB  2024-05-06T07:08:09Z",
    ]
    assert "osv-go.jsonl:7: 9007199254740993" in ended.out


def test_collect_says_what_it_may_leave_and_shows_what_went(call: Call) -> None:
    answer = {"examined": "7", "live": "5", "collected": "2", "collectedBytes": "2048", "complete": True}
    with serving({("POST", "/api/export/blobs:collect"): answer}) as server:
        ended = call(server, "export", "collect", "--grace", "2h", "--dry-run")
        call(server, "export", "collect")
    sent = [request.json for request in server.requests]
    assert sent == [{"validateOnly": True, "graceSeconds": "7200"}, {"validateOnly": False}]
    assert (ended.code, "Nothing was removed" in ended.err) == (0, True)
    assert "2.0 KiB" in ended.out


def test_collect_says_when_there_is_more_to_look_at(call: Call) -> None:
    with serving({("POST", "/api/export/blobs:collect"): {"examined": "7"}}) as server:
        ended = call(server, "export", "collect")
    assert (ended.code, "the same command goes on" in ended.err) == (0, True)


def test_a_profile_says_for_how_long_its_bundles_are_kept(call: Call) -> None:
    current = {**PROFILE, "spec": {**PROFILE["spec"], "retentionDays": 5}}
    path = "/api/export/profiles/nightly"
    with serving({("GET", path): current, ("PUT", path): PROFILE}) as server:
        for days in ("30", "0"):
            call(server, "export", "profile", "update", "nightly", "--retention-days", days)
        call(server, "export", "profile", "update", "nightly", "--display-name", "x")
    sent = [request.json["spec"] for request in server.requests if request.method == "PUT"]
    assert [spec.get("retentionDays") for spec in sent] == [30, None, 5]
