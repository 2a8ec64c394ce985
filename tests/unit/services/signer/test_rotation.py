from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from services.signer.keys import KeyState, KeyVersion, NewKey
from services.signer.rotation import active, may_sign, revoke, rotate, unused, verifies

START = datetime(2024, 1, 1, tzinfo=UTC)
LATER = START + timedelta(days=30)
BETWEEN = START + timedelta(days=10)


def new_key(name: str) -> NewKey:
    return NewKey(f"hint-{name}", "ecdsa-p256-sha256", "PEM", f"{name}.key")


def version(
    number: int, state: KeyState = KeyState.ACTIVE, valid_until: datetime | None = None
) -> KeyVersion:
    return KeyVersion(number, new_key(str(number)), state, START, valid_until)


ACTIVE = version(1)
RETIRED = version(1, KeyState.RETIRED, LATER)
REVOKED = version(1, KeyState.REVOKED, LATER)


def test_the_first_key_is_version_1_and_replaces_none() -> None:
    rotation = rotate([], new_key("a"), START)
    assert rotation.retired is None
    assert rotation.added == KeyVersion(1, new_key("a"), KeyState.ACTIVE, START, None)


def test_a_rotation_retires_the_active_key_at_the_moment_the_new_one_begins() -> None:
    rotation = rotate([ACTIVE], new_key("b"), LATER)
    assert rotation.retired == RETIRED
    assert (rotation.added.version, rotation.added.valid_from) == (2, LATER)


def test_a_rotation_after_a_revocation_replaces_none_and_counts_on() -> None:
    rotation = rotate([REVOKED], new_key("b"), LATER)
    assert rotation.retired is None
    assert rotation.added.version == 2


def test_the_active_version_is_found_among_others() -> None:
    assert active([version(2), RETIRED]) == version(2)
    assert active([RETIRED, REVOKED]) is None


@pytest.mark.parametrize("key", [RETIRED, REVOKED])
def test_a_retired_or_revoked_key_signs_nothing(key: KeyVersion) -> None:
    assert not may_sign(key, BETWEEN)


def test_an_active_key_signs_from_its_first_moment_on() -> None:
    assert may_sign(ACTIVE, START)
    assert not may_sign(ACTIVE, START - timedelta(microseconds=1))


def test_an_active_key_verifies() -> None:
    assert verifies(ACTIVE, LATER)
    assert verifies(ACTIVE, None)


def test_a_retired_key_verifies_what_it_signed() -> None:
    assert verifies(RETIRED, BETWEEN)
    assert verifies(RETIRED, None)


def test_a_retired_key_does_not_verify_what_is_said_to_be_signed_after_its_end() -> None:
    assert not verifies(RETIRED, LATER)


def test_a_revoked_key_verifies_only_what_it_is_known_to_have_signed_before() -> None:
    assert verifies(REVOKED, BETWEEN)
    assert not verifies(REVOKED, LATER)
    assert not verifies(REVOKED, None)


def test_nothing_verifies_that_was_signed_before_the_key_began() -> None:
    assert not verifies(ACTIVE, START - timedelta(microseconds=1))


def test_a_revocation_ends_an_active_key_now() -> None:
    assert revoke(ACTIVE, LATER) == REVOKED


def test_a_revocation_leaves_the_end_of_a_retired_key() -> None:
    assert revoke(RETIRED, LATER + timedelta(days=1)) == REVOKED


def test_a_second_revocation_changes_nothing() -> None:
    assert revoke(REVOKED, LATER + timedelta(days=1)) == REVOKED


def test_candidates_are_the_keys_that_never_were_a_version() -> None:
    assert unused(("1.key", "cosign.key", "z.key"), [ACTIVE]) == ("cosign.key", "z.key")
