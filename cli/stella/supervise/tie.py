"""Ties a child to its parent: when the parent dies, in whatever way, the kernel signals the child."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def tied(death_signal: int) -> Callable[[], None]:
    """Return what a child must do between fork and exec; it makes two system calls and allocates nothing.

    The kernel ties it to the thread that forks, so that must be one that lives as long as the process.
    """
    parent = os.getpid()

    def tie() -> None:
        if _libc is not None:
            _libc.prctl(_PR_SET_PDEATHSIG, death_signal)
            if os.getppid() != parent:  # it died in between, so the kernel will not tell
                os._exit(1)

    return tie
