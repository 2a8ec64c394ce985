"""Checks reading and writing against the published vectors of RFC 8785."""

import csv
import json
import struct
from pathlib import Path

import pytest

from libs.common.canon.canonical import canonical
from libs.common.canon.decode import Reason, Rejected, read
from libs.common.canon.encode import Unencodable, encode

VECTORS = Path(__file__).parents[4] / "golden" / "jcs"
NAMES = sorted(path.stem for path in (VECTORS / "input").iterdir())
NUMBERS = list(csv.DictReader((VECTORS / "numbers.csv").read_text("ascii").splitlines()))


def test_all_vectors_are_there() -> None:
    assert NAMES == ["arrays", "french", "structures", "unicode", "values", "weird"]
    assert len(NUMBERS) == 24


@pytest.mark.parametrize("name", NAMES)
def test_writer_gives_the_published_bytes(name: str) -> None:
    value = json.loads((VECTORS / "input" / f"{name}.json").read_bytes())
    assert (VECTORS / "output" / f"{name}.json").read_bytes() == encode(value)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "values"])
def test_both_ways_of_reading_give_the_published_bytes(name: str) -> None:
    raw = (VECTORS / "input" / f"{name}.json").read_bytes()
    expected = (VECTORS / "output" / f"{name}.json").read_bytes()
    assert (expected, expected) == (canonical(raw)[0], encode(read(raw)))


@pytest.mark.parametrize("name", NAMES)
def test_canonical_bytes_stay_as_they_are(name: str) -> None:
    expected = (VECTORS / "output" / f"{name}.json").read_bytes()
    assert expected == canonical(expected)[0]


def test_number_that_the_scheme_would_round_is_refused() -> None:
    with pytest.raises(Rejected, match=r"333333333\.33333329") as caught:
        canonical((VECTORS / "input" / "values.json").read_bytes())
    assert caught.value.reason == Reason.NUMBER_OUT_OF_RANGE


def test_members_stand_in_the_order_of_utf_16() -> None:
    written, _ = canonical((VECTORS / "rfc-3.2.3-input.json").read_bytes())
    assert list(json.loads(written).values()) == [
        "Carriage Return",
        "One",
        "Control",
        "Latin Small Letter O With Diaeresis",
        "Euro Sign",
        "Emoji: Grinning Face",
        "Hebrew Letter Dalet With Dagesh",
    ]


@pytest.mark.parametrize("row", NUMBERS, ids=[row["ieee754"] for row in NUMBERS])
def test_number_is_spelt_as_in_appendix_b(row: dict[str, str]) -> None:
    (double,) = struct.unpack(">d", bytes.fromhex(row["ieee754"]))
    assert row["canonical"].encode() == encode(double)


@pytest.mark.parametrize("row", NUMBERS, ids=[row["ieee754"] for row in NUMBERS])
def test_canonical_number_is_read_and_written_the_same(row: dict[str, str]) -> None:
    assert row["canonical"].encode() == canonical(row["canonical"].encode())[0]


@pytest.mark.parametrize("double", [float("nan"), float("inf"), float("-inf")])
def test_what_appendix_b_forbids_is_not_written(double: float) -> None:
    with pytest.raises(Unencodable, match="not representable"):
        encode([double])
