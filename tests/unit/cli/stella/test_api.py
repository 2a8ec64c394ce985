"""A server that does not answer is told from one that no packet can reach."""

from __future__ import annotations

import errno
import os
import socket

import httpx
import pytest

from cli.stella.api import Api
from cli.stella.context import Choice, Connection
from cli.stella.exit_codes import ExitCode
from cli.stella.failures import Code


@pytest.fixture
def api() -> Api:
    none = Choice("", "none")
    return Api(Connection(none, Choice("http://export.example", "--server"), none, none, none))


def connect_error(cause: Exception) -> httpx.ConnectError:
    error = httpx.ConnectError("All connection attempts failed")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "exit_code", "code"),
    [
        (connect_error(socket.gaierror(socket.EAI_NONAME, "unknown")), ExitCode.OFFLINE, Code.OFFLINE),
        *(
            (connect_error(OSError(number, os.strerror(number))), ExitCode.OFFLINE, Code.OFFLINE)
            for number in (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EPERM, errno.EACCES)
        ),
        (httpx.ProxyError("403 Forbidden"), ExitCode.OFFLINE, Code.OFFLINE),
        (
            connect_error(ConnectionRefusedError(errno.ECONNREFUSED, "refused")),
            ExitCode.TRY_LATER,
            Code.UNREACHABLE,
        ),
        (httpx.ReadTimeout("slow"), ExitCode.TRY_LATER, Code.UNREACHABLE),
        (httpx.RemoteProtocolError("cut"), ExitCode.TRY_LATER, Code.UNREACHABLE),
    ],
    ids=repr,
)
def test_the_exit_code_says_whether_to_try_again(
    api: Api, error: httpx.HTTPError, exit_code: ExitCode, code: Code
) -> None:
    failure = api._unreachable(error)
    assert (failure.exit_code, failure.code) == (exit_code, code)
