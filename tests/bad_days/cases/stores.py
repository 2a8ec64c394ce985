"""Disk full, disk read-only, store away, database and bus down while the suite runs."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable

from cli.stella.exit_codes import ExitCode
from tests.bad_days.case import LEDGER_KEPT, Case
from tests.bad_days.disks import filled, mounted, remount
from tests.bad_days.documents import osv
from tests.bad_days.stores import Server, World
from tests.kit import made_up
from tests.kit.stella import Ended

PROFILE = "worn"
MIB = 1 << 20
_DOWN_SECONDS = 4.0
_ROOM = "Nothing is lost. Make room or mend the disk under the blob store, then try again."


def _import(world: World, number: int) -> Ended:
    return world.stella(
        "evidence", "import", made_up.write(world.folder / f"more-{number}", [made_up.sbom(number, MIB)])
    )


def _run(world: World, level: str) -> Ended:
    """Export at a level of its own, so that nothing is there yet; the profile stays."""
    name = f"{PROFILE}-{level}"
    options = ("--kind", "json:raw", "--compression-level", level)
    made = world.stella("export", "profile", "create", name, *options)
    assert made.code == 0, made.err
    return world.stella("export", "run", "start", name, "--wait")


def _full_import(world: World) -> Ended:
    with filled(world.blobs):
        return _import(world, 901)


def _full_run(world: World) -> Ended:
    with filled(world.blobs):
        return _run(world, "11")


def _read_only_import(world: World) -> Ended:
    remount(world.blobs, "ro")
    try:
        return _import(world, 902)
    finally:
        remount(world.blobs, "rw")


def _away(world: World) -> Ended:
    """Put another, empty disk over the store, as a mount that is lost and taken for an empty folder."""
    with mounted(world.blobs, MIB):
        return _import(world, 903)


def _full_target(world: World) -> Ended:
    run = world.suite.export(PROFILE)["name"].rpartition("/")[2]
    with mounted(world.folder / "target", 1 << 16) as target:
        return world.stella("export", "download", run, "-o", target / "bundle.tar")


def _while_down(which: Callable[[World], Server], ask: Callable[[World], Ended]) -> Callable[[World], Ended]:
    def bring(world: World) -> Ended:
        which(world).stop()
        try:
            return ask(world)
        finally:
            world.mend()

    return bring


def _back_in_between(which: Callable[[World], Server], level: str) -> Callable[[World], Ended]:
    """Take a server away while a run is under way, and bring it back some seconds later."""

    def bring(world: World) -> Ended:
        timer = threading.Timer(_DOWN_SECONDS, world.mend)
        with contextlib.ExitStack() as stack:
            stack.callback(timer.join)
            which(world).stop()
            timer.start()
            return _run(world, level)

    return bring


def _without_tokens(world: World) -> Ended:
    for path in (world.suite.data / "tokens").glob("service-*.token"):
        path.unlink()
    return _run(world, "12")


def _bus(world: World) -> Server:
    return world.bus


def _database(world: World) -> Server:
    return world.database


NO_DATABASE = "the database does not answer: there is no connection to it. (ERR_EXPORT_UNAVAILABLE)"
DATABASE_BACK = "Nothing is lost. Check the database and try again."
CASES: tuple[Case[World], ...] = (
    Case(
        "a full blob store, import",
        "`stella evidence import` without room on the store's disk",
        "the blob store cannot be used: No space left on device. (ERR_EXPORT_STORAGE)",
        _ROOM,
        ExitCode.TRY_LATER,
        LEDGER_KEPT,
        _full_import,
    ),
    Case(
        "a full blob store, run",
        "`stella export run start --wait` without room on the store's disk",
        "Work on stage adapt failed 5 times; last: the blob store cannot be used: No space left on device. "
        "(ERR_EXPORT_WORK_GIVEN_UP)",
        "Mend the cause, then `stella export run retry …`.",
        ExitCode.RUN_FAILED,
        "the run and its inputs: retried with room, it succeeds",
        _full_run,
    ),
    Case(
        "a read-only blob store",
        "`stella evidence import` while the store's disk is mounted read-only",
        "the blob store cannot be used: Read-only file system. (ERR_EXPORT_STORAGE)",
        _ROOM,
        ExitCode.TRY_LATER,
        LEDGER_KEPT,
        _read_only_import,
    ),
    Case(
        "a blob store that is away",
        "`stella evidence import` while another disk lies over the store's folder",
        "the blob store cannot be used: its folder is another than the one that was opened. "
        "(ERR_EXPORT_STORAGE)",
        _ROOM,
        ExitCode.TRY_LATER,
        LEDGER_KEPT,
        _away,
    ),
    Case(
        "a full disk under a download",
        "`stella export download` to a disk of 64 KiB",
        "`{file}` cannot be written: No space left on device. (ERR_STELLA_DISK_FULL)",
        "Make room on that disk, then give the same command again.",
        ExitCode.TRY_LATER,
        "what has arrived: the same command goes on from there",
        _full_target,
    ),
    Case(
        "a database that is down, reading",
        "`stella evidence status` while it is down",
        NO_DATABASE,
        DATABASE_BACK,
        ExitCode.TRY_LATER,
        LEDGER_KEPT,
        _while_down(_database, lambda world: world.stella("evidence", "status")),
    ),
    Case(
        "a database that is down, import",
        "`stella evidence import` while it is down",
        NO_DATABASE,
        DATABASE_BACK,
        ExitCode.TRY_LATER,
        LEDGER_KEPT,
        _while_down(_database, lambda world: _import(world, 904)),
    ),
    Case(
        "a database that is down, run",
        "`stella export run start` while it is down",
        NO_DATABASE,
        DATABASE_BACK,
        ExitCode.TRY_LATER,
        LEDGER_KEPT,
        _while_down(_database, lambda world: world.stella("export", "run", "start", PROFILE)),
    ),
    Case(
        "a bus that is down for some seconds",
        "`stella export run start --wait` meanwhile; it waits",
        "",
        "",
        ExitCode.OK,
        "the run: it goes on when the bus is back",
        _back_in_between(_bus, "13"),
    ),
    Case(
        "service tokens that are gone",
        "the files `tokens/service-*.token` removed, then a run",
        "",
        "",
        ExitCode.OK,
        "the run: the tokens are made anew within seconds",
        _without_tokens,
    ),
)


def seed(world: World) -> None:
    """Give the ledger something to keep."""
    documents = [(f"{number}.json", osv(f"WORN-{number}", "1")) for number in range(20)]
    heavy = [made_up.sbom(number, MIB) for number in range(2)]
    world.suite.stella("evidence", "import", made_up.write(world.folder / "seed", [*documents, *heavy]))
    world.suite.stella("export", "profile", "create", PROFILE, "--kind", "json:raw")
