"""Says whether the gateway lives, and whether what it needs is there."""

from __future__ import annotations

import re

from starlette.types import ASGIApp

from libs.common.http.answers import json_response
from libs.common.http.router import Call, Route
from services.gateway.upstreams import Upstreams

# Without these nothing useful can be answered; without another one, most can.
NEEDED = ("planner", "distributor", "evidence")
UNAVAILABLE = 503


class Health:
    """The routes of probes; they need no token and say nothing of any tenant."""

    def __init__(self, upstreams: Upstreams) -> None:
        """Take what to ask."""
        self._upstreams = upstreams

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("GET", re.compile("/healthz"), "/healthz", self._live, quiet=True),
            Route("GET", re.compile("/readyz"), "/readyz", self._ready, quiet=True),
        ]

    async def _live(self, call: Call) -> ASGIApp:
        del call
        return json_response({"status": "alive"})

    async def _ready(self, call: Call) -> ASGIApp:
        del call
        found = await self._upstreams.health()
        ready = all(found[name] == "serving" for name in NEEDED)
        status = "ready" if ready else "not ready"
        return json_response({"status": status, "services": found}, 200 if ready else UNAVAILABLE)
