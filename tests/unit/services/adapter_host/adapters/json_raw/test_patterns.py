"""Entries of a selector match exactly, or by `*`."""

from __future__ import annotations

import pytest

from services.adapter_host.adapters.json_raw.patterns import MAX_TRACES, Patterns


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        ("lodash", "lodash"),
        ("lod*", "lodash"),
        ("*dash", "lodash"),
        ("l*sh", "lodash"),
        ("*", ""),
        ("*", "anything"),
        ("a**b", "ab"),
        ("a*b*c", "a-b-b-c"),
        ("*ab*ab*", "abab"),
    ],
)
def test_an_entry_matches(entry: str, text: str) -> None:
    assert Patterns([entry]).match(text)


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        ("lodash", "Lodash"),
        ("lodash", "lodash-es"),
        ("lod*", "my-lodash"),
        ("a*a", "a"),
        ("*ab*ab*", "aba"),
        ("a*b*c", "a-c-b"),
        ("a.c", "abc"),
    ],
)
def test_an_entry_does_not_match(entry: str, text: str) -> None:
    assert not Patterns([entry]).match(text)


def test_no_entries_match_nothing() -> None:
    assert not Patterns([]).match("")


def test_one_entry_of_several_is_enough() -> None:
    assert Patterns(["x", "y*"]).match_any(["a", "yes"])


def test_many_stars_take_no_time_that_explodes() -> None:
    assert not Patterns(["*a" * 200 + "b"]).match("a" * 100_000)


def test_a_line_without_the_longest_piece_of_any_entry_cannot_match() -> None:
    assert not Patterns(["CVE-2024-*", "GHSA-1"]).may_match_in(b'{"id":"CVE-2023-1"}')


def test_a_piece_is_looked_for_as_canonical_json_spells_it() -> None:
    assert Patterns(['say "hi"']).may_match_in(b'{"name":"say \\"hi\\""}')


@pytest.mark.parametrize("entries", [["*"], [str(number) for number in range(MAX_TRACES + 1)]])
def test_entries_that_tell_nothing_beforehand_may_match_anywhere(entries: list[str]) -> None:
    assert Patterns(entries).may_match_in(b"{}")
