"""Answers ImportService: takes evidence in with progress, deletes records."""

# ruff: noqa: ARG002, N802 - names and arguments of the methods are those of the contract
from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import grpc
from stellaops.evidence.v1 import imports_pb2
from stellaops.evidence.v1.imports_pb2_grpc import ImportServiceServicer
from stellaops.export.v1.selectors_pb2 import RECORD_KIND_UNSPECIFIED

from libs.common.clock import Clock
from libs.common.errors import InvalidField, Unavailable
from libs.common.rpc.identity import current_caller
from libs.common.segments.merge import Tally
from services.evidence.api import contract
from services.evidence.importing.gather import Account
from services.evidence.importing.incoming import FileBegins
from services.evidence.ledger.deletion import Deleter
from services.evidence.ledger.importer import Importer, Outcome, Spec
from services.evidence.values import DatasetName

PROGRESS_SECONDS = 0.5  # often enough for a bar that moves
STALL_SECONDS = 60.0  # an import takes one of few slots: who sends nothing for so long loses it

_Context = grpc.aio.ServicerContext[Any, Any]


class Imports(ImportServiceServicer):
    """Changes of the caller's tenant; scopes stand in libs/common/rpc/access.py."""

    def __init__(
        self, importer: Importer, deleter: Deleter, clock: Clock, stall_seconds: float = STALL_SECONDS
    ) -> None:
        """Take who does the work."""
        self._stall_seconds = stall_seconds
        self._importer = importer
        self._deleter = deleter
        self._clock = clock

    async def Import(
        self, request_iterator: AsyncIterator[imports_pb2.ImportRequest], context: _Context
    ) -> AsyncIterator[imports_pb2.ImportProgress]:
        """Import what is sent; a call that ends early changes nothing."""
        caller = current_caller()
        spec = self._spec(await anext(aiter(request_iterator), imports_pb2.ImportRequest()), caller.subject)
        account = Account()
        parts = _parts(_lively(request_iterator, self._stall_seconds))
        work = asyncio.create_task(self._importer.run(caller.tenant, spec, parts, account))
        try:
            while not (await asyncio.wait([work], timeout=PROGRESS_SECONDS))[0]:
                yield _progress(account)
            outcome = await work
        finally:
            work.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([work])
        done = _progress(account)
        done.phase = imports_pb2.ImportProgress.PHASE_DONE
        done.result.CopyFrom(_result(outcome))
        yield done

    def _spec(self, first: imports_pb2.ImportRequest, actor: str) -> Spec:
        if first.WhichOneof("part") != "spec":
            raise InvalidField(field="spec", reason="the first message must say how to read what follows")
        spec = first.spec
        as_of = contract.instant("spec.as_of", spec.as_of) if spec.HasField("as_of") else None
        if as_of is not None and as_of > self._clock():
            raise InvalidField(field="spec.as_of", reason="it lies in the future")
        known_kind = spec.kind != RECORD_KIND_UNSPECIFIED
        return Spec(
            actor=actor,
            source=spec.source,
            kind=contract.kind_name("spec.kind", spec.kind) if known_kind else "",
            id_field=spec.id_field,
            key=spec.key,
            uri_prefix=spec.uri_prefix,
            as_of=as_of,
            is_whole=spec.mode == imports_pb2.ImportSpec.MODE_REPLACE,
            only_validates=spec.validate_only,
        )

    async def DeleteRecords(
        self, request: imports_pb2.DeleteRecordsRequest, context: _Context
    ) -> imports_pb2.DeleteRecordsResponse:
        """Delete records; keys that are not there do not count."""
        caller = current_caller()
        name = DatasetName(contract.kind_name("kind", request.kind), request.source)
        keys = [key.encode() for key in request.keys]
        sequence, removed = await self._deleter.run(caller.tenant, caller.subject, name, keys)
        return imports_pb2.DeleteRecordsResponse(sequence=sequence, removed=removed)


async def _lively(
    requests: AsyncIterator[imports_pb2.ImportRequest], stall_seconds: float
) -> AsyncIterator[imports_pb2.ImportRequest]:
    """Pass requests on, and give up on a sender that sends none."""
    remaining = aiter(requests)
    while True:
        try:
            async with asyncio.timeout(stall_seconds):
                request = await anext(remaining)
        except StopAsyncIteration:
            return
        except TimeoutError as error:
            reason = f"no byte arrived for {stall_seconds:g} seconds"
            raise Unavailable(dependency="the sender of the import", reason=reason) from error
        yield request


async def _parts(requests: AsyncIterator[imports_pb2.ImportRequest]) -> AsyncIterator[FileBegins | bytes]:
    """Yield the parts up to the stated end: a call that breaks off looks like one that is complete."""
    async for request in requests:
        part = request.WhichOneof("part")
        if part == "file":
            yield FileBegins(request.file.name)
        elif part == "data":
            yield request.data
        elif part == "end":
            return
        else:
            raise InvalidField(field="spec", reason="it stands in the first message alone")
    raise InvalidField(field="end", reason="the stream ended before it said so; nothing was taken")


def _progress(account: Account) -> imports_pb2.ImportProgress:
    progress = imports_pb2.ImportProgress
    return progress(
        phase=progress.PHASE_MERGING if account.is_read else progress.PHASE_READING,
        bytes_read=account.budget.received,
        records_read=account.records,
        records_merged=account.merged,
    )


def _result(outcome: Outcome) -> imports_pb2.ImportResult:
    total = outcome.total
    return imports_pb2.ImportResult(
        sequence=outcome.sequence,
        added=total.added,
        updated=total.updated,
        unchanged=total.unchanged,
        removed=total.removed,
        quarantined=sum(outcome.quarantined.values()),
        reasons=[
            imports_pb2.QuarantineReason(reason=reason, records=records)
            for reason, records in outcome.quarantined.items()
        ],
        datasets=[_change(name, tally) for name, tally in sorted(outcome.tallies.items())],
    )


def _change(name: DatasetName, tally: Tally) -> imports_pb2.DatasetChange:
    return imports_pb2.DatasetChange(
        kind=contract.KIND_NUMBERS[name.kind],
        source=name.source,
        added=tally.added,
        updated=tally.updated,
        unchanged=tally.unchanged,
        removed=tally.removed,
    )
