"""Settings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from libs.common.settings import BadSetting, load, read_secret, setting


@dataclass(frozen=True, kw_only=True)
class Example:
    url: str = setting("A URL.")
    size: int = setting("A size.", default=3, low=1, high=9)
    loud: bool = setting("A switch.", default=False)


def test_defaults_hold_where_nothing_is_set() -> None:
    assert load(Example, {"EXPORT_URL": "u"}) == Example(url="u", size=3, loud=False)


def test_values_are_converted() -> None:
    read = load(Example, {"EXPORT_URL": "u", "EXPORT_SIZE": "9", "EXPORT_LOUD": "true"})
    assert read == Example(url="u", size=9, loud=True)


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"EXPORT_URL": "u", "EXPORT_SIZE": "10"},
        {"EXPORT_URL": "u", "EXPORT_SIZE": "x"},
        {"EXPORT_URL": "u", "EXPORT_LOUD": "1"},
    ],
)
def test_a_bad_setting_is_named(environment: dict[str, str]) -> None:
    with pytest.raises(BadSetting, match="EXPORT_"):
        load(Example, environment)


def test_a_secret_file_that_is_missing_names_the_setting(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="EXPORT_PASSWORD_FILE"):
        read_secret("password_file", str(tmp_path / "none"))
