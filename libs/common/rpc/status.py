"""Errors of the catalogue to `google.rpc.Status` and back, and to results on the bus."""

from __future__ import annotations

import logging

import grpc
from google.protobuf import any_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status
from stellaops.export.work.v1.work_pb2 import WorkError

from libs.common.errors import DOMAIN, DeadlineExceeded, ExportError, InvalidField, Unavailable, catalogue

CURE = "cure"  # metadata key under which the cure travels
TRACE = "trace"

_log = logging.getLogger(__name__)


def to_status(error: ExportError, trace_id: str) -> status_pb2.Status:
    """Return the status with ErrorInfo (code, domain, details, cure) and, for a field, BadRequest."""
    info = error_details_pb2.ErrorInfo(reason=error.code, domain=DOMAIN)
    info.metadata.update(error.details)
    info.metadata[CURE] = error.remedy
    info.metadata[TRACE] = trace_id
    status = status_pb2.Status(code=code_pb2.Code.Value(error.status), message=error.message)
    status.details.append(_pack(info))
    if isinstance(error, InvalidField):
        violation = error_details_pb2.BadRequest.FieldViolation(
            field=error.details["field"], description=error.details["reason"]
        )
        status.details.append(_pack(error_details_pb2.BadRequest(field_violations=[violation])))
    return status


def _pack(message: error_details_pb2.ErrorInfo | error_details_pb2.BadRequest) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(message)
    return packed


def error_info(error: grpc.RpcError) -> error_details_pb2.ErrorInfo | None:
    """Return the ErrorInfo that a call's error carries, if any."""
    if not isinstance(error, grpc.aio.AioRpcError):
        return None
    status = rpc_status.from_call(error)  # type: ignore[arg-type] # has the two methods that are used
    for detail in status.details if status is not None else ():
        info = error_details_pb2.ErrorInfo()
        if detail.Is(info.DESCRIPTOR) and detail.Unpack(info):
            return info
    return None


def from_rpc_error(error: grpc.RpcError, dependency: str) -> ExportError:
    """Return the catalogue error that a called service raised; what has no code means it did not answer."""
    info = error_info(error)
    if info is not None:
        kind = catalogue().get(info.reason)
        if kind is not None:
            details = {key: value for key, value in info.metadata.items() if key not in (CURE, TRACE)}
            return kind(**details)
    if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
        return DeadlineExceeded(dependency=dependency)
    return Unavailable(dependency=dependency, reason=silence(error, dependency))


def silence(error: grpc.RpcError, dependency: str) -> str:
    """Return why a service gave no answer of ours; the library names addresses, which go to the log alone."""
    fields = {"dependency": dependency, "status": error.code().name, "error": str(error.details())[:200]}
    _log.warning("call failed on its way", extra={"fields": fields})
    return "it cannot be reached" if error.code() is grpc.StatusCode.UNAVAILABLE else error.code().name


def work_error(error: ExportError, *, retryable: bool | None = None) -> WorkError:
    """Return what a result on the bus says of an error; `retryable` overrides the error's own word."""
    return WorkError(
        code=error.code,
        message=error.message,
        cure=error.remedy,
        retryable=error.retryable if retryable is None else retryable,
    )
