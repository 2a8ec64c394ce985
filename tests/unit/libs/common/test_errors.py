"""The catalogue of errors."""

from __future__ import annotations

import string

import grpc
import pytest
from google.rpc import error_details_pb2

from libs.common.errors import ExportError, InvalidField, RunNotFound, catalogue
from libs.common.rpc import status

EVERY = list(catalogue().values())


def sample(kind: type[ExportError]) -> ExportError:
    names = {name for _, name, _, _ in string.Formatter().parse(kind.sentence + kind.cure) if name}
    return kind(**{name: f"<{name}>" for name in names})


@pytest.mark.parametrize("kind", EVERY, ids=lambda kind: kind.code)
def test_each_code_is_unique_has_a_cure_and_a_real_status(kind: type[ExportError]) -> None:
    assert [other for other in EVERY if other.code == kind.code] == [kind]
    assert kind.code.startswith("ERR_EXPORT_")
    assert len(kind.code) <= 63
    assert kind.status in grpc.StatusCode.__members__
    assert 400 <= kind.http <= 599
    assert sample(kind).remedy
    assert sample(kind).message.endswith(".")


@pytest.mark.parametrize("kind", EVERY, ids=lambda kind: kind.code)
def test_status_carries_code_details_and_cure(kind: type[ExportError]) -> None:
    error = sample(kind)
    packed = status.to_status(error, "0" * 32)
    info = error_details_pb2.ErrorInfo()
    packed.details[0].Unpack(info)
    assert info.reason == error.code
    assert dict(info.metadata) == error.details | {"cure": error.remedy, "trace": "0" * 32}
    assert packed.message == error.message


def test_a_missing_detail_is_refused() -> None:
    with pytest.raises(TypeError, match="name"):
        RunNotFound()


def test_a_field_error_names_the_field_for_clients() -> None:
    packed = status.to_status(InvalidField(field="spec.kind", reason="it is empty"), "")
    bad = error_details_pb2.BadRequest()
    packed.details[1].Unpack(bad)
    assert bad.field_violations[0].field == "spec.kind"
