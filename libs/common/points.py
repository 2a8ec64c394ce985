"""Lets a test kill or stop a process at a named place of the code; in production it is one comparison.

A test puts orders into a folder, one file each: `<NN>-<point>.<action>`. A process that reaches the point
takes the lowest number by renaming the file to `<NN>-<point>.<action>.<pid>`, which one process alone can do
and which tells the test that it happened. What is no order is passed over, so garbage does nothing.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import threading
from pathlib import Path

# Each is reached at one place of the code; a test compares.
POINTS = frozenset(
    {
        "gateway.answered",
        "planner.snapshot_pinned",
        "planner.run_committed",
        "planner.transition_written",
        "planner.transition_committed",
        "planner.admission_committed",
        "planner.grant_committed",
        "planner.cancel_committed",
        "planner.retry_committed",
        "planner.snapshot_released",
        "outbox.published",
        "bus.handled",
        "adapter.frames_stored",
        "adapter.frames_taken_over",
        "adapter.note_stored",
        "adapter.output_stored",
        "adapter.texts_stored",
        "adapter.layout_stored",
        "signer.signed",
        "signer.stored",
        "signer.committed",
        "distributor.begun",
        "distributor.measured",
        "distributor.delivered",
        "distributor.committed",
        "distributor.blobs_removed",
        "evidence.snapshot_opened",
        "evidence.gathered",
        "evidence.frames_stored",
        "evidence.import_written",
        "evidence.import_committed",
        "evidence.frames_deleted",
    }
)

# `pass` lets one visit go by, so that a later one can be chosen.
_SIGNALS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP, "pass": None}
_ORDER = re.compile(r"[0-9]{2}-(?P<point>[a-z_.]+)\.(?P<action>[a-z]+)")

_folder: Path | None = None


def arm(folder: str, service: str) -> None:
    """Take orders for this process from `folder`/`service` from now on; an empty `folder` means none."""
    global _folder  # noqa: PLW0603 - one process, one folder; asking costs a comparison
    _folder = Path(folder) / service if folder else None


def reached(point: str) -> None:
    """Carry out the order for this point, if there is one."""
    if _folder is not None:
        _carry_out(_folder, point)


def _carry_out(folder: Path, point: str) -> None:
    for name in _orders(folder):
        match = _ORDER.fullmatch(name)
        if match is None or match["point"] != point or match["action"] not in _SIGNALS:
            continue
        if not _is_taken(folder / name):
            continue
        number = _SIGNALS[match["action"]]
        if number is not None:
            # To this thread: a signal to the process might reach another one first and let this one go on.
            signal.pthread_kill(threading.get_ident(), number)
        return


def _orders(folder: Path) -> list[str]:
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):  # no folder, no orders
        return sorted(path.name for path in folder.iterdir())
    return []


def _is_taken(order: Path) -> bool:
    """Tell whether this process has the order; another one may have been faster."""
    try:
        order.rename(order.with_name(f"{order.name}.{os.getpid()}"))
    except FileNotFoundError:
        return False
    return True
