"""`stella export run`: executions of profiles."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import click

from cli.stella.api import Api, Json, segment
from cli.stella.exit_codes import ExitCode
from cli.stella.failures import Code, CommandFailed
from cli.stella.options import connected, shown
from cli.stella.selection import Selection, selected
from cli.stella.show import numbers
from cli.stella.show.output import Output
from cli.stella.show.progress import Unit
from cli.stella.transfer.events import Follower
from cli.stella.values import DURATION
from cli.stella.views import RUN, last, number, stage, state

PATH = "/api/export/runs"
STATES = ("queued", "running", "succeeded", "failed", "cancelled", "expired")
_ENDED_BADLY = ("failed", "cancelled")

_timeout = click.option("--timeout", type=DURATION, metavar="SPAN", help="Stop waiting after this, as 15m.")
_repeatable = click.option(
    "--idempotency-key", default="", metavar="UUID", help="A repetition with this key starts nothing more."
)


@click.command()
@click.argument("profile")
@selected
@click.option("--wait", is_flag=True, help="Follow the run to its end.")
@_timeout
@_repeatable
@connected
@shown
def start(
    api: Api,
    output: Output,
    profile: str,
    selection: Selection,
    wait: bool,
    timeout: timedelta | None,
    idempotency_key: str,
) -> None:
    """Pin the evidence and start a run.

    Examples:
      stella export run start nightly --wait
      stella export run start nightly --source osv-go --format name
    """
    body: Json = {"profile": last(profile)}
    if selection.members:
        body["selector"] = dict(selection.members)
    run = api.write("POST", PATH, body, key=idempotency_key)
    if wait:
        output.say(f"Run {last(run.get('name'))} of {last(profile)} is on its way.")
        _follow(api, output, last(run.get("name")), timeout)
        return
    output.one(run, RUN)
    output.good(f"Next: stella export run watch {last(run.get('name'))}")


@click.command("list")
@click.option("--state", "wanted", type=click.Choice(STATES), help="Only runs in this state.")
@click.option("--profile", default="", metavar="NAME", help="Only runs of this profile.")
@click.option("--limit", type=click.IntRange(0), default=50, show_default=True, help="At most; 0 is all.")
@connected
@shown
def list_runs(api: Api, output: Output, wanted: str | None, profile: str, limit: int) -> None:
    """List runs, newest first.

    Examples:
      stella export run list
      stella export run list --state failed --format name
    """
    query: dict[str, str | int | bool] = {}
    if wanted:
        query["state"] = f"STATE_{wanted.upper()}"
    if profile:
        query["profile"] = last(profile)
    document = api.pages(PATH, "runs", query, limit)
    output.listing(document, document["runs"], RUN)


@click.command()
@click.argument("run")
@connected
@shown
def show(api: Api, output: Output, run: str) -> None:
    """Show a run.

    Examples:
      stella export run show RUN
      stella export run show RUN --format json
    """
    output.one(api.get(f"{PATH}/{segment(run)}"), RUN)


@click.command()
@click.argument("run")
@_timeout
@connected
@shown
def watch(api: Api, output: Output, run: str, timeout: timedelta | None) -> None:
    """Follow a run to its end; the exit code is the run's.

    Examples:
      stella export run watch RUN
      stella export run watch RUN --timeout 15m
    """
    _follow(api, output, run, timeout)


@click.command()
@click.argument("run")
@_repeatable
@connected
@shown
def cancel(api: Api, output: Output, run: str, idempotency_key: str) -> None:
    """Stop a run.

    Examples:
      stella export run cancel RUN
    """
    document = api.write("POST", f"{PATH}/{segment(run)}:cancel", {}, key=idempotency_key)
    output.one(document, RUN)
    output.good(f"Run {last(run)} is {state(document)}.")


@click.command()
@click.argument("run")
@click.option("--wait", is_flag=True, help="Follow the run to its end.")
@_timeout
@_repeatable
@connected
@shown
def retry(
    api: Api, output: Output, run: str, wait: bool, timeout: timedelta | None, idempotency_key: str
) -> None:
    """Run what failed again, over the same evidence.

    Examples:
      stella export run retry RUN --wait
    """
    document = api.write("POST", f"{PATH}/{segment(run)}:retry", {}, key=idempotency_key)
    if wait:
        _follow(api, output, run, timeout)
        return
    output.one(document, RUN)
    output.good(f"Next: stella export run watch {last(run)}")


def _follow(api: Api, output: Output, run: str, timeout: timedelta | None) -> None:
    """Show how the run goes on; write it once it has ended; end as it ended."""
    deadline = None if timeout is None else time.monotonic() + timeout.total_seconds()
    follower = Follower(api, f"{PATH}/{segment(run)}/events", time.sleep)
    with output.progress("run", Unit.SHARDS) as progress:
        _show_events(follower, progress.move, deadline, last(run))
    document = api.get(f"{PATH}/{segment(run)}")
    output.one(document, RUN)
    _end(output, document)


def _show_events(follower: Follower, move: Callable[..., None], deadline: float | None, run: str) -> None:
    for event in follower.events():
        if event is not None:
            progress: dict[str, Any] = event.get("progress") or {}
            records, stored = number(progress.get("records")), number(progress.get("storedBytes"))
            detail = f"{numbers.plural(records, 'record')}, {numbers.size(stored)}" if records else ""
            move(
                number(progress.get("shardsDone")),
                number(progress.get("shardsTotal")) or None,
                stage(event) or state(event),
                detail,
            )
        if deadline is not None and time.monotonic() > deadline:
            raise CommandFailed(
                ExitCode.TRY_LATER,
                Code.RUN_ENDED,
                f"Run {run} has not ended in the time given; it goes on",
                f"Follow it again: stella export run watch {run}",
            )


def _end(output: Output, run: Json) -> None:
    name, how = last(run.get("name")), state(run)
    if how in _ENDED_BADLY:
        error: dict[str, Any] = run.get("error") or {}
        message = error.get("message") or f"Run {name} is {how}"
        hint = error.get("cure") or f"Start it again over the same evidence: stella export run retry {name}"
        raise CommandFailed(ExitCode.RUN_FAILED, error.get("code") or Code.RUN_ENDED, message, hint)
    progress: dict[str, Any] = run.get("progress") or {}
    records, stored = number(progress.get("records")), number(progress.get("storedBytes"))
    output.good(
        f"Run {name} {how}{_span(run)}: {numbers.plural(records, 'record')}, "
        f"{numbers.size(stored)}. Next: stella export download {name}"
    )


def _span(run: Json) -> str:
    """Return how long the run took, where it says so."""
    try:
        begun, ended = (datetime.fromisoformat(str(run[name])) for name in ("createTime", "endTime"))
    except (KeyError, ValueError):
        return ""
    return f" in {numbers.duration((ended - begun).total_seconds())}"
