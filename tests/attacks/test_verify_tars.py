"""Every attack on a tar is named with its reason: from a file, from a run, and when it is to be unpacked."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attacks import on_files, on_tars
from tests.attacks.attack import (
    GOOD,
    VERIFICATION_FAILED,
    Attack,
    assert_found,
    everything_below,
    key_file,
    verify,
)
from tests.attacks.on_tars import GOOD_TAR
from tests.kit.answers import Answering, Answers, Request, answering
from tests.kit.bundles import Files, tar_of
from tests.kit.stella import Ended, stella

RUN = "01hzz0000-aaaaaaaaaaa"
EXPORT = "exp-0123456789abcdef"


@contextlib.contextmanager
def serving(content: bytes) -> Iterator[Answers]:
    """Serve `content` as the bundle of a run, rightly named by its digest."""

    def answer(connection: Answering, request: Request) -> None:
        if request.path.endswith("/bundle"):
            connection.give(200, content, ETag=f'"sha256:{hashlib.sha256(content).hexdigest()}"')
        else:
            connection.give_json({"name": f"tenants/t/runs/{RUN}", "exportId": EXPORT})

    with answering(answer) as server:
        yield server


def of_run(server: Answers, folder: Path) -> Ended:
    return stella(
        "export", "verify", RUN, "--key", key_file(folder), "--server", server.url,
        "--format", "json", "--quiet",
        config=folder / "config.json",
    )  # fmt: skip


@pytest.mark.parametrize("attack", on_tars.ATTACKS, ids=str)
def test_a_file_names_the_member_and_the_reason(attack: Attack[bytes], tmp_path: Path) -> None:
    target = tmp_path / "bundle.tar"
    target.write_bytes(attack.spoil(GOOD_TAR))
    ended = verify(target, tmp_path)
    assert_found(ended, attack.file, attack.reason)
    assert everything_below(tmp_path).keys() == {"bundle.tar", "trusted.pub"}


# A server that gives nothing has no bundle to verify: a matter of downloads.
@pytest.mark.parametrize("attack", [each for each in on_tars.ATTACKS if each.spoil(GOOD_TAR)], ids=str)
def test_a_run_names_the_member_and_the_reason(attack: Attack[bytes], tmp_path: Path) -> None:
    with serving(attack.spoil(GOOD_TAR)) as server:
        assert_found(of_run(server, tmp_path), attack.file, attack.reason)
    assert everything_below(tmp_path).keys() == {"trusted.pub"}


@pytest.mark.parametrize("attack", on_files.ATTACKS[::7], ids=str)
def test_a_run_of_attacked_files_is_named_too(attack: Attack[Files], tmp_path: Path) -> None:
    with serving(tar_of(attack.spoil(GOOD))) as server:
        assert_found(of_run(server, tmp_path), attack.file, attack.reason)


@pytest.mark.parametrize("attack", on_tars.ATTACKS, ids=str)
def test_nothing_is_unpacked_outside(attack: Attack[bytes], tmp_path: Path) -> None:
    folder = tmp_path / "inner" / "place"
    folder.mkdir(parents=True)
    with serving(attack.spoil(GOOD_TAR)) as server:
        ended = stella(
            "export", "download", RUN, "-o", f"{folder}/", "--extract", "--server", server.url, "--quiet",
            config=tmp_path / "config.json",
        )  # fmt: skip
    inside = folder / EXPORT
    made = {path for path in tmp_path.rglob("*") if path not in (folder, folder.parent)}
    allowed = {path for path in made if path.is_relative_to(inside) or path.name.startswith(f"{EXPORT}.tar")}
    assert made == allowed
    assert not any(path.is_symlink() for path in made)
    # What is a tar of files is unpacked, whoever made it; what is none leaves no folder.
    assert (ended.code, inside.exists()) in {(VERIFICATION_FAILED, False), (2, False), (0, True)}, ended
