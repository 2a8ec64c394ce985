"""Every range of the computed tar equals the slice of the whole, and no spoiled tar passes for the whole."""

from __future__ import annotations

import io
import itertools
import tarfile

from hypothesis import given, settings
from hypothesis import strategies as st

from libs.common.bundle.faults import BadArchive
from libs.common.bundle.tar import FileRange, Literal, TarLayout, read_members
from tests.kit import bundles

FILES = st.dictionaries(
    st.from_regex(r"[a-z]{1,3}-(/[0-9]{1,3}-){0,2}x{0,90}", fullmatch=True).filter(
        lambda path: len(path) < 190
    ),
    st.binary(max_size=1600),
    max_size=6,
).filter(lambda files: not any(other.startswith(f"{path}/") for path in files for other in files))


def whole_tar(files: dict[str, bytes]) -> bytes:
    """Return the tar as Python's own module writes it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path, data in sorted(files.items()):
            info = tarfile.TarInfo(path)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()[: archive.offset]


@settings(deadline=None)
@given(files=FILES, data=st.data())
def test_every_range_equals_the_slice_of_the_whole(files: dict[str, bytes], data: st.DataObject) -> None:
    ordered = sorted(files.items())
    layout = TarLayout([(path, len(content)) for path, content in ordered])
    whole = bundles.tar_of(files)
    start = data.draw(st.integers(0, layout.size))
    length = data.draw(st.integers(0, layout.size - start))
    joined = b""
    for piece in layout.plan(start, length):
        if isinstance(piece, FileRange):
            joined += ordered[piece.file][1][piece.offset : piece.offset + piece.length]
        else:
            joined += piece.data
    assert joined == whole[start : start + length]


@settings(deadline=None)
@given(files=FILES)
def test_pieces_are_not_empty_and_alternate(files: dict[str, bytes]) -> None:
    layout = TarLayout([(path, len(content)) for path, content in sorted(files.items())])
    pieces = layout.plan(0, layout.size)
    kinds = [isinstance(piece, Literal) for piece in pieces]
    assert all(piece.data if isinstance(piece, Literal) else piece.length for piece in pieces)
    assert all(one or other for one, other in itertools.pairwise(kinds))


@settings(deadline=None)
@given(files=FILES)
def test_it_is_the_tar_that_python_writes(files: dict[str, bytes]) -> None:
    assert bundles.tar_of(files) == whole_tar(files)


@settings(deadline=None)
@given(files=FILES)
def test_what_was_laid_out_is_read(files: dict[str, bytes]) -> None:
    stream = io.BytesIO(bundles.tar_of(files))
    assert {member.path: b"".join(member.contents) for member in read_members(stream)} == files


@settings(deadline=None)
@given(files=FILES, data=st.data())
def test_a_changed_byte_is_refused_or_lies_in_contents(files: dict[str, bytes], data: st.DataObject) -> None:
    archive = bytearray(bundles.tar_of(files))
    position = data.draw(st.integers(0, len(archive) - 1))
    archive[position] ^= 1 << data.draw(st.integers(0, 7))
    try:
        read = {member.path: b"".join(member.contents) for member in read_members(io.BytesIO(archive))}
    except BadArchive:
        return
    assert {path: len(content) for path, content in read.items()} == {
        path: len(content) for path, content in files.items()
    }
    assert read != files
