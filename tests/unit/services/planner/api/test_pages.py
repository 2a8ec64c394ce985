"""Pages of our lists: their size, their end, where the next one goes on."""

from __future__ import annotations

import pytest
from stellaops.export.v1.profiles_pb2 import Profile

from libs.common.errors import BadPageToken
from libs.common.names import PROFILE
from libs.common.paging import page_token
from services.planner.api.pages import LARGEST_BYTES, LARGEST_SIZE, USUAL_SIZE, page_of, position_in, size_of

SCOPE = ("profiles", "acme")


def named(*ids: str, display_name: str = "") -> list[Profile]:
    return [Profile(name=f"tenants/acme/profiles/{found}", display_name=display_name) for found in ids]


@pytest.mark.parametrize(("asked", "size"), [(0, USUAL_SIZE), (7, 7), (10**9, LARGEST_SIZE)])
def test_a_page_has_the_size_that_is_asked_within_limits(asked: int, size: int) -> None:
    assert size_of(asked) == size


def test_the_last_page_has_no_token() -> None:
    shown, token = page_of(SCOPE, named("one", "two"), 2)
    assert (len(shown), token) == (2, "")


def test_a_token_goes_on_after_the_last_entry() -> None:
    shown, token = page_of(SCOPE, named("one", "two", "three"), 2)
    assert len(shown) == 2
    assert position_in(SCOPE, token, PROFILE) == "two"


def test_a_page_is_cut_where_an_answer_would_be_too_large() -> None:
    large = named("one", "two", "three", display_name="x" * (LARGEST_BYTES // 2))
    shown, token = page_of(SCOPE, large, 10)
    assert len(shown) == 1
    assert position_in(SCOPE, token, PROFILE) == "one"


def test_one_entry_is_shown_however_large() -> None:
    shown, _ = page_of(SCOPE, named("one", display_name="x" * LARGEST_BYTES), 10)
    assert len(shown) == 1


def test_no_token_means_the_first_page() -> None:
    assert position_in(SCOPE, "", PROFILE) is None


@pytest.mark.parametrize(
    "token",
    [
        "no token",
        page_token(("runs", "acme"), ["one"]),
        page_token(SCOPE, ["NOT AN ID"]),
        page_token(SCOPE, ["\x00"]),
        page_token(SCOPE, ["one", "two"]),
    ],
)
def test_a_token_that_this_list_did_not_give_is_refused(token: str) -> None:
    with pytest.raises(BadPageToken):
        position_in(SCOPE, token, PROFILE)
