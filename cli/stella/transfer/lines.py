"""Cuts a stream of bytes into lines at line feeds alone, each of bounded length."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cli.stella.exit_codes import ExitCode
from cli.stella.failures import Code, CommandFailed

MAX_LINE_BYTES = 1 << 20  # the longest of ours, an import's result, names each dataset in about 100 bytes


def lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the lines without their ends; the last one too where it has none."""
    kept = b""
    for chunk in chunks:
        *whole, kept = (kept + chunk).split(b"\n")
        yield from whole
        if len(kept) > MAX_LINE_BYTES:
            raise CommandFailed(
                ExitCode.UNEXPECTED,
                Code.ANSWER,
                "A line of the server's answer has no end",
                "Check that the address is that of an Export Center gateway: `stella context show`.",
            )
    if kept:
        yield kept
