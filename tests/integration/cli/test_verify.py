"""Verification of files and folders is offline; what is wrong is named, and nothing is green by default."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kit.answers import Answering, Request, answering
from tests.kit.bundles import KEY, TestKey, make_bundle, tar_of, write_folder
from tests.kit.stella import REPOSITORY, Ended, stella

RUN = "01hzz0000-aaaaaaaaaaa"
# Ends the process at any attempt to make a socket or to look a name up.
NO_SOCKETS = """
import os, sys
def refuse(event, arguments):
    if event.startswith("socket."):
        os.write(2, f"used {event}".encode())
        os._exit(99)
sys.addaudithook(refuse)
from cli.stella.app import run
sys.exit(run(sys.argv[1:]))
"""


def pem(folder: Path, key: TestKey = KEY) -> Path:
    path = folder / "cosign.pub"
    path.write_bytes(key.public.pem)
    return path


def trust(folder: Path, *states: str) -> Path:
    keys = [
        {"version": number, "state": f"STATE_{state}", "publicKeyPem": TestKey(number).public.pem.decode()}
        for number, state in enumerate(states, start=1)
    ]
    path = folder / "trust.json"
    path.write_text(json.dumps({"keys": keys}), encoding="utf-8")
    return path


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    path = tmp_path / "bundle.tar"
    path.write_bytes(tar_of(make_bundle()))
    return path


def verify(target: Path | str, *arguments: str | Path, folder: Path) -> Ended:
    return stella("export", "verify", target, *arguments, config=folder / "config.json")


def test_a_good_bundle_is_verified(bundle: Path, tmp_path: Path) -> None:
    ended = verify(bundle, "--key", pem(tmp_path), folder=tmp_path)
    assert ended.code == 0
    assert "verified" in ended.err
    assert "failed" not in ended.out


def test_a_folder_is_verified(tmp_path: Path) -> None:
    folder = write_folder(make_bundle(), tmp_path / "bundle")
    assert verify(folder, "--key", pem(tmp_path), folder=tmp_path).code == 0


def test_any_of_several_keys_will_do(bundle: Path, tmp_path: Path) -> None:
    assert verify(bundle, "--trust", trust(tmp_path, "RETIRED", "ACTIVE"), folder=tmp_path).code == 0


def test_a_revoked_key_is_not_trusted(bundle: Path, tmp_path: Path) -> None:
    ended = verify(bundle, "--trust", trust(tmp_path, "REVOKED", "ACTIVE"), folder=tmp_path)
    assert ended.code == 6
    assert "Key version 1 is revoked" in ended.err


def test_another_key_fails(bundle: Path, tmp_path: Path) -> None:
    ended = verify(bundle, "--key", pem(tmp_path, TestKey(2)), folder=tmp_path)
    assert ended.code == 6
    assert ended.out.splitlines()[1].startswith("failed")
    assert "ERR_STELLA_VERIFICATION" in ended.err


def test_without_a_key_nothing_is_verified(bundle: Path, tmp_path: Path) -> None:
    ended = verify(bundle, folder=tmp_path)
    assert ended.code == 2
    assert "--key" in ended.err


def test_a_changed_file_is_named_first(tmp_path: Path) -> None:
    files = make_bundle()
    path = next(name for name in files if name.endswith(".sources.jsonl.zst"))
    files[path] = files[path][:-1] + bytes([files[path][-1] ^ 1])
    folder = write_folder(files, tmp_path / "bundle")
    ended = verify(folder, "--key", pem(tmp_path), "--format", "json", folder=tmp_path)
    assert ended.code == 6
    first = json.loads(ended.out)["checks"][0]
    assert (first["outcome"], first["target"]) == ("failed", path)
    assert path in json.loads(ended.err.splitlines()[-1])["error"]["message"]


def test_what_is_no_key_is_named(bundle: Path, tmp_path: Path) -> None:
    ended = verify(bundle, "--key", bundle, folder=tmp_path)
    assert (ended.code, str(bundle) in ended.err) == (2, True)


def test_a_file_that_is_not_there_is_not_taken_for_a_run(tmp_path: Path) -> None:
    ended = verify(tmp_path / "none.tar", "--key", pem(tmp_path), folder=tmp_path)
    assert (ended.code, "There is no file or folder" in ended.err) == (2, True)


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_no_socket_is_opened(kind: str, bundle: Path, tmp_path: Path) -> None:
    target = bundle if kind == "file" else write_folder(make_bundle(), tmp_path / "folder")
    ended = subprocess.run(
        [sys.executable, "-c", NO_SOCKETS, "export", "verify", target, "--key", pem(tmp_path)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, "used socket" in ended.stderr) == (0, False)


def test_the_proof_itself_notices_a_socket(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", NO_SOCKETS, "export", "verify", RUN, "--key", pem(tmp_path)],
        cwd=REPOSITORY,
        env={"STELLA_CONFIG": str(tmp_path / "config.json")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 99


def test_a_run_is_fetched_and_held_against_the_servers_keys(bundle: Path, tmp_path: Path) -> None:
    def answer(connection: Answering, request: Request) -> None:
        if request.path == "/api/export/trust":
            connection.give(200, trust(tmp_path, "ACTIVE").read_bytes(), Content_Type="application/json")
        else:
            content = bundle.read_bytes()
            connection.give(200, content, ETag=f'"sha256:{hashlib.sha256(content).hexdigest()}"')

    with answering(answer) as server:
        ended = verify(RUN, "--server", server.url, folder=tmp_path)
    assert ended.code == 0
    assert [request.path for request in server.requests] == [
        "/api/export/trust",
        f"/api/export/runs/{RUN}/bundle",
    ]
