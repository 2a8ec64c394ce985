"""Resource names."""

from __future__ import annotations

import pytest

from libs.common import names
from libs.common.errors import InvalidField


def test_a_built_name_is_taken_apart_again() -> None:
    assert names.parse("name", names.run_name("acme", "0abc-def01"), "tenants", "runs") == (
        "acme",
        "0abc-def01",
    )


@pytest.mark.parametrize(
    "name",
    [
        "",
        "runs/a",
        "tenants//runs/abcdef",
        "tenants/acme/runs/../x",
        "tenants/acme/profiles/abc",
        "tenants/A/runs/abcdef",
    ],
)
def test_a_name_of_another_form_is_refused(name: str) -> None:
    with pytest.raises(InvalidField):
        names.parse("name", name, "tenants", "runs")


def test_a_bare_id_is_taken_for_the_callers_own_tenant() -> None:
    assert names.last_id("name", "nightly", "acme", "profiles") == "nightly"
    assert names.last_id("name", "tenants/acme/profiles/nightly", "acme", "profiles") == "nightly"


def test_a_name_in_another_tenant_gives_an_id_that_cannot_exist() -> None:
    found = names.last_id("name", "tenants/other/profiles/nightly", "acme", "profiles")
    assert not names.PROFILE.fullmatch(found)
