"""Asks an adapter host whether a spec is valid, and which adapter would run it."""

from __future__ import annotations

from dataclasses import dataclass

import grpc
from stellaops.export.v1 import adapters_pb2
from stellaops.export.v1.adapters_pb2_grpc import AdapterServiceStub

from libs.common.rpc.client import ServiceIdentity
from libs.common.rpc.status import from_rpc_error
from services.planner.profiles.rules import Fault
from services.planner.profiles.spec import ProfileSpec
from services.planner.runs.plan import AdapterVersion
from services.planner.sources.call import Call
from services.planner.wire.spec import kind_name, spec_to_message

DEPENDENCY = "the adapter host"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the adapter says of a spec; `include` is what it includes where the spec names no kinds."""

    adapter: AdapterVersion
    include: tuple[str, ...]
    faults: tuple[Fault, ...]


class AdapterHost:
    """A client of the AdapterService."""

    def __init__(self, channel: grpc.aio.Channel, identity: ServiceIdentity) -> None:
        self._stub = AdapterServiceStub(channel)
        self._identity = identity

    async def validate(self, call: Call, spec: ProfileSpec) -> Answer:
        """Return what the spec's adapter says; raise `AdapterUnknown` where there is none."""
        request = adapters_pb2.ValidateSpecRequest(spec=spec_to_message(spec))
        try:
            answer = await self._stub.ValidateSpec(
                request, metadata=self._identity.metadata(call.tenant), timeout=call.seconds
            )
        except grpc.RpcError as error:
            raise from_rpc_error(error, DEPENDENCY) from error
        return Answer(
            AdapterVersion(answer.adapter.version, answer.adapter.schema),
            tuple(kind_name(kind) for kind in answer.adapter.default_include),
            tuple(Fault(fault.field, fault.description) for fault in answer.faults),
        )
