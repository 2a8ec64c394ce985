"""Speaks to the suite as a patient client does: what is not answered is asked again, with the same key."""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpx

from tests.chaos.evidence import Feed

PATIENCE_SECONDS = 90.0  # far beyond any outage that a schedule makes
PAUSE_SECONDS = 0.1
_AGAIN = (429, 500, 502, 503, 504)
_BOUNDARY_KIND = "application/octet-stream"


class NoAnswer(Exception):
    """The door did not answer within any patience."""


@dataclass(frozen=True, slots=True)
class Refused(Exception):
    """The door said no, and will say so again."""

    status: int
    code: str


class Door:
    """One tenant's client."""

    def __init__(self, url: str, token: str) -> None:
        self._client = httpx.Client(
            base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=httpx.Timeout(15.0)
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def write(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Send a change until it is answered; it is one change however often it arrives."""
        key = {"Idempotency-Key": str(uuid.uuid4())}
        answer: dict[str, Any] = self._patiently("POST", path, json=body, headers=key).json()
        return answer

    def read(self, path: str) -> bytes:
        """Return what is at a path."""
        return self._patiently("GET", path).content

    def is_ready(self) -> bool:
        """Tell whether every service behind the door answers."""
        try:
            return self._client.get("/readyz").status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    def _patiently(self, method: str, path: str, **more: Any) -> httpx.Response:
        deadline = time.monotonic() + PATIENCE_SECONDS
        last = ""
        while time.monotonic() < deadline:
            try:
                response = self._client.request(method, path, **more)
            except httpx.HTTPError as error:
                last = repr(error)
            else:
                if response.is_success:
                    return response
                if response.status_code not in _AGAIN:
                    raise Refused(response.status_code, str(response.json().get("code")))
                last = f"{response.status_code} {response.text[:300]}"
            time.sleep(PAUSE_SECONDS)
        raise NoAnswer(f"{method} {path}: {last}")

    def import_once(self, feed: Feed) -> str:
        """Send an import once: `done`, or what became of it as far as its sender can tell."""
        spec = {"source": feed.source, **({"mode": "MODE_REPLACE"} if feed.is_whole else {})}
        parts: list[tuple[str, Any]] = [("spec", (None, json.dumps(spec), "application/json"))]
        parts += [("file", (name, data, _BOUNDARY_KIND)) for name, data in feed.files]
        try:
            response = self._client.post("/api/evidence/imports", files=parts, timeout=PATIENCE_SECONDS)
        except httpx.HTTPError as error:
            return repr(error)
        lines = [json.loads(line) for line in response.text.splitlines() if line.strip()]
        if response.is_success and lines and "result" in lines[-1]:
            return "done"
        return f"{response.status_code} {response.text[-300:]}"

    def import_until_done(self, feed: Feed) -> None:
        """Say an import again until it has ended well."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (came := self.import_once(feed)) != "done":
            if time.monotonic() > deadline:
                raise NoAnswer(f"import of {feed.source}: {came}")
            time.sleep(PAUSE_SECONDS)
