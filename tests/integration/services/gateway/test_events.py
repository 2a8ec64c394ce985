"""A run's events as server-sent events: replay, heartbeat, one end; broken streams mended unseen."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from stellaops.export.v1.runs_pb2 import Run, RunEvent

from libs.common import clock
from libs.common.errors import RunNotFound, Unavailable
from libs.common.http.door import HttpDoor
from libs.common.http.router import Router
from services.gateway.binding import bindings
from services.gateway.contracts import WATCH_RUN
from services.gateway.events import Events
from services.gateway.upstreams import Upstreams
from tests.kit.gateway import Gateway, headers, settings, verifier

PATH = "/api/export/runs/r-1/events"


def event(sequence: int, *, terminal: bool = False) -> RunEvent:
    kind = "succeeded" if terminal else "shard_done"
    state = Run.STATE_SUCCEEDED if terminal else Run.STATE_RUNNING
    return RunEvent(sequence=sequence, type=kind, state=state, terminal=terminal)


async def three(request: Any) -> AsyncIterator[RunEvent]:
    """Replay from where the request says, as the planner does."""
    for sequence in range(request.after_sequence + 1, 4):
        yield event(sequence, terminal=sequence == 3)


async def ever(request: Any) -> AsyncIterator[RunEvent]:
    """Say one thing, and nothing after it."""
    del request
    yield event(1)
    await asyncio.Event().wait()


@asynccontextmanager
async def listening(
    client: httpx.AsyncClient, path: str = PATH, **given: str
) -> AsyncIterator[tuple[httpx.Response, AsyncIterator[str]]]:
    async with client.stream("GET", path, headers=given) as response:
        yield response, response.aiter_lines()


async def numbers(client: httpx.AsyncClient, path: str = PATH, **given: str) -> list[int]:
    """Return the ids of all events until the end."""
    async with listening(client, path, **given) as (response, lines):
        assert response.status_code == 200
        return [int(line.removeprefix("id: ")) async for line in lines if line.startswith("id: ")]


async def test_an_event_has_id_type_and_the_contracts_json(door: Gateway) -> None:
    door.services.answers["WatchRun"] = three
    async with listening(door.client) as (response, lines):
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert response.headers["cache-control"] == "no-store, no-transform"
        first = [await anext(lines) for _ in range(4)]
    assert first[:2] == ["id: 1", "event: shard_done"]
    assert json.loads(first[2].removeprefix("data: ")) == {
        "sequence": "1",
        "type": "shard_done",
        "state": "STATE_RUNNING",
    }
    assert first[3] == ""


async def test_the_stream_ends_after_the_terminal_event(door: Gateway) -> None:
    door.services.answers["WatchRun"] = three
    assert await numbers(door.client) == [1, 2, 3]


@pytest.mark.parametrize(
    ("path", "given", "expected"),
    [
        (PATH, {"Last-Event-ID": "1"}, [2, 3]),
        (f"{PATH}?after=2", {}, [3]),
        (f"{PATH}?afterSequence=2", {}, [3]),
        (f"{PATH}?after=0", {"Last-Event-ID": "2"}, [3]),
        (f"{PATH}?after=0", {}, [1, 2, 3]),
    ],
)
async def test_what_the_client_has_is_not_sent_again(
    door: Gateway, path: str, given: dict[str, str], expected: list[int]
) -> None:
    door.services.answers["WatchRun"] = three
    assert await numbers(door.client, path, **given) == expected


@pytest.mark.parametrize(
    ("path", "given", "field"),
    [
        (PATH, {"Last-Event-ID": "x"}, "Last-Event-ID"),
        (PATH, {"Last-Event-ID": "-1"}, "Last-Event-ID"),
        (f"{PATH}?after=9999999999999999999", {}, "after"),
        (f"{PATH}?since=1", {}, "since"),
    ],
)
async def test_a_position_that_is_none_is_refused(
    door: Gateway, path: str, given: dict[str, str], field: str
) -> None:
    answer = await door.client.get(path, headers=given)
    assert (answer.status_code, answer.json()["details"][0]["field"]) == (400, field)


async def test_a_run_that_is_not_there_is_a_status_and_no_stream(door: Gateway) -> None:
    async def missing(request: Any) -> AsyncIterator[RunEvent]:
        if request.name:
            raise RunNotFound(name="r-1")
        yield RunEvent()

    door.services.answers["WatchRun"] = missing
    answer = await door.client.get(PATH)
    assert (answer.status_code, answer.json()["code"]) == (404, "ERR_EXPORT_RUN_NOT_FOUND")


async def test_whoever_has_had_the_last_event_gets_an_end_and_no_event(door: Gateway) -> None:
    door.services.answers["WatchRun"] = three
    assert await numbers(door.client, **{"Last-Event-ID": "3"}) == []


async def test_a_stream_that_breaks_goes_on_where_it_broke(door: Gateway) -> None:
    async def breaking(request: Any) -> AsyncIterator[RunEvent]:
        async for found in three(request):
            yield found
            if not found.terminal:
                raise Unavailable(dependency="the planner", reason="it is being replaced")

    door.services.answers["WatchRun"] = breaking
    assert await numbers(door.client) == [1, 2, 3]
    assert [asked.request.after_sequence for asked in door.services.asked] == [0, 1, 2]  # type: ignore[attr-defined] # WatchRunRequests


async def test_a_stream_that_is_refused_in_the_middle_ends(door: Gateway) -> None:
    async def vanishing(request: Any) -> AsyncIterator[RunEvent]:
        del request
        yield event(1)
        raise RunNotFound(name="r-1")

    door.services.answers["WatchRun"] = vanishing
    assert await numbers(door.client) == [1]


async def test_a_client_that_leaves_ends_the_call(door: Gateway) -> None:
    left = asyncio.Event()

    async def watched(request: Any) -> AsyncIterator[RunEvent]:
        try:
            async for found in ever(request):
                yield found
        finally:
            left.set()

    door.services.answers["WatchRun"] = watched
    async with listening(door.client) as (_, lines):
        await anext(lines)
    async with asyncio.timeout(10):
        await left.wait()


async def test_head_opens_nothing(door: Gateway) -> None:
    answer = await door.client.head(PATH)
    assert (answer.status_code, door.services.asked) == (200, [])


@pytest.fixture
async def lively(door: Gateway, tmp_path: Path) -> AsyncIterator[tuple[httpx.AsyncClient, asyncio.Event]]:
    """The route alone, with a heartbeat that a test can wait for, and what ends its answers."""
    stopping = asyncio.Event()
    upstreams = Upstreams.open(settings(tmp_path, planner_address=door.services.address))
    watch = next(binding for binding in bindings() if binding.rpc == WATCH_RUN)
    route = Events(watch, verifier(), upstreams, stopping, heartbeat_seconds=0.05).route()
    served = HttpDoor(Router([route], clock.now), "127.0.0.1:0")
    url = f"http://{await served.start()}"
    async with httpx.AsyncClient(base_url=url, headers=headers(), timeout=30) as client:
        yield client, stopping
    await served.stop()
    await upstreams.close()


async def test_while_nothing_happens_comments_keep_the_connection(
    door: Gateway, lively: tuple[httpx.AsyncClient, asyncio.Event]
) -> None:
    door.services.answers["WatchRun"] = ever
    async with listening(lively[0]) as (_, lines):
        found = [await anext(lines) for _ in range(8)]
    assert found[4:] == [": heartbeat", ""] * 2


async def test_a_door_that_stops_ends_streams_that_have_no_end(
    door: Gateway, lively: tuple[httpx.AsyncClient, asyncio.Event]
) -> None:
    door.services.answers["WatchRun"] = ever
    client, stopping = lively
    async with listening(client) as (_, lines):
        await anext(lines)
        stopping.set()
        async with asyncio.timeout(10):
            assert not [line async for line in lines if line.startswith("id: 2")]
