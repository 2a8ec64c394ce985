"""Ports are kept over restarts; another one is chosen only where somebody else has taken it."""

from __future__ import annotations

import itertools
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.stella.exit_codes import ExitCode
from cli.stella.failures import CommandFailed
from cli.stella.supervise import ports

NAMES = ("http", "planner", "signer")


def counting(start: int = 5000) -> Callable[[], int]:
    numbers = itertools.count(start)
    return lambda: next(numbers)


def test_ports_are_kept() -> None:
    kept = {"http": 1, "planner": 2, "signer": 3}
    assert ports.choose(NAMES, kept, None, lambda _: True, counting()) == kept


def test_a_port_that_is_taken_is_replaced_and_the_others_stay() -> None:
    kept = {"http": 1, "planner": 2, "signer": 3}
    chosen = ports.choose(NAMES, kept, None, lambda port: port != 2, counting())
    assert chosen == {"http": 1, "planner": 5000, "signer": 3}


def test_no_port_is_given_twice() -> None:
    chosen = ports.choose(NAMES, {"http": 1, "planner": 1, "signer": 1}, None, lambda _: True, counting(1))
    assert len(set(chosen.values())) == len(NAMES)


def test_the_door_prefers_the_default_of_the_command_line() -> None:
    assert ports.choose(NAMES, {}, None, lambda _: True, counting())["http"] == ports.PREFERRED_HTTP


def test_a_stated_port_wins_over_the_one_kept() -> None:
    assert ports.choose(NAMES, {"http": 1}, 9, lambda _: True, counting())["http"] == 9


def test_a_stated_port_that_is_taken_is_an_error() -> None:
    with pytest.raises(CommandFailed, match="Port 9") as caught:
        ports.choose(NAMES, {}, 9, lambda port: port != 9, counting())
    assert caught.value.exit_code is ExitCode.USAGE


def test_a_listener_takes_a_port_and_a_closed_one_gives_it_back() -> None:
    with socket.create_server((ports.LOOPBACK, 0)) as listener:
        port = listener.getsockname()[1]
        assert not ports.is_free(port)
    assert ports.is_free(port)


@pytest.mark.parametrize("text", ["", "[]", '{"http": "x"}'])
def test_a_damaged_file_means_new_ports(tmp_path: Path, text: str) -> None:
    path = tmp_path / "ports.json"
    path.write_text(text, encoding="ascii")
    assert ports.load(path) == {}


def test_ports_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "ports.json"
    path.write_bytes(ports.render({"http": 1}))
    assert ports.load(path) == {"http": 1}


def test_two_suites_that_choose_at_once_do_not_choose_the_same() -> None:
    first, second = ports.Claims(), ports.Claims()
    port = ports.free_port()
    try:
        one = ports.choose(["http"], {"http": port}, None, first.is_free)
        other = ports.choose(["http"], {"http": port}, None, second.is_free)
        assert (one["http"], first.is_free(port)) == (port, True)
        assert other["http"] != port
        first.close()
        assert second.is_free(port)
    finally:
        first.close()
        second.close()


@pytest.mark.parametrize(
    "text", ['{"http":', "[]", "null", '{"http": 99999999, "a": -1, "b": true, "c": "1"}']
)
def test_ports_that_are_none_are_forgotten(tmp_path: Path, text: str) -> None:
    (tmp_path / "ports.json").write_text(text, encoding="utf-8")
    assert ports.load(tmp_path / "ports.json") == {}
