"""Messages from workers."""

from __future__ import annotations

import pytest
from stellaops.export.work.v1 import work_pb2

from services.planner.runs.events import ShardDone, WorkFailed
from services.planner.runs.values import Amounts, BlobRef, Failure, State
from services.planner.wire.results import MAX_TEXT_CHARACTERS, BadMessage, receive

CONTEXT = work_pb2.WorkContext(tenant="acme", run="run-000001", attempt=2, number=3)


def test_a_finished_shard_is_read_whole() -> None:
    result = work_pb2.AdaptResult(context=CONTEXT, shard=4)
    result.done.output.digest, result.done.output.bytes = "sha256:1", 9
    result.done.records, result.done.plain_bytes, result.done.stored_bytes = 1, 2, 3
    result.done.segments, result.done.segments_reused = 4, 5
    received = receive(State.ADAPTING, result.SerializeToString())
    assert (received.tenant, received.run, received.attempt, received.item) == ("acme", "run-000001", 2, "4")
    assert received.event == ShardDone(2, 4, BlobRef("sha256:1", 9), Amounts(1, 2, 3, 4, 5))


def test_an_error_says_which_time_of_asking_it_answers() -> None:
    error = work_pb2.WorkError(code="ERR_EXPORT_KEY", message="No key.", cure="Make one.", retryable=True)
    result = work_pb2.SignResult(context=CONTEXT, error=error)
    failure = Failure("ERR_EXPORT_KEY", "No key.", "Make one.")
    expected = WorkFailed(2, State.SIGNING, "", 3, failure, retryable=True)
    assert receive(State.SIGNING, result.SerializeToString()).event == expected


def test_a_result_without_an_outcome_is_a_failure() -> None:
    payload = work_pb2.DistributeResult(context=CONTEXT, target_id="mirror").SerializeToString()
    received = receive(State.DISTRIBUTING, payload)
    assert isinstance(received.event, WorkFailed)
    assert received.item == "mirror"


def test_texts_are_cut_to_what_the_database_takes() -> None:
    error = work_pb2.WorkError(message="\x00" + "x" * 10_000)
    event = receive(
        State.ASSEMBLING, work_pb2.AssembleResult(context=CONTEXT, error=error).SerializeToString()
    ).event
    assert isinstance(event, WorkFailed)
    assert event.failure.message == "x" * MAX_TEXT_CHARACTERS


@pytest.mark.parametrize(
    "payload",
    [
        b"\xff\xff\xff",
        work_pb2.PlanWork(context=work_pb2.WorkContext(tenant="ACME", run="run-000001")).SerializeToString(),
        work_pb2.PlanWork(context=work_pb2.WorkContext(tenant="acme", run="a/b")).SerializeToString(),
        b"",
    ],
)
def test_what_names_no_run_is_no_message(payload: bytes) -> None:
    with pytest.raises(BadMessage):
        receive(State.PLANNING, payload)
