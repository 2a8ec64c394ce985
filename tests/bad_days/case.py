"""Describes a bad day: what goes wrong, what is seen, what to do, what is kept; and compares it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from cli.stella.exit_codes import ExitCode
from tests.kit.stella import Ended, stella
from tests.kit.suite import Suite

LEDGER_KEPT = "the ledger as it was"
NOTHING_AT_STAKE = "nothing was at stake"
_PLACEHOLDER = re.compile(r"\{([a-z]+)\}")


@dataclass(frozen=True, slots=True)
class Day:
    """Where a case happens: a running suite, and a folder of its own."""

    suite: Suite
    folder: Path

    def stella(self, *arguments: str | Path, **environment: str) -> Ended:
        """Run a command as a user of the suite, in this process."""
        place = {"STELLA_SERVER": self.suite.url, "STELLA_TENANT": "demo"}
        token = {"STELLA_TOKEN_FILE": str(self.suite.data / "tokens" / "demo-admin.token")}
        return stella(*arguments, config=self.folder / "config.json", **{**place, **token, **environment})

    @property
    def points(self) -> Path:
        """The folder with orders of points at which services are stopped (libs/common/points.py)."""
        return self.suite.data.with_name("points")

    def file(self, name: str, data: bytes) -> Path:
        """Write a file and return it."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path


D_contra = TypeVar("D_contra", bound=Day, contravariant=True)


@dataclass(frozen=True, slots=True)
class Case(Generic[D_contra]):
    """What goes wrong and what is seen of it; `{…}` in a line stands for what differs from time to time.

    An empty line says that nothing is seen: the command waits, and succeeds.
    """

    title: str
    how: str
    line: str
    way_out: str
    exit_code: ExitCode
    kept: str
    bring: Callable[[D_contra], Ended]


def check(case: Case[D_contra], ended: Ended) -> None:
    """Hold what was seen against what the case says."""
    seen = ended.err.splitlines()
    errors = [text.removeprefix("error: ") for text in seen if text.startswith("error: ")]
    hints = [text.removeprefix("hint: ") for text in seen if text.startswith("hint: ")]
    if not case.line:
        assert (errors, ended.code) == ([], case.exit_code), ended.err
        return
    assert len(errors) == 1, ended.err
    assert matches(case.line, errors[0]), (case.line, errors[0])
    assert matches(case.way_out, hints[-1] if hints else ""), (case.way_out, hints)
    assert ended.code == case.exit_code, (ended.code, case.exit_code)


def matches(template: str, text: str) -> bool:
    """Say whether `text` is `template` with something in each place; the same name stands for the same."""
    pattern, last, known = "", 0, set[str]()
    for found in _PLACEHOLDER.finditer(template):
        name = found[1]
        pattern += re.escape(template[last : found.start()])
        pattern += f"(?P={name})" if name in known else f"(?P<{name}>.+?)"
        known.add(name)
        last = found.end()
    return re.fullmatch(pattern + re.escape(template[last:]), text) is not None
