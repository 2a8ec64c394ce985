"""Lists of runs, and runs watched while they happen."""

from __future__ import annotations

import asyncio

from stellaops.export.v1 import runs_pb2

from services.planner.watching import Watching
from tests.kit.planner import House, failing, refused, until

ALL = ["created", "started", "planned", "shard_done", "assembled", "signed", "distributed", "succeeded"]


async def listed(house: House, tenant: str, **request: object) -> runs_pb2.ListRunsResponse:
    client = house.client(tenant)
    asked = runs_pb2.ListRunsRequest(**request)  # type: ignore[arg-type] # fields of the request
    return await client.runs.ListRuns(asked, metadata=client.metadata)


async def test_runs_are_listed_page_by_page_newest_first(house: House, tenant: str) -> None:
    client = house.client(tenant)
    await client.create_profile()
    started = [(await client.start()).name for _ in range(5)]
    found: list[str] = []
    token = ""
    while True:
        page = await listed(house, tenant, page_size=2, page_token=token)
        found += [run.name for run in page.runs]
        token = page.next_page_token
        if not token:
            break
    assert found == sorted(started, reverse=True)


async def test_runs_are_listed_by_state_and_profile(house: House, tenant: str) -> None:
    client = house.client(tenant)
    await client.create_profile("one-a")
    await client.create_profile("one-b")
    ended = await client.start("one-a")
    await client.watch(ended.name)
    house.workers.idle.add("sign")
    running = await client.start("one-b")
    by_state = await listed(house, tenant, state=runs_pb2.Run.STATE_RUNNING)
    by_profile = await listed(house, tenant, profile=f"tenants/{tenant}/profiles/one-a")
    assert [run.name for run in by_state.runs] == [running.name]
    assert [run.name for run in by_profile.runs] == [ended.name]


async def test_a_page_token_of_another_filter_is_refused(house: House, tenant: str) -> None:
    client = house.client(tenant)
    await client.create_profile()
    for _ in range(2):
        await client.start()
    token = (await listed(house, tenant, page_size=1)).next_page_token
    with refused("ERR_EXPORT_PAGE_TOKEN"):
        await listed(house, tenant, page_token=token, state=runs_pb2.Run.STATE_FAILED)


async def test_a_made_up_page_token_is_refused(house: House, tenant: str) -> None:
    with refused("ERR_EXPORT_PAGE_TOKEN"):
        await listed(house, tenant, page_token="bm8gdG9rZW4")


async def test_a_watch_goes_on_after_a_sequence_number(house: House, tenant: str) -> None:
    client = house.client(tenant)
    await client.create_profile()
    name = (await client.start()).name
    whole = await client.watch(name)
    assert await client.watch(name, after=5) == whole[5:]


async def test_a_watch_of_an_ended_run_after_its_end_ends_at_once(house: House, tenant: str) -> None:
    client = house.client(tenant)
    await client.create_profile()
    name = (await client.start()).name
    whole = await client.watch(name)
    assert await client.watch(name, after=whole[-1].sequence) == []


async def test_events_arrive_while_the_run_goes_on(house: House, tenant: str) -> None:
    client = house.client(tenant)
    await client.create_profile()
    house.workers.idle.add("sign")
    name = (await client.start()).name
    request = runs_pb2.WatchRunRequest(name=name)
    watch = aiter(client.runs.WatchRun(request, metadata=client.metadata))
    async with asyncio.timeout(20):
        seen = [(await anext(watch)).type for _ in range(5)]
        assert seen == ALL[:5]
        await client.cancel(name)
        assert [event.type async for event in watch] == ["cancelled"]


async def test_many_watchers_see_the_same(house: House, tenant: str) -> None:
    client = house.client(tenant)
    await client.create_profile()
    name = (await client.start()).name
    seen = await asyncio.gather(*(client.watch(name) for _ in range(10)))
    assert [[event.type for event in events] for events in seen] == [ALL] * 10


async def test_a_watch_of_a_retried_run_goes_on_to_the_end_of_the_present_attempt(
    house: House, tenant: str
) -> None:
    client = house.client(tenant)
    await client.create_profile()
    house.workers.failing["sign"] = failing("ERR_EXPORT_KEY")
    name = (await client.start()).name
    await client.watch(name)
    await client.retry(name)
    events = await client.watch(name)
    assert [event.type for event in events] == [*ALL[:5], "failed", "retried", *ALL[1:]]


async def test_a_watch_of_nothing_is_refused(house: House, tenant: str) -> None:
    with refused("ERR_EXPORT_RUN_NOT_FOUND"):
        await house.client(tenant).watch("no-such-run")


async def test_watches_end_when_the_planner_stops(house: House, tenant: str) -> None:
    client = house.client(tenant)
    await client.create_profile()
    house.workers.idle.add("sign")
    name = (await client.start()).name.rpartition("/")[2]
    watching = Watching(house.database, house.bus)
    open_for = asyncio.create_task(watching.run())
    seen: list[str] = []

    async def follow() -> None:
        async for happened in watching.follow(tenant, name, 0):
            seen.append(happened.type)  # noqa: PERF401 - what was seen before the end counts

    following = asyncio.create_task(follow())
    await until(lambda: asyncio.sleep(0, len(seen) == 5))
    open_for.cancel()
    done, _ = await asyncio.wait([following], timeout=10)
    assert [str(task.exception()) for task in done] == ["the planner does not answer: it is stopping."]
