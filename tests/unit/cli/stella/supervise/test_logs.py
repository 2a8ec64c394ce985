"""A log cannot grow without end, and its end can be shown."""

from __future__ import annotations

from pathlib import Path

from cli.stella.supervise.logs import RotatingLog, tail


def test_a_full_log_becomes_its_own_predecessor(tmp_path: Path) -> None:
    log = RotatingLog(tmp_path / "x.log", max_bytes=10)
    for number in range(5):
        log.write(f"line {number}\n".encode())
    log.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.log", "x.log.1", "x.log.2"]
    assert [(tmp_path / name).read_text() for name in ("x.log", "x.log.1")] == ["line 4\n", "line 3\n"]


def test_a_log_goes_on_after_a_restart(tmp_path: Path) -> None:
    for text in (b"one\n", b"two\n"):
        log = RotatingLog(tmp_path / "x.log")
        log.write(text)
        log.close()
    assert (tmp_path / "x.log").read_bytes() == b"one\ntwo\n"


def test_the_tail_is_the_last_lines(tmp_path: Path) -> None:
    (tmp_path / "x.log").write_text("".join(f"{number}\n" for number in range(100)), encoding="ascii")
    assert tail(tmp_path / "x.log", 2) == "98\n99"


def test_the_tail_leaves_out_what_was_there_before(tmp_path: Path) -> None:
    (tmp_path / "x.log").write_bytes(b"old\nnew\n")
    assert (tail(tmp_path / "x.log", since=4), tail(tmp_path / "x.log", since=99)) == ("new", "old\nnew")


def test_a_log_that_is_not_there_has_no_tail(tmp_path: Path) -> None:
    assert tail(tmp_path / "none") == ""
