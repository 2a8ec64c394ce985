"""A run from its creation to its end, over real PostgreSQL, NATS and gRPC."""

from __future__ import annotations

from stellaops.export.v1 import runs_pb2

from tests.kit.planner import House


async def test_a_run_goes_through_every_stage_to_success(house: House) -> None:
    acme = house.client("acme")
    await acme.create_profile()
    started = await acme.start()
    events = await acme.watch(started.name)
    assert [event.type for event in events] == [
        "created",
        "started",
        "planned",
        "shard_done",
        "assembled",
        "signed",
        "distributed",
        "succeeded",
    ]
    assert [event.sequence for event in events] == list(range(1, 9))
    assert [event.terminal for event in events] == [False] * 7 + [True]
    run = await acme.get(started.name)
    assert run.state == runs_pb2.Run.STATE_SUCCEEDED
