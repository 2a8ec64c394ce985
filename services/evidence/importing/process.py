"""Reads batches from standard input and answers on standard output until the input ends; see `processes`."""

from __future__ import annotations

import gc
import signal
import sys
from typing import IO

from services.evidence.importing.framing import receive, send
from services.evidence.importing.work import perform

GARBAGE_THRESHOLD = 50_000  # parsed documents hold no cycles: looking for them takes a fifth of the time


def main() -> int:
    """Work until the service closes its end, which it also does by dying, and return the exit code."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the service, which ends this process itself
    gc.set_threshold(GARBAGE_THRESHOLD)
    gc.freeze()
    return _serve(sys.stdin.buffer, sys.stdout.buffer)


def _serve(incoming: IO[bytes], outgoing: IO[bytes]) -> int:
    while (batch := receive(incoming)) is not None:
        send(outgoing, [(perform(batch),)])
    return 0


if __name__ == "__main__":
    sys.exit(main())
