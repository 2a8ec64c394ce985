"""Bytes that the kernel moves: all and no others, to slow clients too; and an end for those who take none."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from libs.common.errors import BlobCorrupt, BlobMissing, Unavailable
from libs.common.http.kernel import FileRange, FileRanges, Outlet, SocketRange, Transfer

DATA = random.Random(1).randbytes(3_000_000)
SOON_SECONDS = 30.0

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    ours, theirs = socket.socketpair()
    for each in (ours, theirs):
        each.settimeout(0)
    with ours, theirs:
        yield ours, theirs


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "blob").write_bytes(DATA)
    return tmp_path / "blob"


def _open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def _read(receiver: socket.socket, count: int) -> bytes:
    read = bytearray()
    while len(read) < count:
        read += await asyncio.get_running_loop().sock_recv(receiver, 10_007)
    return bytes(read)


async def _moved(transfer: Transfer, pair: Pair) -> bytes:
    ours, theirs = pair
    outlet = Outlet(ours.fileno())
    try:
        async with asyncio.timeout(SOON_SECONDS):
            _, read = await asyncio.gather(transfer.move_to(outlet), _read(theirs, transfer.count))
    finally:
        outlet.close()
    return read


async def test_a_range_of_a_file_arrives_as_it_is(pair: Pair, path: Path) -> None:
    assert await _moved(FileRange(path, 17, 2_500_000, "sha256:"), pair) == DATA[17:2_500_017]


async def test_several_ranges_arrive_in_order(pair: Pair, path: Path) -> None:
    ranges = FileRanges((FileRange(path, 5, 1_000_000, "sha256:"), FileRange(path, 0, 9, "sha256:")))
    assert await _moved(ranges, pair) == DATA[5:1_000_005] + DATA[:9]


async def test_a_file_that_is_not_there_is_a_missing_blob(pair: Pair, tmp_path: Path) -> None:
    with pytest.raises(BlobMissing):
        await FileRange(tmp_path / "none", 0, 1, "sha256:").move_to(Outlet(pair[0].fileno()))


async def test_a_file_that_is_too_short_is_a_corrupt_blob(pair: Pair, path: Path) -> None:
    with pytest.raises(BlobCorrupt):
        await FileRange(path, len(DATA) - 5, 6, "sha256:").move_to(Outlet(pair[0].fileno()))


async def test_a_client_that_takes_nothing_is_given_up(pair: Pair, path: Path) -> None:
    outlet = Outlet(pair[0].fileno(), stall_seconds=0.2)
    with pytest.raises(TimeoutError):
        await FileRange(path, 0, len(DATA), "sha256:").move_to(outlet)
    outlet.close()


async def test_a_client_that_leaves_is_told_at_once(pair: Pair, path: Path) -> None:
    outlet = Outlet(pair[0].fileno())
    moving = asyncio.create_task(FileRange(path, 0, len(DATA), "sha256:").move_to(outlet))
    await asyncio.get_running_loop().sock_recv(pair[1], 10)
    outlet.close()
    with pytest.raises(ConnectionResetError):
        await asyncio.wait_for(moving, SOON_SECONDS)


async def test_a_transfer_that_is_cancelled_leaves_no_file_open(pair: Pair, path: Path) -> None:
    outlet = Outlet(pair[0].fileno())
    before = _open_files()
    moving = asyncio.create_task(FileRange(path, 0, len(DATA), "sha256:").move_to(outlet))
    await asyncio.get_running_loop().sock_recv(pair[1], 10)
    moving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await moving
    assert _open_files() == before
    outlet.close()


async def test_what_comes_on_a_connection_goes_on_as_it_is(pair: Pair) -> None:
    source, sender = socket.socketpair()
    with source, sender:
        source.settimeout(0)
        sender.settimeout(0)
        sending = asyncio.create_task(asyncio.get_running_loop().sock_sendall(sender, DATA))
        assert await _moved(SocketRange(source, len(DATA), SOON_SECONDS, "the server"), pair) == DATA
        await sending


async def test_a_connection_that_ends_early_is_named(pair: Pair) -> None:
    source, sender = socket.socketpair()
    with source:
        source.settimeout(0)
        with sender:
            sender.sendall(b"some")
        with pytest.raises(Unavailable, match="the server"):
            await SocketRange(source, 5, SOON_SECONDS, "the server").move_to(Outlet(pair[0].fileno()))


async def test_a_connection_that_is_silent_is_named(pair: Pair) -> None:
    source, sender = socket.socketpair()
    with source, sender:
        source.settimeout(0)
        with pytest.raises(Unavailable, match="the server"):
            await SocketRange(source, 5, 0.1, "the server").move_to(Outlet(pair[0].fileno()))
