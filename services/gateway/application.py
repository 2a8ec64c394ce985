"""Puts the gateway's routes together: those of the contracts, and the few that are not one RPC each."""

from __future__ import annotations

import asyncio

import httpx

from libs.common.clock import Clock
from libs.common.http.identity import knows
from libs.common.http.router import Route, Router
from libs.common.rpc.tokens import TokenVerifier
from services.gateway.binding import bindings
from services.gateway.contracts import WATCH_RUN
from services.gateway.events import Events
from services.gateway.files import Files
from services.gateway.health import Health
from services.gateway.imports import Imports
from services.gateway.openapi import OpenApi
from services.gateway.transcode import routes
from services.gateway.upstreams import Upstreams


def application(
    verifier: TokenVerifier,
    upstreams: Upstreams,
    distributor: httpx.AsyncClient,
    clock: Clock,
    stopping: asyncio.Event,
) -> Router:
    """Return the gateway's ASGI application; `stopping` ends the answers that have no end of their own."""
    found = bindings()
    watch = next(binding for binding in found if binding.rpc == WATCH_RUN)
    every: list[Route] = [
        *Health(upstreams).routes(),
        OpenApi(found).route(),
        Events(watch, verifier, upstreams, stopping).route(),
        *Files(verifier, distributor).routes(),
        Imports(verifier, upstreams, clock).route(),
        *routes(found, verifier, upstreams),
    ]
    return Router(every, clock, is_known=knows(verifier))
