"""What keeps an address from being listened on is said in the system's words, with or without its error."""

from __future__ import annotations

import socket

import pytest

from libs.common.listening import cannot_listen


def test_a_port_that_is_taken_is_found_out_without_an_error() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen(1)
        listen = f"127.0.0.1:{other.getsockname()[1]}"
        assert cannot_listen(listen) == f"`{listen}` cannot be bound: Address already in use"


def test_the_error_that_is_given_is_the_reason() -> None:
    reason = cannot_listen("0.0.0.0:80", PermissionError(13, "Permission denied"))
    assert reason == "`0.0.0.0:80` cannot be bound: Permission denied"


@pytest.mark.parametrize("listen", ["nonsense", "127.0.0.1:99999", "127.0.0.1:"])
def test_what_is_no_address_has_no_reason_of_the_system(listen: str) -> None:
    assert cannot_listen(listen) == f"`{listen}` cannot be bound"


def test_a_long_text_is_cut() -> None:
    assert len(cannot_listen("x" * 1000)) < 120
