"""Proves that made-up evidence is the same at any scale and has the measured shapes."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import zstandard

from benchmarks.made_up import Made, day, record, records, touched, write
from benchmarks.shapes.catalogue import SOURCES
from benchmarks.shapes.subject import ZERO_TIME, Change
from services.evidence.importing.formats import recognise

SAMPLE = 6_000


@pytest.fixture(scope="module")
def sample() -> list[Made]:
    return list(records(0, SAMPLE, SAMPLE))


def _lines(folder: Path) -> Iterator[bytes]:
    for path in sorted(folder.rglob("*.jsonl.zst")):
        with path.open("rb") as file:
            reader = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)
            yield from reader.read().splitlines()


def test_a_record_is_the_same_at_any_scale(tmp_path: Path) -> None:
    write(tmp_path / "small", 400, processes=1)
    write(tmp_path / "large", 1_200, processes=2)
    assert set(_lines(tmp_path / "small")) < set(_lines(tmp_path / "large"))


def test_packs_are_the_same_with_any_number_of_processes(tmp_path: Path) -> None:
    for processes in (1, 2):
        write(tmp_path / str(processes), 600, processes=processes)
    packs = {path.relative_to(tmp_path / "1"): path.read_bytes() for path in (tmp_path / "1").rglob("*.zst")}
    assert packs == {
        path.relative_to(tmp_path / "2"): path.read_bytes() for path in (tmp_path / "2").rglob("*.zst")
    }


def test_every_record_is_json_that_the_importer_recognises(sample: list[Made]) -> None:
    unknown = [made.identity for made in sample if recognise(json.loads(made.document)) is None]
    assert unknown == []


def test_no_member_stands_twice(sample: list[Made]) -> None:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len({name for name, _ in pairs}) == len(pairs)
        return dict(pairs)

    for made in sample[:3_000]:
        json.loads(made.document, object_pairs_hook=once)


def test_ids_are_unique_within_a_source(sample: list[Made]) -> None:
    assert len({(made.source.name, made.identity) for made in sample}) == len(sample)


def test_kinds_have_the_shares_of_the_real_packs(sample: list[Made]) -> None:
    total = sum(source.weight for source in SOURCES)
    counts = Counter(made.source.name for made in sample)
    for source in SOURCES:
        expected = source.weight / total * len(sample)
        assert abs(counts[source.name] - expected) < 4 * expected**0.5 + 1


def test_sizes_have_the_measured_percentiles(sample: list[Made]) -> None:
    found = defaultdict(list)
    for made in sample:
        found[made.source.name].append(len(made.document))
    for source in SOURCES:
        made_sizes = sorted(found[source.name])
        if len(made_sizes) < 300:
            continue
        for share in (0.5, 0.9):
            ratio = made_sizes[int(len(made_sizes) * share)] / source.sizes.at(share)
            assert 0.7 < ratio < 1.45, (source.name, share, ratio)


def test_a_record_is_ten_kilobytes_in_the_mean(sample: list[Made]) -> None:
    assert 8_000 < sum(len(made.document) for made in sample) / len(sample) < 13_000


def test_text_is_ascii_but_for_one_record_in_forty(sample: list[Made]) -> None:
    assert 0.965 < sum(made.document.isascii() for made in sample) / len(sample) < 0.985


def test_the_most_popular_package_has_seven_in_a_hundred_advisories(sample: list[Made]) -> None:
    names: Counter[str] = Counter()
    for made in sample:
        if made.source.name == "osv-bitnami":
            names[json.loads(made.document)["affected"][0]["package"]["name"]] += 1
    assert 0.05 < names.most_common(1)[0][1] / names.total() < 0.09


def test_one_alias_in_seven_is_shared() -> None:
    aliases: Counter[str] = Counter()
    for made in records(0, 10_000, 10_000):
        if made.source.name.startswith("osv-"):
            aliases.update(a for a in json.loads(made.document).get("aliases", ()) if a.startswith("CVE-"))
    shared = sum(count > 1 for count in aliases.values()) / len(aliases)
    assert 0.1 < shared < 0.18


def test_one_osv_time_in_eight_is_unset(sample: list[Made]) -> None:
    osv = [json.loads(made.document) for made in sample if made.source.name.startswith("osv-")]
    assert 0.1 < sum(document["modified"] == ZERO_TIME for document in osv) / len(osv) < 0.2


def test_a_change_touches_times_and_references_alone() -> None:
    for number in range(1_500):
        before, after = record(number, Change()), record(number, Change(days=3, references=1))
        if not before.source.name.startswith("osv-"):
            continue
        old, new = msgspec.json.decode(before.document), msgspec.json.decode(after.document)
        assert new.pop("references")[:-1] == old.pop("references")
        old.pop("modified"), new.pop("modified")
        assert old == new


def test_a_day_brings_the_measured_share_of_new_and_changed_records() -> None:
    count = 20_000
    made = list(day(count, 1))
    names = {made.identity for made in records(0, count, count)}
    new = [each for each in made if each.identity not in names]
    assert len(new) == count * 5 // 1000
    assert 0.007 * count < len(made) - len(new) < 0.014 * count


def test_a_day_is_what_tells_two_days_apart() -> None:
    count = 3_000
    before = {made.identity: made.document for made in records(0, count * 2, count, 1)}
    after = {made.identity: made.document for made in records(0, count * 2, count, 2)}
    changed = {made.identity: made.document for made in day(count, 2)}
    assert {name: text for name, text in after.items() if before.get(name) != text} == changed


def test_on_one_day_a_whole_ecosystem_is_stamped_anew() -> None:
    stamped = Counter(made.source.name for made in day(1_000, 7))
    assert stamped["osv-bitnami"] > 150
    assert stamped["osv-go"] < 20


def test_the_touched_are_the_share_that_was_asked_for() -> None:
    assert 10 < len(list(touched(0, 20_000, 0.001))) < 35
