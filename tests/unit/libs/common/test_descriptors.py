"""A process opens as many files as it may, and says so before there is room for none."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable, Iterator

import pytest

from libs.common.descriptors import RESERVED, allow_many, check_room
from libs.common.errors import NoRoom


@pytest.fixture
def limit() -> Iterator[Callable[[int], None]]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield lambda soft: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, before[1]))
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def lowest_free() -> int:
    found = os.open(os.devnull, os.O_RDONLY)
    os.close(found)
    return found


def test_the_soft_limit_becomes_the_hard_one(limit: Callable[[int], None]) -> None:
    limit(lowest_free() + 50)
    allow_many()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert soft == hard


def test_there_is_room_until_the_reserve_is_touched(limit: Callable[[int], None]) -> None:
    limit(lowest_free() + RESERVED)
    check_room("the gateway")
    limit(lowest_free() + RESERVED - 1)
    with pytest.raises(NoRoom, match="nearly all of its") as refused:
        check_room("the gateway")
    assert (refused.value.http, refused.value.retryable) == (503, True)


def test_where_no_file_can_be_opened_at_all_there_is_no_room(limit: Callable[[int], None]) -> None:
    limit(lowest_free())
    with pytest.raises(NoRoom, match="Too many open files"):
        check_room("the gateway")
