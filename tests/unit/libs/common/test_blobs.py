"""The blob store."""

from __future__ import annotations

import asyncio
from pathlib import Path

import obstore
import pytest

from cli.stella.supervise.ports import free_port
from libs.common.blobs.store import Blobs
from libs.common.errors import BlobCorrupt, BlobMissing, StorageFault, Unavailable
from libs.common.settings import BadSetting


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(f"file://{tmp_path}", "exports")


async def test_what_was_put_is_got_and_streamed(blobs: Blobs) -> None:
    data = bytes(range(256)) * 9000
    blob = await blobs.put("acme", data)
    assert await blobs.get("acme", blob.digest) == data
    assert (
        b"".join([chunk async for chunk in blobs.stream("acme", blob.digest, 5, len(data) - 9)]) == data[5:-4]
    )
    assert await blobs.size("acme", blob.digest) == len(data)


async def test_a_tenant_does_not_see_the_blob_of_another(blobs: Blobs) -> None:
    blob = await blobs.put("acme", b"secret")
    assert not await blobs.exists("beta", blob.digest)
    with pytest.raises(BlobMissing):
        await blobs.get("beta", blob.digest)


@pytest.mark.parametrize("tenant", ["../acme", "", "a/b", "ACME"])
async def test_a_tenant_that_is_none_is_refused(blobs: Blobs, tenant: str) -> None:
    with pytest.raises(ValueError, match="not a blob name"):
        await blobs.put(tenant, b"x")


async def test_a_digest_that_is_none_leads_nowhere(blobs: Blobs) -> None:
    for text in ("../" * 20 + "etc/", "./" * 16 + "../" * 10 + "ab", "g" * 64, "A" * 64, "0" * 63 + "\n"):
        assert len(text) == 64
        with pytest.raises(ValueError, match="not a blob name"):
            await blobs.size("acme", f"sha256:{text}")


async def test_a_changed_blob_is_found_out(blobs: Blobs) -> None:
    blob = await blobs.put("acme", b"right")
    path = blobs.local_path("acme", blob.digest)
    assert path is not None
    path.write_bytes(b"wrong")
    with pytest.raises(BlobCorrupt):
        await blobs.get("acme", blob.digest)


async def test_several_are_stored_at_once_and_come_in_order(blobs: Blobs) -> None:
    several = [b"one", b"two", b"one", b""]
    stored = await blobs.put_all("acme", several)
    assert await blobs.get_all("acme", [blob.digest for blob in stored]) == several


async def test_a_stream_that_ends_early_is_found_out(blobs: Blobs) -> None:
    blob = await blobs.put("acme", b"right")
    with pytest.raises(BlobCorrupt):
        [chunk async for chunk in blobs.stream("acme", blob.digest, 0, 99)]


async def test_a_deleted_blob_is_gone_and_may_be_deleted_again(blobs: Blobs) -> None:
    blob = await blobs.put("acme", b"x")
    await blobs.delete("acme", blob.digest)
    await blobs.delete("acme", blob.digest)
    assert not await blobs.exists("acme", blob.digest)


async def test_a_note_is_kept_apart_from_blobs(blobs: Blobs) -> None:
    name = "sha256:" + "0" * 64
    await blobs.note_put("acme", name, b"value")
    assert await blobs.note_get("acme", name) == b"value"
    assert await blobs.note_get("beta", name) is None
    assert not await blobs.exists("acme", name)


@pytest.mark.parametrize("url", ["file://{folder}", "memory:///"])
async def test_many_blobs_and_notes_are_asked_for_at_once(tmp_path: Path, url: str) -> None:
    store = Blobs(url.format(folder=tmp_path), "exports")
    there = [(await store.put("acme", b"%d" % number)).digest for number in range(40)]
    gone = ["sha256:" + digit * 64 for digit in "0123"]
    assert await store.missing("acme", [*there, *gone]) == frozenset(gone)
    for digest in there:
        await store.note_put("acme", digest, digest.encode())
    values = [digest.encode() for digest in there]
    assert await store.notes_get("acme", [*there, *gone]) == [*values, *[None] * 4]


@pytest.mark.parametrize("damaged", [b"", b"x" * 20, b"y" * 40])
async def test_a_damaged_note_counts_as_none_and_can_be_put_again(blobs: Blobs, damaged: bytes) -> None:
    name = "sha256:" + "0" * 64
    await blobs.note_put("acme", name, b"value")
    key = f"{blobs.area}/acme/notes/00/{'0' * 62}"
    await obstore.put_async(blobs.store, key, damaged)
    assert await blobs.note_get("acme", name) is None
    await blobs.note_put("acme", name, b"value")
    assert await blobs.note_get("acme", name) == b"value"


async def test_the_same_bytes_put_many_times_at_once_are_one_blob(blobs: Blobs) -> None:
    data = b"the same object"
    assert len(set(await asyncio.gather(*(blobs.put("acme", data) for _ in range(20))))) == 1


async def test_a_folder_that_cannot_be_written_may_go_better_next_time(blobs: Blobs, tmp_path: Path) -> None:
    (tmp_path / "exports").write_text("in the way")
    with pytest.raises(Unavailable, match="the blob store"):
        await blobs.put("acme", b"x")


async def test_a_bucket_that_does_not_answer_may_go_better_next_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_ENDPOINT", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    bucket = Blobs("s3://bucket", "exports")
    digest = "sha256:" + "0" * 64
    answers = await asyncio.gather(
        bucket.put("acme", b"x"),
        bucket.size("acme", digest),
        bucket.get("acme", digest),
        anext(bucket.stream("acme", digest, 0, 1)),
        bucket.delete("acme", digest),
        bucket.note_put("acme", digest, b"x"),
        bucket.note_get("acme", digest),
        return_exceptions=True,
    )
    assert {type(answer) for answer in answers} == {Unavailable}


async def test_a_disk_that_was_taken_away_is_no_empty_store(tmp_path: Path) -> None:
    place = tmp_path / "store"
    blobs = Blobs(f"file://{place}", "exports")
    blob = await blobs.put("acme", b"kept")
    place.rename(tmp_path / "away")
    with pytest.raises(StorageFault, match="its folder is gone"):
        await blobs.get("acme", blob.digest)
    place.mkdir()
    with pytest.raises(StorageFault, match="another than the one that was opened"):
        await blobs.put("acme", b"new")
    assert list(place.iterdir()) == []
    place.rmdir()
    (tmp_path / "away").rename(place)
    assert await blobs.get("acme", blob.digest) == b"kept"


def test_a_store_that_no_library_knows_is_a_bad_setting() -> None:
    with pytest.raises(BadSetting, match="EXPORT_BLOBS_URL"):
        Blobs("nonsense://x", "exports")
