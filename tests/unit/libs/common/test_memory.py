"""What a process has freed it does not keep."""

from __future__ import annotations

import subprocess
import sys

import pytest

# A large block comes and goes first, as the first import does; then many lie between what stays.
PROGRAM = """
import sys
import psutil
from libs.common.memory import keep_memory_small

if sys.argv[1] == "small":
    keep_memory_small()
large = bytes(24 << 20)
del large
blocks, stays = [], []
for _ in range(200):
    blocks.append(b"x" * (1 << 20))
    stays.append(b"y" * 2000)
before = psutil.Process().memory_info().rss
blocks.clear()
print(before - psutil.Process().memory_info().rss)
"""
MIB = 1 << 20


def given_back(how: str) -> int:
    """Return the bytes that such a process gives back once it has freed 200 MiB."""
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, how], capture_output=True, text=True, check=True, timeout=60
    )
    return int(ended.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc has the setting")
def test_freed_blocks_are_given_back_though_others_lie_between() -> None:
    assert given_back("small") > 190 * MIB
