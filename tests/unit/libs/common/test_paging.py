"""Page tokens are good for the list and filter that gave them out, and for nothing else."""

from __future__ import annotations

import base64

import pytest

from libs.common.errors import BadPageToken
from libs.common.paging import page_position, page_size, page_token

SCOPE = ("runs", "acme", "state=1")


def test_a_token_gives_its_position_back() -> None:
    token = page_token(SCOPE, ("2026-01-01T00:00:00+00:00", "größe/1"))
    assert page_position(SCOPE, token, 2) == ("2026-01-01T00:00:00+00:00", "größe/1")
    assert token.replace("-", "").replace("_", "").isalnum()


def test_no_token_is_the_first_page() -> None:
    assert page_position(SCOPE, "", 2) is None


@pytest.mark.parametrize("scope", [("runs", "beta", "state=1"), ("runs", "acme", "state=2"), ("runs",)])
def test_a_token_of_another_list_tenant_or_filter_is_refused(scope: tuple[str, ...]) -> None:
    with pytest.raises(BadPageToken):
        page_position(scope, page_token(SCOPE, ("a",)), 1)


def test_lists_are_not_mixed_up_by_how_their_names_join() -> None:
    with pytest.raises(BadPageToken):
        page_position(("ab", "c"), page_token(("a", "bc"), ("x",)), 1)


@pytest.mark.parametrize(
    "token",
    [
        "!",
        "a",
        "bm90IGpzb24",
        base64.urlsafe_b64encode(b"[" * 700).decode(),
        base64.urlsafe_b64encode(b"{}").decode(),
        base64.urlsafe_b64encode(b'["0000000000000000", 7]').decode(),
        "größe",
    ],
)
def test_what_is_no_token_is_refused(token: str) -> None:
    with pytest.raises(BadPageToken):
        page_position(SCOPE, token, 1)


def test_a_token_with_another_number_of_parts_is_refused() -> None:
    with pytest.raises(BadPageToken):
        page_position(SCOPE, page_token(SCOPE, ("a", "b")), 1)


@pytest.mark.parametrize(("asked", "size"), [(0, 100), (1, 1), (1000, 1000), (5000, 1000)])
def test_a_page_has_as_many_as_asked_for_up_to_the_limit(asked: int, size: int) -> None:
    assert page_size(asked, usual=100, most=1000) == size
