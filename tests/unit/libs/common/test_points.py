"""Named points."""

from __future__ import annotations

import ast
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import psutil
import pytest

from libs.common.points import POINTS

REPOSITORY = Path(__file__).resolve().parents[4]
POINT = "bus.handled"
# Visits the point as often as the last argument says, and tells of each visit that it has survived.
VISITOR = """
import sys
from libs.common import points
points.arm(sys.argv[1], "service")
for _ in range(int(sys.argv[2])):
    points.reached("bus.handled")
    print("on", flush=True)
"""


@pytest.fixture
def orders(tmp_path: Path) -> Path:
    (tmp_path / "service").mkdir()
    return tmp_path / "service"


def visitor(folder: Path | str, visits: int = 1) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", VISITOR, str(folder), str(visits)]
    return subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    said, _ = process.communicate(timeout=30)
    return process.returncode, said


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_every_declared_point_is_reached_at_exactly_one_place_and_no_other_is() -> None:
    found: Counter[str] = Counter()
    for root in ("libs", "services", "cli"):
        for path in (REPOSITORY / root).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_bytes())):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "reached":
                    assert isinstance(node.args[0], ast.Constant), path
                    found[str(node.args[0].value)] += 1
    assert found == Counter(dict.fromkeys(POINTS, 1))


def test_a_kill_ends_the_process_there_and_leaves_its_mark(orders: Path) -> None:
    (orders / f"01-{POINT}.kill").touch()
    process = visitor(orders.parent)
    assert ended(process) == (-signal.SIGKILL, "")
    assert names(orders) == [f"01-{POINT}.kill.{process.pid}"]


def test_a_stop_holds_the_process_until_it_is_told_to_go_on(orders: Path) -> None:
    (orders / f"01-{POINT}.stop").touch()
    with visitor(orders.parent) as process:
        while psutil.Process(process.pid).status() != psutil.STATUS_STOPPED:
            assert process.poll() is None
        assert names(orders) == [f"01-{POINT}.stop.{process.pid}"]
        process.send_signal(signal.SIGCONT)
        assert ended(process) == (0, "on\n")


def test_a_pass_lets_one_visit_by(orders: Path) -> None:
    for order in (f"01-{POINT}.pass", f"02-{POINT}.pass", f"03-{POINT}.kill"):
        (orders / order).touch()
    assert ended(visitor(orders.parent, 5)) == (-signal.SIGKILL, "on\non\n")


def test_two_processes_do_not_take_the_same_order(orders: Path) -> None:
    (orders / f"01-{POINT}.kill").touch()
    codes = [ended(process)[0] for process in [visitor(orders.parent) for _ in range(2)]]
    assert sorted(codes) == [-signal.SIGKILL, 0]


def test_orders_for_other_points_and_garbage_do_nothing(orders: Path) -> None:
    garbage = ["01-outbox.published.kill", f"1-{POINT}.kill", f"01-{POINT}.dance", f"01-{POINT}.kill.77", "x"]
    for name in garbage:
        (orders / name).touch()
    (orders / "02-..kill").mkdir()
    (orders / "03-link").symlink_to("/")
    before = names(orders)
    assert ended(visitor(orders.parent)) == (0, "on\n")
    assert names(orders) == before


@pytest.mark.parametrize("folder", ["", "missing"])
def test_without_a_folder_nothing_happens(folder: str, tmp_path: Path) -> None:
    assert ended(visitor(folder and tmp_path / folder)) == (0, "on\n")
