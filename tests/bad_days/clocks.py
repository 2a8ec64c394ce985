"""A suite whose clock a test moves: libfaketime (Debian package) stands between the services and the time."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from tests.bad_days.case import Day
from tests.kit.suite import running_suite

_LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
_SETTLE_SECONDS = 5.0  # renewal of tokens looks every two seconds


@dataclass(frozen=True, slots=True)
class Faked(Day):
    """A suite whose time is read from a file; database, bus and the caller keep the right time."""

    offset: Path

    def move(self, by: timedelta) -> None:
        """Move the clock of all services to `by` from the right time, and let them notice."""
        self.offset.write_text(f"{by.total_seconds():+.0f}\n", encoding="ascii")
        time.sleep(_SETTLE_SECONDS)


@contextlib.contextmanager
def faked(folder: Path) -> Iterator[Faked]:
    """Run a suite whose clock can be moved; monotonic clocks go on as they are, as after a real jump."""
    if not _LIBRARIES:
        pytest.skip("the clock cannot be moved here: Debian's package libfaketime is missing")
    offset = folder / "offset"
    offset.write_text("+0\n", encoding="ascii")
    environment = {
        "LD_PRELOAD": str(_LIBRARIES[0]),
        "FAKETIME_TIMESTAMP_FILE": str(offset),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    with running_suite(folder / "data", environment=environment) as suite:
        yield Faked(suite, folder, offset)
