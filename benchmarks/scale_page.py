"""Writes the page and the plot of how the suite grows, from the results of the benchmark alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import leather  # type: ignore[import-untyped] # it states no types

BOUND_BYTES = 300_000_000
PLOTTED = {
    "import": "#1f77b4",
    "export": "#d62728",
    "export again, unchanged": "#2ca02c",
    "import 0.1% changed": "#9467bd",
    "export 0.1% changed": "#ff7f0e",
    "verify": "#7f7f7f",
}
_LINEAR = 1.25  # more than this for each record at the largest size is not called linear

Row = dict[str, Any]


def read(path: Path) -> list[Row]:
    """Return the results."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def fit(points: list[tuple[float, float]]) -> float:
    """Return R² of the straight line that fits the points best."""
    count = len(points)
    mean_x, mean_y = sum(x for x, _ in points) / count, sum(y for _, y in points) / count
    covariance = sum((x - mean_x) * (y - mean_y) for x, y in points)
    spread_x, spread_y = sum((x - mean_x) ** 2 for x, _ in points), sum((y - mean_y) ** 2 for _, y in points)
    return covariance**2 / (spread_x * spread_y) if spread_x and spread_y else 1.0


def write(results: Path) -> None:
    """Write the page and the plot beside the results."""
    rows = read(results)
    made_up = [row for row in rows if row["evidence"] == "made-up"]
    results.with_suffix(".md").write_text(page(rows), encoding="utf-8")
    if made_up:
        results.with_suffix(".svg").write_text(plot(made_up), encoding="utf-8")


def plot(rows: list[Row]) -> str:
    """Return the plot of seconds over records."""
    chart = leather.Chart("Seconds by records")
    for name, colour in PLOTTED.items():
        points = [(row["records"], row["steps"][name]["seconds"]) for row in rows]
        chart.add_line(points, name=name, stroke_color=colour)
    chart.add_x_axis(name="records")
    chart.add_y_axis(name="seconds")
    return f"{chart.to_svg(width=900, height=600)}\n"


def page(rows: list[Row]) -> str:
    """Return the page."""
    made_up = [row for row in rows if row["evidence"] == "made-up"]
    real = [row for row in rows if row["evidence"] == "real"]
    parts = [_HEAD]
    if made_up:
        parts += [
            "## Made-up evidence\n",
            _about(made_up),
            _sizes(made_up),
            "\n![Seconds by records](scale.svg)\n",
        ]
        parts += ["### Growth\n", _growth(made_up), "\n### Runs again\n", _reruns(made_up)]
        parts += ["\n### Memory\n", _memory(made_up)]
    if real:
        parts += ["\n## Real packs\n", _about(real), _sizes(real), "\n", _reruns(real), "\n", _memory(real)]
    return "\n".join(parts).rstrip("\n") + "\n"


def _about(rows: list[Row]) -> str:
    machines, revisions = sorted({row["machine"] for row in rows}), sorted({row["revision"] for row in rows})
    loads = [row["load"] for row in rows if row.get("load") is not None]
    load = f"load {max(loads):g} at most" if loads else "load not noted"
    return f"Measured on {'; '.join(machines)}; revision {', '.join(revisions)}; {load}.\n"


def _table(head: list[str], lines: list[list[str]]) -> str:
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, rule, *lines))


def _sizes(rows: list[Row]) -> str:
    lines = [[name, *(_seconds(row, name) for row in rows)] for name in rows[-1]["steps"]]
    facts: tuple[tuple[str, Callable[[Row], str]], ...] = (
        ("documents, MB", lambda row: f"{row['plain_bytes'] / 1e6:,.0f}"),
        ("records taken", lambda row: f"{row['taken']:,}"),
        ("bundle, MB", lambda row: f"{row['bundle_bytes'] / 1e6:,.1f}"),
        ("segments", lambda row: f"{row['segments']:,}"),
        ("segments that differ", lambda row: f"{row['differing_segments']:,}"),
        ("records that differ", lambda row: f"{row['changed_records']:,}"),
    )
    lines += [[name, *(tell(row) for row in rows)] for name, tell in facts]
    return _table(["seconds (of CPU)", *(f"{row['records']:,} records" for row in rows)], lines)


def _seconds(row: Row, name: str) -> str:
    step = row["steps"][name]
    return f"{step['seconds']:,.1f} ({step['cpu']:,.1f})"


def _growth(rows: list[Row]) -> str:
    lines = []
    for name in rows[-1]["steps"]:
        points = [(row["records"], row["steps"][name]["seconds"]) for row in rows]
        (small, least), (large, most) = points[0], points[-1]
        ratio = (most / large) / (least / small)
        cpu = [(row["records"], row["steps"][name]["cpu"]) for row in rows]
        cpu_ratio = (cpu[-1][1] / large) / (cpu[0][1] / small) if cpu[0][1] else 0.0
        lines.append(
            [
                name,
                f"{fit(points):.4f}",
                f"{ratio:.2f}",
                f"{cpu_ratio:.2f}",
                "yes" if ratio <= _LINEAR else "no",
            ]
        )
    head = [
        "step",
        "R² of a line",
        "time a record, largest to smallest",
        "CPU a record, the same",
        "linear or less",
    ]
    return _table(head, lines)


def _reruns(rows: list[Row]) -> str:
    """Return how long runs took by their own account, and what that is of the first one's time."""
    lines = []
    for name in rows[-1]["runs"]:
        cells = []
        for row in rows:
            seconds, cold = row["runs"][name], row["runs"]["export"]
            cells.append(f"{seconds:,.2f}" if name == "export" else f"{seconds:,.2f} ({seconds / cold:.1%})")
        lines.append([name, *cells])
    head = "seconds from creation to end (of the first run's)"
    return _table([head, *(f"{row['records']:,} records" for row in rows)], lines)


def _memory(rows: list[Row]) -> str:
    names = sorted({name for row in rows for name in row["peaks"]})
    lines = []
    for name in names:
        peaks = [row["peaks"].get(name, 0) for row in rows]
        verdict = "met" if max(peaks) <= BOUND_BYTES else "**not met**"
        lines.append([name, *(f"{peak / 1e6:,.0f}" if peak else "-" for peak in peaks), verdict])
    head = [
        "most memory, MB",
        *(f"{row['records']:,} records" for row in rows),
        f"≤ {BOUND_BYTES // 10**6} MB",
    ]
    return _table(head, lines)


_HEAD = """# Growth with the number of records

Written by `make bench-scale` from its own results (`scale.jsonl`): the whole suite, as `stella up` runs it,
with two adapter hosts. Each size starts with an empty suite. `RECORDS=N` sets the largest size, `DATA=folder`
measures real packs.

Time is by the clock; in brackets processor time, of all processes. Memory is the kernel's own peak of each
process (`VmHWM`), read eight times a second; PostgreSQL's backends share their buffers and count with what is
theirs alone (`RssAnon`). Steps are whole commands; what runs take by their own account, without the
command's start, stands under "Runs again". `delta of segments` compares the two bundles by their segment
lists and opens those that differ.
"""
