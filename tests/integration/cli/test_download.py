"""A download goes on where it was cut off, and a wrong file is never left in its place."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import re
import signal
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.kit.answers import Answering, Answers, Request, answering
from tests.kit.bundles import make_bundle, tar_of
from tests.kit.stella import Ended, stella, stella_running

RUN = "01hzz0000-aaaaaaaaaaa"
EXPORT = "e" * 40
BUNDLE = tar_of(make_bundle())


@dataclass(slots=True)
class Offer:
    """What the server gives, and after how many bytes of a body each answer breaks off."""

    content: bytes = BUNDLE
    stated: str = ""
    cuts: list[int] = field(default_factory=list)
    ranges: bool = True

    @property
    def etag(self) -> str:
        return f'"sha256:{self.stated or hashlib.sha256(self.content).hexdigest()}"'

    def answer(self, connection: Answering, request: Request) -> None:
        if not request.path.endswith(("/bundle", "/export.json")):
            connection.give_json({"name": f"tenants/t/runs/{RUN}", "exportId": EXPORT})
            return
        if request.headers.get("if-none-match") == self.etag:
            connection.give(304, b"", ETag=self.etag)
            return
        asked = re.fullmatch(r"bytes=(\d+)-", request.headers.get("range", ""))
        start, status = 0, 200
        if asked and self.ranges and request.headers.get("if-range") == self.etag:
            start, status = int(asked[1]), 206
        self._send(connection, status, start)

    def _send(self, connection: Answering, status: int, start: int) -> None:
        body = self.content[start:]
        connection.send_response(status)
        connection.send_header("ETag", self.etag)
        connection.send_header("Content-Length", str(len(body)))
        if status == 206:
            total = len(self.content)
            connection.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
        connection.end_headers()
        connection.wfile.write(body[: self.cuts.pop(0)] if self.cuts else body)
        connection.wfile.flush()
        connection.close_connection = True


@pytest.fixture
def offer() -> Offer:
    return Offer()


@pytest.fixture
def server(offer: Offer) -> Iterator[Answers]:
    with answering(offer.answer) as running:
        yield running


def download(server: Answers, folder: Path, *arguments: str) -> Ended:
    return stella(
        "export", "download", RUN, "-o", f"{folder}/", "--server", server.url, *arguments,
        config=folder / "config.json",
    )  # fmt: skip


def ranges(server: Answers) -> list[str]:
    return [request.headers.get("range", "") for request in server.requests if "/bundle" in request.path]


def leave_part(server: Answers, folder: Path, offer: Offer, beginning: bytes) -> None:
    """Leave what a download leaves that was ended after `beginning`."""
    target = folder / f"{EXPORT}.tar"
    target.with_name(target.name + ".part").write_bytes(beginning)
    state = {
        "version": 1,
        "source": f"{server.url}/api/export/runs/{RUN}/bundle",
        "etag": offer.etag,
        "digest": offer.etag.strip('"'),
        "bytes": len(offer.content),
    }
    target.with_name(target.name + ".part.json").write_text(json.dumps(state), encoding="utf-8")


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != "config.json")


def test_a_bundle_arrives_whole(server: Answers, tmp_path: Path) -> None:
    ended = download(server, tmp_path, "--format", "json")
    assert ended.code == 0
    target = tmp_path / f"{EXPORT}.tar"
    assert target.read_bytes() == BUNDLE
    assert left(tmp_path) == [f"{EXPORT}.tar"]
    digest = "sha256:" + hashlib.sha256(BUNDLE).hexdigest()
    assert json.loads(ended.out) == {"path": str(target), "bytes": len(BUNDLE), "digest": digest}


def test_a_broken_connection_is_gone_on_with(server: Answers, offer: Offer, tmp_path: Path) -> None:
    offer.cuts = [1000, 0, 5000]
    assert download(server, tmp_path).code == 0
    assert (tmp_path / f"{EXPORT}.tar").read_bytes() == BUNDLE
    assert ranges(server) == ["", "bytes=1000-", "bytes=1000-", "bytes=6000-"]


def test_a_range_that_never_ends_is_not_written_on_and_on(offer: Offer, tmp_path: Path) -> None:
    def answer(connection: Answering, request: Request) -> None:
        if "range" not in request.headers:
            offer.answer(connection, request)
            return
        total = len(BUNDLE)
        connection.send_response(206)
        connection.send_header("ETag", offer.etag)
        connection.send_header("Content-Range", f"bytes 1000-{total - 1}/{total}")
        connection.end_headers()
        connection.close_connection = True
        for _ in range(64):
            connection.wfile.write(bytes(1 << 20))

    offer.cuts = [1000]
    with answering(answer) as endless:
        ended = download(endless, tmp_path)
    assert (ended.code, "more than" in ended.err) == (1, True)
    assert all((tmp_path / name).stat().st_size <= len(BUNDLE) for name in left(tmp_path))


def test_a_later_call_goes_on_where_an_earlier_one_ended(
    server: Answers, offer: Offer, tmp_path: Path
) -> None:
    leave_part(server, tmp_path, offer, BUNDLE[:7000])
    ended = download(server, tmp_path)
    assert ended.code == 0
    assert "resumed at 6.8 KiB (7000 bytes)" in ended.err
    assert ranges(server) == ["bytes=7000-"]
    assert left(tmp_path) == [f"{EXPORT}.tar"]


def test_a_part_that_is_complete_is_only_checked(server: Answers, offer: Offer, tmp_path: Path) -> None:
    leave_part(server, tmp_path, offer, BUNDLE)
    assert download(server, tmp_path).code == 0
    assert ranges(server) == []
    assert (tmp_path / f"{EXPORT}.tar").read_bytes() == BUNDLE


def test_a_damaged_part_is_thrown_away(server: Answers, offer: Offer, tmp_path: Path) -> None:
    leave_part(server, tmp_path, offer, b"\xff" + BUNDLE[1:7000])
    ended = download(server, tmp_path)
    assert (ended.code, ranges(server)) == (0, ["bytes=7000-", ""])
    assert "damaged; starting over" in ended.err
    assert (tmp_path / f"{EXPORT}.tar").read_bytes() == BUNDLE


def test_a_bundle_that_was_replaced_starts_over(server: Answers, tmp_path: Path) -> None:
    leave_part(server, tmp_path, Offer(BUNDLE + bytes(512)), BUNDLE[:7000])
    ended = download(server, tmp_path)
    assert ended.code == 0
    assert "another whole than before" in ended.err
    assert (tmp_path / f"{EXPORT}.tar").read_bytes() == BUNDLE


def test_a_server_without_ranges_starts_over(server: Answers, offer: Offer, tmp_path: Path) -> None:
    offer.cuts, offer.ranges = [1000], False
    assert download(server, tmp_path).code == 0
    assert (tmp_path / f"{EXPORT}.tar").read_bytes() == BUNDLE


def test_restart_takes_nothing_over(server: Answers, offer: Offer, tmp_path: Path) -> None:
    leave_part(server, tmp_path, offer, BUNDLE[:7000])
    assert download(server, tmp_path, "--restart").code == 0
    assert ranges(server) == [""]


def test_what_has_another_digest_is_not_kept(server: Answers, offer: Offer, tmp_path: Path) -> None:
    offer.stated = "0" * 64
    ended = download(server, tmp_path)
    assert ended.code == 6
    assert "ERR_STELLA_DOWNLOAD" in ended.err
    assert left(tmp_path) == []


def test_a_finished_file_is_not_fetched_again(server: Answers, tmp_path: Path) -> None:
    download(server, tmp_path)
    ended = download(server, tmp_path)
    assert ended.code == 0
    assert "is there already, the same" in ended.err


def test_two_calls_do_not_write_to_one_file(server: Answers, tmp_path: Path) -> None:
    with (tmp_path / f"{EXPORT}.tar.part").open("wb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        ended = download(server, tmp_path)
    assert ended.code == 10
    assert "ERR_STELLA_LOCKED" in ended.err


def test_extract_unpacks_beside_the_tar(server: Answers, tmp_path: Path) -> None:
    ended = download(server, tmp_path, "--extract", "--format", "name")
    assert ended.out == f"{tmp_path / EXPORT}\n"
    found = {
        str(path.relative_to(tmp_path / EXPORT)): path.read_bytes()
        for path in (tmp_path / EXPORT).rglob("*")
        if path.is_file()
    }
    assert found == make_bundle()


def test_extract_refuses_a_folder_that_holds_something(server: Answers, tmp_path: Path) -> None:
    (tmp_path / EXPORT).mkdir()
    (tmp_path / EXPORT / "mine").touch()
    ended = download(server, tmp_path, "--extract")
    assert ended.code == 2
    assert ranges(server) == []


def test_what_is_no_bundle_is_not_unpacked(server: Answers, offer: Offer, tmp_path: Path) -> None:
    offer.content = b"no tar at all"
    assert download(server, tmp_path, "--extract").code == 6
    assert left(tmp_path) == [f"{EXPORT}.tar"]


def interrupted(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Interrupt a command and return what it printed.

    A signal that comes just before a wait for the network is seen only after it; a user presses again.
    """
    for _ in range(5):
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.communicate(timeout=10)
    raise AssertionError("it does not end")


