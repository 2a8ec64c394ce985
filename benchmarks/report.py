"""Says what was measured: ours beside a floor or a peer, as a ratio, with the machine named."""

from __future__ import annotations

import gc
import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from libs.common.segments.frame import library_version


@dataclass(frozen=True, slots=True)
class Figure:
    """One measurement of ours and of what it stands beside, in the same unit; `target` bounds the ratio.

    `more` says whether more is better (bytes a second) or less (seconds, bytes of memory).
    """

    name: str
    ours: float
    beside: float
    unit: str
    target: float | None = None
    more: bool = True

    @property
    def ratio(self) -> float:
        """How many times what it stands beside."""
        return self.ours / self.beside

    @property
    def verdict(self) -> str:
        """Whether the target is met; empty without one."""
        if self.target is None:
            return ""
        met = self.ratio >= self.target if self.more else self.ratio <= self.target
        return "met" if met else "not met"

    def row(self) -> str:
        """Return the figure as a line of the table."""
        sign = "≥" if self.more else "≤"
        target = "" if self.target is None else f"{sign} {self.target:g}"
        return (
            f"| {self.name} | {self.ours:,.4g} {self.unit} | {self.beside:,.4g} {self.unit} "
            f"| {self.ratio:.3g} | {target} | {self.verdict} |"
        )


def machine() -> str:
    """Return what the figures were measured on."""
    model = platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
        model = next(models, model)
    except FileNotFoundError:
        pass
    return f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}, zstd {library_version()}"


def table(figures: list[Figure]) -> str:
    """Return the figures as a Markdown table."""
    head = "| figure | ours | beside | ratio | target | |\n| --- | ---: | ---: | ---: | ---: | --- |"
    return "\n".join([head, *(figure.row() for figure in figures)])


def best_of(rounds: int, *works: Callable[[], object]) -> list[float]:
    """Return the best seconds of each work over some rounds.

    The works take turns within a round, so that a noisy neighbour disturbs all of them alike.
    """
    best = [float("inf")] * len(works)
    for _ in range(rounds):
        for number, work in enumerate(works):
            gc.collect()
            start = time.perf_counter()
            work()
            best[number] = min(best[number], time.perf_counter() - start)
    return best
