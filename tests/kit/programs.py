"""Small programs for a supervisor under test: they live, die, refuse to die, or have children."""

from __future__ import annotations

import sys
from pathlib import Path

from cli.stella.supervise.probes import file_written
from cli.stella.supervise.program import Program

LIVES = "open(ready, 'w').close(); signal.pause()"
DIES_AT_ONCE = "print('cannot go on', flush=True); sys.exit(3)"
DIES_ONCE = """
if os.path.exists(mark):
    open(ready, 'w').close(); signal.pause()
open(mark, 'w').close(); open(ready, 'w').close()
time.sleep(0.2); sys.exit(1)
"""
IGNORES_SIGTERM = """
signal.signal(signal.SIGTERM, signal.SIG_IGN); open(ready, 'w').close()
while True: signal.pause()
"""
HAS_A_CHILD = """
child = os.fork()
if child == 0:
    signal.pause()
open(mark, 'w').write(str(child)); open(ready, 'w').close(); signal.pause()
"""
TELLS_ITS_END = """
def end(*_):
    open(mark, 'a').write(name + chr(10)); sys.exit(0)
signal.signal(signal.SIGTERM, end); open(ready, 'w').close()
while True: signal.pause()
"""


def program(folder: Path, name: str, body: str, *, stop_seconds: float = 5.0, mark: str = "") -> Program:
    """Return a program that runs `body`; `ready` and `mark` are files that it may write."""
    ready = folder / f"{name}.ready"
    head = (
        "import os, signal, sys, time\n"
        f"name, ready, mark = {name!r}, {str(ready)!r}, {str(folder / (mark or name + '.mark'))!r}\n"
    )
    return Program(
        name,
        (sys.executable, "-S", "-c", head + body),
        folder / f"{name}.log",
        ready=file_written(ready),
        ready_file=ready,
        stop_seconds=stop_seconds,
    )
