"""Shows the processes of a suite: a moving table while they start, then a line for each event."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import Any, TextIO

from cli.stella.show.output import coloured
from cli.stella.show.table import Column, Record, View, lay_out
from cli.stella.supervise.program import State
from cli.stella.supervise.supervisor import Keeper

BOARD = View(
    (
        Column("name", lambda record: str(record["name"])),
        Column("state", lambda record: str(record["state"])),
        Column("address", lambda record: str(record["address"])),
        Column("pid", lambda record: str(record["pid"] or ""), right=True),
        Column("restarts", lambda record: str(record["restarts"]), right=True),
    ),
    lambda record: str(record["name"]),
    "",
)
_STYLES = {
    State.READY: "green",
    State.STARTING: "yellow",
    State.RESTARTING: "bold red",
    State.FAILED: "bold red",
    State.WAITING: "dim",
    State.STOPPED: "dim",
}


def record(keeper: Keeper) -> Record:
    """Return what the table shows of a process."""
    return {
        "name": keeper.program.name,
        "state": keeper.state,
        "address": keeper.program.address,
        "pid": keeper.pid,
        "restarts": keeper.restarts,
    }


class Board:
    """Observes a suite and shows it."""

    def __init__(self, out: TextIO = sys.stdout, talk: TextIO = sys.stderr) -> None:
        self._out = out
        self._talk = talk
        self._moving: Any = None
        self._keepers: Sequence[Keeper] = ()
        self._up = False

    def watch(self, keepers: Sequence[Keeper]) -> None:
        """Show these from now on."""
        self._keepers = keepers
        if coloured(self._talk):
            from rich.console import Console  # noqa: PLC0415 - slow to load, needed on terminals alone
            from rich.live import Live  # noqa: PLC0415 - the same

            console = Console(file=self._talk, highlight=False)
            # Drawn at each change and not by a thread: a process that starts others had best have one alone.
            self._moving = Live(
                console=console, get_renderable=self._rich_table, transient=True, auto_refresh=False
            )
            self._moving.start()

    def changed(self, keeper: Keeper, message: str) -> None:
        """Take notice of a change; a line is written where it is news and no table shows it."""
        if self._moving is not None:
            self._moving.refresh()
            return
        if keeper.state in (State.READY, State.RESTARTING, State.FAILED, State.STOPPED) and (
            message or not self._up
        ):
            text = f"{keeper.program.name} {message or keeper.state}"
            stamp = time.strftime("%H:%M:%S ") if self._up else ""
            self.say(stamp + text)

    def ready(self) -> None:
        """Show the table as it is now, for good."""
        self.settle()
        self._up = True
        columns = BOARD.choose(())
        lines = lay_out(
            columns, [record(keeper) for keeper in self._keepers], headings=True, terminal_columns=None
        )
        self._out.write("\n".join(lines) + "\n")
        self._out.flush()

    def settle(self) -> None:
        """Stop moving."""
        if self._moving is not None:
            self._moving.stop()
            self._moving = None

    def say(self, line: str) -> None:
        """Write a line."""
        self._talk.write(line + "\n")
        self._talk.flush()

    def _rich_table(self) -> Any:
        from rich.table import Table  # noqa: PLC0415 - the same
        from rich.text import Text  # noqa: PLC0415 - the same

        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in BOARD.columns:
            table.add_column(column.heading.upper(), justify="right" if column.right else "left")
        for keeper in self._keepers:
            cells = [Text(column.of(record(keeper))) for column in BOARD.columns]
            cells[1].stylize(_STYLES.get(keeper.state, ""))
            table.add_row(*cells)
        return table
