"""Serves RunService: every call is one use case and its answer as messages."""

# ruff: noqa: ARG002, N802 - names and arguments of the methods are those of the contract

from __future__ import annotations

from collections.abc import AsyncIterator

from stellaops.export.v1 import runs_pb2
from stellaops.export.v1.runs_pb2_grpc import RunServiceServicer

from libs.common.clock import Clock
from libs.common.db.engine import Database
from libs.common.names import RUN, last_id
from libs.common.rpc.identity import current_caller
from libs.common.trace import traceparent
from services.planner.api.asking import Context, call_for
from services.planner.api.pages import page_of, position_in, size_of
from services.planner.api.previews import preview_message
from services.planner.missing import no_run
from services.planner.preparing import Preparing, Wish, profile_of
from services.planner.previewing import Previewing
from services.planner.starting import Starting
from services.planner.store import inputs, runs
from services.planner.store.runs import Filter
from services.planner.watching import Watching
from services.planner.wire.requests import read_request, require_parent
from services.planner.wire.runs import described, event_message, run_message, states_of
from services.planner.wire.spec import selector_from_message


class Runs(RunServiceServicer):
    """A tenant's runs."""

    def __init__(
        self,
        database: Database,
        preparing: Preparing,
        starting: Starting,
        previewing: Previewing,
        watching: Watching,
        clock: Clock,
    ) -> None:
        self._database = database
        self._preparing = preparing
        self._starting = starting
        self._previewing = previewing
        self._watching = watching
        self._clock = clock

    async def CreateRun(self, request: runs_pb2.CreateRunRequest, context: Context) -> runs_pb2.Run:
        """Start a run."""
        wish, call = _wish(request.parent, request.run), call_for(context)
        if request.validate_only:
            async with self._database.tenant(call.tenant) as connection:
                profile = await profile_of(connection, call.tenant, wish.profile)
            found = await self._preparing.prepare(call, wish, profile, "", self._clock())
            return described(found.facts, found.snapshot.pin)
        run = await self._starting.start(call, wish, read_request(request, request.request_id))
        return await self._show(call.tenant, run)

    async def GetRun(self, request: runs_pb2.GetRunRequest, context: Context) -> runs_pb2.Run:
        """Return a run."""
        tenant = current_caller().tenant
        return await self._show(tenant, last_id("name", request.name, tenant, "runs"))

    async def ListRuns(
        self, request: runs_pb2.ListRunsRequest, context: Context
    ) -> runs_pb2.ListRunsResponse:
        """Return a page of runs, newest first."""
        tenant = current_caller().tenant
        require_parent(request.parent, tenant)
        profile = last_id("profile", request.profile, tenant, "profiles") if request.profile else ""
        scope = ("runs", tenant, str(request.state), profile)
        before = position_in(scope, request.page_token, RUN)
        size = size_of(request.page_size)
        async with self._database.tenant(tenant) as connection:
            chosen = Filter(states_of(request.state), profile)
            found = await runs.page(connection, tenant, chosen, before, size + 1)
            pins = await inputs.pins(connection, tenant, [kept.facts.id for kept in found])
        messages = [run_message(kept, pins.get(kept.facts.id)) for kept in found]
        shown, token = page_of(scope, messages, size)
        return runs_pb2.ListRunsResponse(runs=shown, next_page_token=token)

    async def WatchRun(
        self, request: runs_pb2.WatchRunRequest, context: Context
    ) -> AsyncIterator[runs_pb2.RunEvent]:
        """Stream a run's events, old and new."""
        tenant = current_caller().tenant
        run = last_id("name", request.name, tenant, "runs")
        async for happened in self._watching.follow(tenant, run, request.after_sequence):
            yield event_message(happened)

    async def CancelRun(self, request: runs_pb2.CancelRunRequest, context: Context) -> runs_pb2.Run:
        """Stop a run."""
        tenant = current_caller().tenant
        run = last_id("name", request.name, tenant, "runs")
        await self._starting.cancel(tenant, run, read_request(request, request.request_id))
        return await self._show(tenant, run)

    async def RetryRun(self, request: runs_pb2.RetryRunRequest, context: Context) -> runs_pb2.Run:
        """Run again what failed."""
        tenant = current_caller().tenant
        run = last_id("name", request.name, tenant, "runs")
        await self._starting.retry(tenant, run, read_request(request, request.request_id))
        return await self._show(tenant, run)

    async def PlanRun(self, request: runs_pb2.PlanRunRequest, context: Context) -> runs_pb2.RunPlan:
        """Say what a run would be."""
        wish = _wish(request.parent, request.run)
        return preview_message(await self._previewing.preview(call_for(context), wish))

    async def _show(self, tenant: str, run: str) -> runs_pb2.Run:
        async with self._database.tenant(tenant) as connection:
            kept = await runs.find(connection, tenant, run)
            if kept is None:
                raise no_run(run)
            pins = await inputs.pins(connection, tenant, [run])
        return run_message(kept, pins.get(run))


def _wish(parent: str, run: runs_pb2.Run) -> Wish:
    caller = current_caller()
    require_parent(parent, caller.tenant)
    profile = last_id("run.profile", run.profile, caller.tenant, "profiles")
    selector = selector_from_message("run.selector", run.selector)
    return Wish(caller.subject, traceparent(), profile, selector)
