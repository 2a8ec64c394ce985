"""Serves AdapterService: which adapters this host can run, and what is wrong with a spec for one of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import grpc
from stellaops.export.v1 import adapters_pb2
from stellaops.export.v1.adapters_pb2_grpc import AdapterServiceServicer

from services.adapter_host.adapters.base import About, Adapter, Spec
from services.adapter_host.installed import choose
from services.adapter_host.messages import KIND_NUMBERS, kind_names, selection_of

Context = grpc.aio.ServicerContext[Any, Any]


class Catalog(AdapterServiceServicer):
    """The adapters of this host."""

    def __init__(self, adapters: Mapping[str, Adapter]) -> None:
        self._adapters = adapters

    async def ListAdapters(  # noqa: N802 - named by the contract
        self, request: adapters_pb2.ListAdaptersRequest, context: Context
    ) -> adapters_pb2.ListAdaptersResponse:
        """Return every adapter in order of kind and variant."""
        del request, context
        return adapters_pb2.ListAdaptersResponse(
            adapters=[_message(adapter.about) for adapter in self._adapters.values()]
        )

    async def ValidateSpec(  # noqa: N802 - named by the contract
        self, request: adapters_pb2.ValidateSpecRequest, context: Context
    ) -> adapters_pb2.ValidateSpecResponse:
        """Return the adapter that would run a spec, and the spec's faults."""
        del context
        asked = request.spec
        adapter = choose(self._adapters, asked.kind, asked.variant)
        spec = Spec(kind_names("spec.include", asked.include), selection_of(asked.selector))
        faults = [
            adapters_pb2.FieldFault(field=fault.field, description=fault.description)
            for fault in adapter.validate(spec)
        ]
        return adapters_pb2.ValidateSpecResponse(adapter=_message(adapter.about), faults=faults)


def _message(about: About) -> adapters_pb2.Adapter:
    return adapters_pb2.Adapter(
        kind=about.kind,
        variant=about.variant,
        version=about.version,
        schema=about.schema,
        default_include=[KIND_NUMBERS[kind] for kind in about.default_include],
        description=about.description,
    )
