"""Follows a run's events (server-sent events), coming back where it left off when the connection breaks."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from cli.stella.api import Api, Json
from cli.stella.exit_codes import ExitCode
from cli.stella.failures import CommandFailed
from cli.stella.transfer.lines import lines

READ_SECONDS = 45.0  # three of the server's heartbeats: who says nothing for so long is gone
FIRST_WAIT_SECONDS = 0.25
LONGEST_WAIT_SECONDS = 5.0
MAX_FAILURES = 24  # in a row: about two minutes, enough for a gateway to be replaced


@dataclass(frozen=True, slots=True)
class Event:
    """One event of the stream."""

    id: str
    data: bytes


def parse(stream: Iterable[bytes]) -> Iterator[Event | None]:
    """Yield the events of a stream of lines, and None for each heartbeat (a comment)."""
    last_id = ""
    data: list[bytes] = []
    for raw in stream:
        line = raw.removesuffix(b"\r")
        if not line:
            if data:
                yield Event(last_id, b"\n".join(data))
            data = []
            continue
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if not name:
            yield None
        elif name == b"id":
            last_id = value.decode("utf-8", "replace")
        elif name == b"data":
            data.append(value)


class Follower:
    """Yields each event once, across broken connections, until the run's attempt has ended."""

    def __init__(self, api: Api, path: str, sleep: Callable[[float], None]) -> None:
        self._api = api
        self._path = path
        self._sleep = sleep
        self._last_id = ""
        self._ended = False
        self._failures = 0

    def events(self) -> Iterator[Json | None]:
        """Yield events, and None now and then while nothing happens."""
        while True:
            try:
                yield from self._once()
            except CommandFailed as failure:
                if failure.exit_code is not ExitCode.TRY_LATER or self._failures >= MAX_FAILURES:
                    raise
            # The terminal event of an earlier attempt is replayed too; the server ends after the last one.
            if self._ended:
                return
            yield None
            self._sleep(min(FIRST_WAIT_SECONDS * 2 ** min(self._failures, 16), LONGEST_WAIT_SECONDS))
            self._failures += 1

    def _once(self) -> Iterator[Json | None]:
        headers = {"Accept": "text/event-stream"}
        if self._last_id:
            headers["Last-Event-ID"] = self._last_id
        with self._api.stream("GET", self._path, headers=headers, read_seconds=READ_SECONDS) as response:
            for event in parse(lines(response.iter_bytes())):
                if event is None:
                    yield None
                    continue
                self._failures = 0
                self._last_id = event.id or self._last_id
                document = _document(event.data)
                self._ended = bool(document.get("terminal"))
                yield document


def _document(raw: bytes) -> dict[str, Any]:
    try:
        document = json.loads(raw)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
