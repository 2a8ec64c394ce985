"""The key of a record: its own id, its path, or both, and never one that cannot be used."""

from __future__ import annotations

import pytest

from services.evidence.importing.keys import NoKey, key_of


@pytest.mark.parametrize(
    ("mode", "own_id", "expected"),
    [
        ("", "ID-1", b"ID-1"),
        ("", "", b"a/b.json"),
        ("id", "ID-1", b"ID-1"),
        ("path", "ID-1", b"a/b.json"),
        ("id+path", "ID-1", b"ID-1@a/b.json"),
        ("", "ид", "ид".encode()),
    ],
)
def test_the_mode_says_what_the_key_is(mode: str, own_id: str, expected: bytes) -> None:
    assert key_of(mode, own_id, "a/b.json") == expected


@pytest.mark.parametrize(
    ("mode", "own_id", "reason"),
    [
        ("id", "", "no-id"),
        ("id+path", "", "no-id"),
        ("", "x" * 1025, "key-too-long"),
        ("", "é" * 513, "key-too-long"),
        ("", "a\nb", "bad-key"),
        ("", "a\0", "bad-key"),
    ],
)
def test_a_key_that_cannot_be_used_is_refused(mode: str, own_id: str, reason: str) -> None:
    with pytest.raises(NoKey) as caught:
        key_of(mode, own_id, "a/b.json")
    assert caught.value.reason == reason
    assert "--" in str(caught.value)
