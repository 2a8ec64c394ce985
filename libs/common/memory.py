"""Tells the C library to give large freed blocks back at once and to keep few pools for threads."""

from __future__ import annotations

import contextlib
import ctypes

# From glibc's malloc.h.
_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8

# Left alone, the threshold grows to 32 MiB with the first large block that is freed; from then on frames of a
# mebibyte lie on heaps that hardly ever shrink.
_LARGE_BYTES = 256 * 1024
_ARENAS = 2


def keep_memory_small() -> None:
    """Bound what freed memory the process keeps; where the C library is another one, nothing is done."""
    with contextlib.suppress(AttributeError, OSError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
        mallopt(_M_ARENA_MAX, _ARENAS)
