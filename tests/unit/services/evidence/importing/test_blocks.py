"""Blocks of lines: every line once and in order, numbered, bounded, wherever the stream is cut."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from services.evidence.importing.chunks import Block, Oversize, blocks
from services.evidence.importing.limits import MAX_BLOCK_LINES

LIMIT = 20


def lines_of(block: Block) -> list[tuple[int, bytes | Oversize]]:
    if isinstance(block.content, Oversize):
        return [(block.first, block.content)]
    lines = b"".join(block.content).removesuffix(b"\n").split(b"\n")
    assert len(lines) == block.lines
    return list(enumerate(lines, start=block.first))


@settings(deadline=None)
@given(
    st.lists(st.one_of(st.binary(max_size=12), st.just(b"\n"), st.just(b"x" * 15))),
    st.integers(1, 40),
    st.integers(1, 30),
)
def test_lines_come_out_as_they_stand(pieces: list[bytes], chunk: int, size: int) -> None:
    text = b"".join(pieces)
    chunks = iter([text[start : start + chunk] for start in range(0, len(text), chunk)])
    found = [line for block in blocks(chunks, LIMIT, size) for line in lines_of(block)]
    expected = text.split(b"\n")
    if not expected[-1]:
        expected.pop()
    assert [number for number, _ in found] == list(range(1, len(expected) + 1))
    for (_, line), wanted in zip(found, expected, strict=True):
        if len(wanted) > LIMIT:
            assert isinstance(line, Oversize)
            assert line.size == len(wanted)
        else:
            assert line == wanted


def test_a_block_holds_not_too_many_lines_however_short() -> None:
    found = list(blocks(iter([b"{}\n" * 300_000]), 1 << 20))
    counts = [block.lines for block in found]
    assert sum(counts) == 300_000
    assert max(counts) <= 2 * MAX_BLOCK_LINES
