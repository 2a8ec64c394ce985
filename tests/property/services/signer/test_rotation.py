from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.signer.keys import KeyState, KeyVersion, NewKey
from services.signer.rotation import active, may_sign, revoke, rotate, verifies

START = datetime(2024, 1, 1, tzinfo=UTC)
STEPS = st.lists(st.one_of(st.just("rotate"), st.integers(0, 20)), max_size=25)


def after(steps: list[str | int]) -> list[KeyVersion]:
    """Return the versions, oldest first, after rotations and revocations of the n-th, an hour apart."""
    versions: list[KeyVersion] = []
    for number, step in enumerate(["rotate", *steps]):
        moment = START + timedelta(hours=number)
        if isinstance(step, int):
            place = step % len(versions)
            was_active = versions[place].state is KeyState.ACTIVE
            versions[place] = revoke(versions[place], moment)
            if not was_active:
                continue
        change = rotate(versions, NewKey(f"hint-{number}", "", "", f"{number}.key"), moment)
        if change.retired is not None:
            versions[change.retired.version - 1] = change.retired
        versions.append(change.added)
    return versions


@given(STEPS)
def test_one_version_signs_and_it_is_the_newest(steps: list[str | int]) -> None:
    versions = after(steps)
    assert [version for version in versions if version.state is KeyState.ACTIVE] == [versions[-1]]
    assert active(versions) == versions[-1]


@given(STEPS)
def test_versions_count_from_one_and_each_begins_when_the_one_before_has_ended(
    steps: list[str | int],
) -> None:
    versions = after(steps)
    assert [version.version for version in versions] == list(range(1, len(versions) + 1))
    for before, next_one in itertools.pairwise(versions):
        assert before.valid_until == next_one.valid_from


@given(STEPS, st.integers(-1, 30 * 60))
def test_at_any_time_at_most_one_key_verifies_what_was_signed_then(
    steps: list[str | int], minute: int
) -> None:
    moment = START + timedelta(minutes=minute)
    assert sum(verifies(version, moment) for version in after(steps)) == (minute >= 0)


@given(STEPS)
def test_what_may_sign_verifies_what_it_signs(steps: list[str | int]) -> None:
    moment = START + timedelta(days=30)
    for version in after(steps):
        assert not may_sign(version, moment) or verifies(version, moment)