def test_an_interrupted_download_keeps_its_part(tmp_path: Path) -> None:
    sent, released = threading.Event(), threading.Event()

    def stall(connection: Answering, request: Request) -> None:
        if not request.path.endswith("/bundle"):
            connection.give_json({"exportId": EXPORT})
            return
        connection.send_response(200)
        connection.send_header("ETag", Offer().etag)
        connection.send_header("Content-Length", str(len(BUNDLE)))
        connection.end_headers()
        connection.wfile.write(BUNDLE[:5000])
        connection.wfile.flush()
        sent.set()
        released.wait(60)

    part = tmp_path / f"{EXPORT}.tar.part"
    with answering(stall) as server:
        command = ["export", "download", RUN, "-o", f"{tmp_path}/", "--server", server.url]
        with stella_running(*command, config=tmp_path / "config.json") as process:
            assert sent.wait(60)
            while not (tmp_path / f"{EXPORT}.tar.part.json").exists():
                assert process.poll() is None
            _, err = interrupted(process)
            released.set()
    assert (process.returncode, "ERR_STELLA_INTERRUPTED" in err) == (130, True)
    assert part.read_bytes() == BUNDLE[: part.stat().st_size]


def test_one_file_of_a_bundle_can_be_fetched(server: Answers, tmp_path: Path) -> None:
    assert download(server, tmp_path, "--file", "export.json").code == 0
    assert server.requests[-1].path == f"/api/export/runs/{RUN}/files/export.json"
    assert left(tmp_path) == ["export.json"]
