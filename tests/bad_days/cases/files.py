"""Places on this machine that an import cannot read, or not to the end."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from cli.stella.exit_codes import ExitCode
from tests.bad_days.case import LEDGER_KEPT, Case, Day
from tests.bad_days.documents import osv
from tests.kit.stella import Ended

_GOOD = osv("FILE-1", "1")
# Root reads what it likes by two capabilities; without them it is as anybody else.
_LONG_BYTES = 256 << 20  # takes far longer to send than the change takes; it is sparse
AS_ANYBODY = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search")


def _started(day: Day, *arguments: str | Path) -> subprocess.Popen[str]:
    """Start a command in a process that file permissions bind."""
    binding = AS_ANYBODY if os.geteuid() == 0 else ()
    return subprocess.Popen(
        [*binding, sys.executable, "-m", "cli.stella", *map(str, arguments)],
        env=day.suite.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _ordinary(day: Day, *arguments: str | Path) -> Ended:
    process = _started(day, *arguments)
    out, err = process.communicate()
    return Ended(process.returncode, out, err)


def _missing(day: Day) -> Ended:
    return day.stella("evidence", "import", day.folder / "missing")


def _empty_folder(day: Day) -> Ended:
    (day.folder / "empty").mkdir()
    return day.stella("evidence", "import", day.folder / "empty")


def _closed_folder(day: Day) -> Ended:
    day.file("closed/in/a.json", _GOOD)
    (day.folder / "closed" / "in").chmod(0o000)
    try:
        return _ordinary(day, "evidence", "import", day.folder / "closed")
    finally:
        (day.folder / "closed" / "in").chmod(0o700)


def _closed_file(day: Day) -> Ended:
    day.file("closed/a.json", _GOOD).chmod(0o000)
    return _ordinary(day, "evidence", "import", day.folder / "closed")


def _socket(day: Day) -> Ended:
    place = day.folder / "s"
    with socket.socket(socket.AF_UNIX) as listener:
        before = Path.cwd()
        os.chdir(day.folder)  # the name of a socket has at most 107 bytes, a test's folder may have more
        try:
            listener.bind("s")
        finally:
            os.chdir(before)
        return day.stella("evidence", "import", place)


def _pipe(day: Day) -> Ended:
    os.mkfifo(day.folder / "pipe")
    return day.stella("evidence", "import", day.folder / "pipe")


def _standard_input(day: Day) -> Ended:
    return _ordinary(day, "evidence", "import", "/dev/stdin")


def _changed(change: Callable[[Path], None]) -> Callable[[Day], Ended]:
    """Return a way to change a file after it was found and before it is read: a long one goes first."""

    def bring(day: Day) -> Ended:
        os.truncate(day.file("feed/a.md", b""), _LONG_BYTES)
        second = day.file("feed/b.json", _GOOD)
        process = _started(day, "evidence", "import", day.folder / "feed")
        assert process.stderr is not None
        said = process.stderr.readline()
        assert said.startswith("Importing 2 files"), said
        change(second)
        out, err = process.communicate()
        return Ended(process.returncode, out, err)

    return bring


def _grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b" ")


def _case(title: str, bring: Callable[[Day], Ended], line: str, way_out: str, how: str = "") -> Case[Day]:
    how = how or "`stella evidence import` of it"
    return Case(title, how, line, way_out, ExitCode.USAGE, LEDGER_KEPT, bring)


_IN_BETWEEN = "another program does it while `stella evidence import` sends the file before it"
CASES: tuple[Case[Day], ...] = (
    _case(
        "a file that is not there",
        _missing,
        "`{file}` cannot be read: No such file or directory. (ERR_STELLA_FILE)",
        "Check the path.",
    ),
    _case(
        "a folder without a file",
        _empty_folder,
        "There is no file to import there. (ERR_STELLA_USAGE)",
        "Name a file, or a folder that holds files.",
    ),
    _case(
        "a folder that may not be read",
        _closed_folder,
        "`{folder}` cannot be read: Permission denied. (ERR_STELLA_FILE)",
        "Mend its permissions.",
    ),
    _case(
        "a file that may not be read",
        _closed_file,
        "`{file}` cannot be read: Permission denied. (ERR_STELLA_FILE)",
        "Nothing was taken.",
    ),
    _case(
        "a socket",
        _socket,
        "`{file}` is neither a file nor a folder. (ERR_STELLA_USAGE)",
        "Name a file or a folder.",
    ),
    _case(
        "a pipe",
        _pipe,
        "`{file}` is neither a file nor a folder. (ERR_STELLA_USAGE)",
        "Name a file or a folder.",
    ),
    _case(
        "standard input that is a pipe",
        _standard_input,
        "`/dev/stdin` is neither a file nor a folder. (ERR_STELLA_USAGE)",
        "Name a file or a folder.",
        "`program | stella evidence import /dev/stdin`",
    ),
    _case(
        "a file that vanishes while it is imported",
        _changed(Path.unlink),
        "`{file}` cannot be read: No such file or directory. (ERR_STELLA_FILE)",
        "Nothing was taken.",
        _IN_BETWEEN,
    ),
    _case(
        "a file that grows while it is imported",
        _changed(_grow),
        "`{file}` changed while it was sent. (ERR_STELLA_FILE)",
        "Nothing was taken; import it again.",
        _IN_BETWEEN,
    ),
)
