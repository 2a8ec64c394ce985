"""The clock of every service moved by hours while the suite runs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from cli.stella.exit_codes import ExitCode
from tests.bad_days.case import Case
from tests.bad_days.clocks import Faked
from tests.kit import made_up
from tests.kit.stella import Ended

PROFILE = "clocked"
_DAY = timedelta(hours=25)  # longer than the tokens of services live
_BACK = timedelta(hours=-6)


def _import(moved: timedelta, number: int) -> Callable[[Faked], Ended]:
    def bring(faked: Faked) -> Ended:
        faked.move(moved)
        evidence = made_up.write(faked.folder / f"clock-{number}", [made_up.sbom(number)])
        return faked.stella("evidence", "import", evidence)

    return bring


def _run(moved: timedelta, level: str) -> Callable[[Faked], Ended]:
    def bring(faked: Faked) -> Ended:
        faked.move(moved)
        name = f"{PROFILE}-{level}"
        options = ("--kind", "json:raw", "--compression-level", level)
        made = faked.stella("export", "profile", "create", name, *options)
        assert made.code == 0, made.err
        return faked.stella("export", "run", "start", name, "--wait")

    return bring


CASES: tuple[Case[Faked], ...] = (
    Case(
        "a clock moved back by six hours, import",
        "`stella evidence import` with a token that begins later",
        "",
        "",
        ExitCode.OK,
        "everything: tokens hold until their end",
        _import(_BACK, 1),
    ),
    Case(
        "a clock moved back by six hours, run",
        "`stella export run start --wait`",
        "",
        "",
        ExitCode.OK,
        "everything: the run ends once, and well",
        _run(_BACK, "5"),
    ),
    Case(
        "a clock moved forward by 25 hours, import",
        "`stella evidence import` after the services' tokens ended",
        "",
        "",
        ExitCode.OK,
        "everything: new tokens within seconds",
        _import(_DAY, 2),
    ),
    Case(
        "a clock moved forward by 25 hours, run",
        "`stella export run start --wait`",
        "",
        "",
        ExitCode.OK,
        "everything: the run ends once, and well",
        _run(_DAY, "6"),
    ),
)
