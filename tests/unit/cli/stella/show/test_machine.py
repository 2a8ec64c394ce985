"""Rules of what machines are given: it means the same, and a terminal that shows it is not steered."""

from __future__ import annotations

import json

import pytest
import yaml

from cli.stella.show.machine import to_json, to_yaml

HOSTILE = ["\x1b[2J", "\x9b2J", "\x7f", "\u202e", "\u2066", "\u200b", "\u2028", "\ufeff", "\x07"]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize(("write", "read"), [(to_json, json.loads), (to_yaml, yaml.safe_load)])
def test_what_steers_a_terminal_is_escaped_and_comes_back(write: object, read: object, text: str) -> None:
    written = write({"name": f"größe{text}"})  # type: ignore[operator] # one of two functions
    assert text not in written
    assert read(written) == {"name": f"größe{text}"}  # type: ignore[operator] # one of two functions


def test_letters_of_any_script_stay_as_they_are() -> None:
    assert "größe 한" in to_json({"name": "größe 한"})
