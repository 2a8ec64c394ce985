"""Disks full, disk read-only, store away, database and bus down while the suite runs."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from pathlib import Path

from cli.stella.exit_codes import ExitCode
from tests.bad_days.case import LEDGER_KEPT, Case
from tests.bad_days.disks import filled, mounted, remount
from tests.bad_days.documents import osv
from tests.bad_days.halfway import IN_IMPORT, IN_RUN, halfway
from tests.bad_days.stores import Server, World
from tests.kit import made_up
from tests.kit.stella import Ended

PROFILE = "worn"
MIB = 1 << 20
_DOWN_SECONDS = 4.0
_BAD_LINES = 5000  # about 2 MiB in the database, which has less to spare without a new page
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


def _full_database_import(world: World) -> Ended:
    """Import what the database must grow for: a document a line that is put aside."""
    feed = world.file("full/feed.jsonl", osv("FULL-1", "1") + b"\n" + b'{"id":\n' * _BAD_LINES)
    _begin_log_piece(world)
    with filled(world.database_disk):
        return world.stella("evidence", "import", feed, "--source", "full")


def _full_database_run(world: World) -> Ended:
    _begin_log_piece(world)
    return _full_for_a_while(world, world.database_disk, world.database, "15")


def _full_bus_run(world: World) -> Ended:
    """A stream that could not be written stays so until its server, here not the suite's, starts again."""
    return _full_for_a_while(world, world.bus_disk, world.bus, "16", restart=True)


def _begin_log_piece(world: World) -> None:
    """Let the database's log begin a new piece: one without room for it ends, which is another case."""
    world.execute("SELECT pg_switch_wal()")
    world.execute("CHECKPOINT")


def _full_for_a_while(
    world: World, disk: Path, server: Server, level: str, *, restart: bool = False
) -> Ended:
    """Fill a disk in the middle of a run, until its server says so."""
    full = contextlib.ExitStack()
    since = len(server.said())

    def make_room(_: World) -> None:
        try:
            server.wait_until_said("o space left on device", since)
        finally:
            full.close()
        if restart:
            server.stop()
            server.start()

    def fill(_: World) -> None:
        full.enter_context(filled(disk))

    return halfway(world, IN_RUN, lambda world: _run(world, level), fill, make_room)


def _down_in_import(world: World) -> Ended:
    """Take the database away within the import's transaction; it is back before the import notices."""

    def restart(world: World) -> None:
        world.database.stop()
        world.database.start()

    return halfway(world, IN_IMPORT, lambda world: _import(world, 905), restart)


def _down_in_run(world: World) -> Ended:
    """Take the database away within the transaction of a run's stage, for some seconds."""

    def mend(world: World) -> None:
        time.sleep(_DOWN_SECONDS)
        world.mend()

    return halfway(world, IN_RUN, lambda world: _run(world, "14"), lambda world: world.database.stop(), mend)


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
FULL_DATABASE = "the database cannot be used: its disk is full. (ERR_EXPORT_STORAGE)"
DATABASE_ROOM = "Nothing is lost. Make room or mend the disk under the database, then try again."
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
        "a database that goes down in the middle of an import",
        "the database ends before `stella evidence import` commits",
        NO_DATABASE,
        DATABASE_BACK,
        ExitCode.TRY_LATER,
        LEDGER_KEPT,
        _down_in_import,
    ),
    Case(
        "a database that goes down in the middle of a run",
        "the database ends while `stella export run start --wait` follows the run; it waits",
        "",
        "",
        ExitCode.OK,
        "the run: it goes on when the database is back",
        _down_in_run,
    ),
    Case(
        "a full disk of the database, import",
        "`stella evidence import` without room on the database's disk",
        FULL_DATABASE,
        DATABASE_ROOM,
        ExitCode.TRY_LATER,
        LEDGER_KEPT,
        _full_database_import,
    ),
    Case(
        "a full disk of the database, run",
        "the disk fills up while `stella export run start --wait` follows the run; it waits",
        "",
        "",
        ExitCode.OK,
        "the run: it goes on when there is room",
        _full_database_run,
    ),
    Case(
        "a full disk of the bus, run",
        "the disk of its store fills up while `stella export run start --wait` follows the run; it waits",
        "",
        "",
        ExitCode.OK,
        "the run: it goes on when there is room and the bus had a new start, which `stella up` gives its own",
        _full_bus_run,
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
