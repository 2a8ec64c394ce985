"""Calls to a store that are made beside each other end together."""

from __future__ import annotations

import asyncio

import pytest

from libs.common.blobs.collecting import ask_all


async def test_a_failure_is_told_only_once_every_call_has_ended() -> None:
    ended: list[int] = []

    async def ask(number: int) -> None:
        if number == 0:
            raise ConnectionError
        for _ in range(number):
            await asyncio.sleep(0)
        ended.append(number)

    with pytest.raises(ConnectionError):
        await ask_all(ask, range(5))
    assert ended == [1, 2, 3, 4]
