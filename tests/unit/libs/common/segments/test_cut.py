"""States where segments and parts begin, one rule a test."""

import hashlib

import pytest

from libs.common.segments.cut import (
    HARD_CAP_BYTES,
    HARD_CAP_RECORDS,
    HARD_CAPS,
    PART_EXTRA_BITS,
    SEGMENT_BITS,
    Caps,
    KeysOutOfOrder,
    UnknownKind,
    boundary_bits,
    cut,
    is_part_start,
    is_same_content,
    is_segment_start,
    part_name,
)
from tests.kit.records import keys, made_record


def zero_bits(key: str) -> int:
    bits = bin(int(hashlib.sha256(key.encode()).hexdigest()[:16], 16))
    return len(bits) - len(bits.rstrip("0"))


def test_sizes_are_those_that_are_decided() -> None:
    assert dict(SEGMENT_BITS) == {"advisory": 9, "vex": 4, "sbom": 3, "finding": 4}
    assert PART_EXTRA_BITS == 5
    assert Caps(8 * 1024 * 1024, 65_536) == HARD_CAPS == Caps(HARD_CAP_BYTES, HARD_CAP_RECORDS)


@pytest.mark.parametrize("number", range(200))
def test_boundary_bits_are_the_zero_bits_that_end_the_hash(number: int) -> None:
    key = f"CVE-2024-{number:04d}"
    assert boundary_bits(key.encode()) == zero_bits(key)


def test_segment_starts_at_a_key_with_enough_bits() -> None:
    for number in range(5000):
        key = f"CVE-2024-{number:04d}"
        assert is_segment_start("advisory", key.encode()) == (zero_bits(key) >= 9)
        assert is_segment_start("vex", key.encode()) == (zero_bits(key) >= 4)


def test_part_starts_at_a_segment_start_with_five_bits_more() -> None:
    for number in range(5000):
        key = f"CVE-2024-{number:04d}"
        assert is_part_start("sbom", key.encode()) == (zero_bits(key) >= 8)


def test_part_is_named_by_the_hash_of_its_first_key() -> None:
    assert part_name(b"abc") == "part-ba7816bf8f01cfea"


def test_unknown_kind_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UnknownKind, match="advisory, vex, sbom, finding"):
        is_segment_start("policy", b"a")


def test_nothing_gives_no_segment() -> None:
    assert list(cut("vex", [])) == []


def test_segments_begin_at_their_keys_and_hold_everything() -> None:
    records = [made_record(f"CVE-2024-{number:04d}") for number in range(1000)]
    segments = list(cut("vex", records))
    assert [record for segment in segments for record in segment] == records
    assert all(boundary_bits(segment[0].key) >= 4 for segment in segments[1:])
    assert all(boundary_bits(record.key) < 4 for segment in segments for record in segment[1:])


def quiet_keys(count: int) -> list[str]:
    """Return keys at which no segment begins."""
    return [
        key for key in (f"k{number:05d}" for number in range(2 * count)) if boundary_bits(key.encode()) < 3
    ][:count]


def test_cap_cuts_before_the_record_that_would_pass_it() -> None:
    size = len(made_record("k00000").document) + 1
    names = quiet_keys(7)
    segments = cut("sbom", map(made_record, names), Caps(plain_bytes=3 * size))
    assert keys(segments) == [names[:3], names[3:6], names[6:]]


def test_single_record_beyond_the_cap_is_a_segment_of_its_own() -> None:
    names = quiet_keys(3)
    records = [made_record(names[0]), made_record(names[1], size=1000), made_record(names[2])]
    assert keys(cut("sbom", records, Caps(plain_bytes=100))) == [[name] for name in names]


def test_long_sources_are_capped_too() -> None:
    names = quiet_keys(4)
    records = [made_record(name)._replace(document=b"{}", source=b"s" * 60) for name in names]
    assert keys(cut("sbom", records, Caps(plain_bytes=125))) == [names[:2], names[2:]]


def test_many_tiny_records_are_capped_by_number() -> None:
    names = quiet_keys(5)
    assert keys(cut("sbom", map(made_record, names), Caps(records=2))) == [names[:2], names[2:4], names[4:]]


def test_caps_count_from_the_key_where_the_run_begins() -> None:
    start = next(
        key for key in (f"j{number:05d}" for number in range(99)) if boundary_bits(key.encode()) >= 3
    )
    names = quiet_keys(4)
    lone = next(key for key in (f"i{number:05d}" for number in range(99)) if boundary_bits(key.encode()) < 3)
    caps = Caps(records=3)
    with_more_before = list(cut("sbom", map(made_record, [lone, start, *names]), caps))
    assert with_more_before[1:] == list(cut("sbom", map(made_record, [start, *names]), caps))


@pytest.mark.parametrize("names", [["b", "a"], ["a", "a"]])
def test_keys_that_do_not_ascend_are_refused(names: list[str]) -> None:
    with pytest.raises(KeysOutOfOrder, match="Sort by key"):
        list(cut("vex", map(made_record, names)))


def test_order_is_checked_across_segments() -> None:
    start = next(key for key in (f"z{number}" for number in range(99)) if boundary_bits(key.encode()) >= 3)
    with pytest.raises(KeysOutOfOrder):
        list(cut("sbom", map(made_record, ["zz", start])))


def test_records_are_the_same_when_document_and_source_are() -> None:
    record = made_record("a")
    assert is_same_content(record, record._replace(ledger=b"x", stated_time=1))
    assert not is_same_content(record, record._replace(document=b"{}"))
    assert not is_same_content(record, record._replace(source=b"{}"))
