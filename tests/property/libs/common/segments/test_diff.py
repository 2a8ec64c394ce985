"""States what holds for every two states: the diff of their segments is that of their records."""

from hypothesis import given
from hypothesis import strategies as st

from libs.common.segments.cut import Record, cut
from libs.common.segments.diff import Added, Difference, Listed, Removed, Updated, diff
from libs.common.segments.plain import plain_digest
from tests.kit.records import made_record

names = st.sampled_from([f"k{number:02d}" for number in range(60)])
states = st.dictionaries(names, st.integers(0, 2), max_size=60)


def listed(state: dict[str, int]) -> list[Listed[list[Record]]]:
    records = [made_record(name, state[name]) for name in sorted(state)]
    return [Listed(segment[0].key, plain_digest(segment), segment) for segment in cut("sbom", records)]


@given(states, states)
def test_diff_is_that_of_two_dictionaries(before: dict[str, int], after: dict[str, int]) -> None:
    expected: list[Difference] = []
    for name in sorted(before.keys() | after.keys()):
        if name not in before:
            expected.append(Added(made_record(name, after[name])))
        elif name not in after:
            expected.append(Removed(made_record(name, before[name])))
        elif before[name] != after[name]:
            expected.append(Updated(made_record(name, before[name]), made_record(name, after[name])))
    assert list(diff(listed(before), listed(after), lambda segment: segment)) == expected
