"""Statuses of services become refusals over REST, also where this version does not know their code."""

from __future__ import annotations

import grpc
import pytest
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from libs.common.errors import DOMAIN
from libs.common.http.answers import Refusal
from services.gateway.upstreams import refused


def failed(code: grpc.StatusCode, details: str, reason: str = "", **metadata: str) -> Refusal:
    trailing: tuple[tuple[str, str | bytes], ...] = ()
    if reason:
        info = error_details_pb2.ErrorInfo(reason=reason, domain=DOMAIN, metadata=metadata)
        packed = any_pb2.Any()
        packed.Pack(info)
        status = status_pb2.Status(code=code.value[0], message=details, details=[packed])
        trailing = tuple(rpc_status.to_status(status).trailing_metadata)
    error = grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(*trailing), details, "")
    return refused(error, "adapter_host").refusal


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (grpc.StatusCode.INVALID_ARGUMENT, 400),
        (grpc.StatusCode.UNAUTHENTICATED, 401),
        (grpc.StatusCode.PERMISSION_DENIED, 403),
        (grpc.StatusCode.NOT_FOUND, 404),
        (grpc.StatusCode.ALREADY_EXISTS, 409),
        (grpc.StatusCode.ABORTED, 409),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, 429),
        (grpc.StatusCode.UNAVAILABLE, 503),
        (grpc.StatusCode.DATA_LOSS, 500),
    ],
)
def test_a_code_of_a_newer_service_keeps_its_words_and_gets_the_status_of_its_kind(
    code: grpc.StatusCode, status: int
) -> None:
    refusal = failed(code, "It is new.", "ERR_EXPORT_NEWER", cure="Be new.")
    assert (refusal.http, refusal.code, refusal.message, refusal.cure) == (
        status,
        "ERR_EXPORT_NEWER",
        "It is new.",
        "Be new.",
    )


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (grpc.StatusCode.UNAVAILABLE, (503, "ERR_EXPORT_UNAVAILABLE", True)),
        (grpc.StatusCode.CANCELLED, (503, "ERR_EXPORT_UNAVAILABLE", True)),
        (grpc.StatusCode.DEADLINE_EXCEEDED, (504, "ERR_EXPORT_DEADLINE", True)),
        (grpc.StatusCode.UNKNOWN, (500, "ERR_EXPORT_INTERNAL", False)),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, (500, "ERR_EXPORT_INTERNAL", False)),
    ],
)
def test_a_status_that_no_service_of_ours_made_is_one_of_transport(
    code: grpc.StatusCode, expected: tuple[int, str, bool]
) -> None:
    refusal = failed(code, "Socket closed")
    assert (refusal.http, refusal.code, refusal.retryable) == expected
    assert "the adapter host" in refusal.message


def test_the_words_of_the_transport_are_cut() -> None:
    assert len(failed(grpc.StatusCode.UNAVAILABLE, "x" * 10_000).message) < 400
