"""Rules of the computed tar, and of reading one as hostile input."""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from libs.common.bundle import tar
from libs.common.bundle.faults import BadArchive, BadPath
from tests.kit import bundles

LONG = "data/" + "d" * 64 + "/" + "n" * 80
FILES = {"a/empty": b"", "a/full": b"x" * 512, "b": b"y" * 513, LONG: b"z", "z": b"w" * 5000}
TAR = bundles.tar_of(FILES)


def read(archive: bytes) -> dict[str, bytes]:
    return {member.path: b"".join(member.contents) for member in tar.read_members(io.BytesIO(archive))}


def with_header(change: Callable[[tarfile.TarInfo], None]) -> bytes:
    """Return a tar of one file whose header another program wrote."""
    info = tarfile.TarInfo("file")
    info.mode, info.size = 0o644, 3
    change(info)
    block = info.tobuf(tarfile.USTAR_FORMAT)
    return block + b"abc".ljust(512, b"\0") + bytes(1024)


def spoil(start: int, new: bytes, sealed: bool = True) -> bytes:
    """Return the tar with other bytes in its first header, whose checksum is made right again."""
    block = bytearray(TAR[:512])
    block[start : start + len(new)] = new
    if sealed:
        block[148:156] = b" " * 8
        block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block) + TAR[512:]


def test_headers_are_those_that_python_writes() -> None:
    for path, size in (("a", 0), ("b", 123), (LONG, tar.MAX_FILE_BYTES)):
        info = tarfile.TarInfo(path)
        info.size = size
        assert tar.header(path, size) == info.tobuf(tarfile.USTAR_FORMAT)


def test_the_length_is_headers_padded_contents_and_two_blocks() -> None:
    sizes = [len(data) for data in FILES.values()]
    expected = sum(512 + -(-size // 512) * 512 for size in sizes) + 1024
    layout = tar.TarLayout([(path, len(data)) for path, data in sorted(FILES.items())])
    assert (layout.size, len(TAR), layout.size % 512) == (expected, expected, 0)


def test_no_files_make_two_blocks() -> None:
    assert bundles.tar_of({}) == bytes(1024)


def test_python_reads_it() -> None:
    with tarfile.open(fileobj=io.BytesIO(TAR)) as archive:
        members = archive.getmembers()
        found = {member.name: archive.extractfile(member).read() for member in members}  # type: ignore[union-attr] # files only
    assert found == FILES
    assert {(member.mode, member.uid, member.gid, member.mtime, member.uname) for member in members} == {
        (0o644, 0, 0, 0, "")
    }


def test_gnu_tar_reads_it(tmp_path: Path) -> None:
    if shutil.which("tar") is None:
        pytest.skip("tar is needed; install the package of this name")
    (tmp_path / "bundle.tar").write_bytes(TAR)
    subprocess.run(["tar", "-xf", "bundle.tar"], cwd=tmp_path, check=True, capture_output=True, timeout=30)
    assert {path: (tmp_path / path).read_bytes() for path in FILES} == FILES


def test_a_range_beyond_the_end_is_refused() -> None:
    layout = tar.TarLayout([("a", 1)])
    with pytest.raises(ValueError, match="not within"):
        layout.plan(layout.size - 1, 2)


def test_a_plan_names_no_more_of_a_file_than_is_asked_for() -> None:
    layout = tar.TarLayout([("a", 10), ("b", 10)])
    assert layout.plan(512 + 3, 4) == [tar.FileRange(0, 3, 4)]
    assert layout.plan(512, 1024 + 10)[::2] == [tar.FileRange(0, 0, 10), tar.FileRange(1, 0, 10)]


def test_unsorted_files_make_no_tar() -> None:
    with pytest.raises(BadPath, match="ascend"):
        tar.TarLayout([("b", 1), ("a", 1)])


@pytest.mark.parametrize("size", [-1, tar.MAX_FILE_BYTES + 1])
def test_a_size_that_no_header_states_makes_no_tar(size: int) -> None:
    with pytest.raises(BadArchive, match="0 to"):
        tar.TarLayout([("a", size)])


def test_its_own_tar_is_read() -> None:
    assert read(TAR) == FILES


def test_members_may_be_passed_over_unread() -> None:
    offsets = {member.path: member.offset for member in tar.read_members(io.BytesIO(TAR))}
    assert {path: TAR[start : start + len(FILES[path])] for path, start in offsets.items()} == FILES


def test_a_stream_that_cannot_seek_is_read() -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def seek(self, offset: int, whence: int = 0, /) -> int:
            raise io.UnsupportedOperation(str((offset, whence)))

    assert [member.path for member in tar.read_members(Pipe(TAR))] == sorted(FILES)


def change_name(name: str) -> Callable[[tarfile.TarInfo], None]:
    return lambda info: setattr(info, "name", name)


def change_type(kind: bytes) -> Callable[[tarfile.TarInfo], None]:
    return lambda info: setattr(info, "type", kind)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (change_name("/etc/passwd"), "empty"),
        (change_name("../file"), r"`\.\.`"),
        (change_name("a/../file"), r"`\.\.`"),
        (change_name("./file"), r"`\.`"),
        (change_name("a b"), "letters"),
        (change_name("größe"), "letters"),
        (change_type(tarfile.LNKTYPE), "a hard link"),
        (change_type(tarfile.SYMTYPE), "a symbolic link"),
        (change_type(tarfile.CHRTYPE), "a character device"),
        (change_type(tarfile.BLKTYPE), "a block device"),
        (change_type(tarfile.DIRTYPE), "a folder"),
        (change_type(tarfile.FIFOTYPE), "a pipe"),
        (change_type(tarfile.XHDTYPE), "a pax header"),
        (change_type(tarfile.XGLTYPE), "a global pax header"),
        (change_type(tarfile.GNUTYPE_LONGNAME), "a GNU long name"),
        (change_type(tarfile.GNUTYPE_LONGLINK), "a GNU long link"),
        (change_type(tarfile.GNUTYPE_SPARSE), "a GNU sparse file"),
        (change_type(b"Q"), "unknown type"),
        (change_type(tarfile.AREGTYPE), "unknown type"),
        (lambda info: setattr(info, "mtime", 1), "mtime"),
        (lambda info: setattr(info, "uid", 1), "owner"),
        (lambda info: setattr(info, "gid", 1), "group"),
        (lambda info: setattr(info, "mode", 0o755), "mode"),
        (lambda info: setattr(info, "uname", "root"), "owner's name"),
        (lambda info: setattr(info, "linkname", "x"), "link target"),
    ],
)
def test_what_another_program_may_write_is_refused(
    change: Callable[[tarfile.TarInfo], None], reason: str
) -> None:
    with pytest.raises(BadArchive, match=reason):
        read(with_header(change))


@pytest.mark.parametrize(
    ("archive", "reason"),
    [
        (spoil(124, b"\x80" + bytes(11)), "octal"),
        (spoil(124, b"-0000000001\0"), "octal"),
        (spoil(124, b"00000000 00\0"), "octal"),
        (spoil(257, b"ustar  \0"), "magic"),
        (spoil(50, b"x"), "name"),
        (spoil(0, bytes(100)), "1 to 255 characters"),
        (spoil(345, b".."), r"`\.\.`"),
        (spoil(0, b"x", sealed=False), "checksum"),
        (spoil(124, b"00000000001\0"), "padding|checksum"),
        (spoil(124, b"77777777777\0"), "ends in the middle"),
    ],
)
def test_a_header_that_lies_is_refused(archive: bytes, reason: str) -> None:
    with pytest.raises(BadArchive, match=reason):
        read(archive)


@pytest.mark.parametrize("length", [0, 1, 511, 512, 700, len(TAR) - 1024, len(TAR) - 512, len(TAR) - 1])
def test_a_cut_archive_is_refused(length: int) -> None:
    with pytest.raises(BadArchive, match="ends in the middle"):
        read(TAR[:length])


@pytest.mark.parametrize("surplus", [b"\0", bytes(512), bytes(9216), TAR])
def test_anything_after_the_end_is_refused(surplus: bytes) -> None:
    with pytest.raises(BadArchive, match="follows the end"):
        read(TAR + surplus)


def test_one_zero_block_is_no_end() -> None:
    with pytest.raises(BadArchive, match="one zero block"):
        read(bytes(512) + TAR)


@pytest.mark.parametrize("paths", [("a", "a"), ("b", "a"), ("a", "a/b"), ("A", "a")])
def test_members_that_clash_are_refused(paths: tuple[str, str]) -> None:
    blocks = b"".join(tar.header(path, 0) for path in paths)
    with pytest.raises(BadArchive):
        read(blocks + bytes(1024))


class Endless(io.RawIOBase):
    """Gives out blocks without end, and counts what was taken."""

    def __init__(self, block: Callable[[int], bytes]) -> None:
        super().__init__()
        self._block = block
        self.blocks = 0

    def read(self, size: int = -1, /) -> bytes:
        assert size <= tar.READ_BYTES
        self.blocks += 1
        return self._block(self.blocks)[:size]


def test_members_without_end_are_refused() -> None:
    stream = Endless(lambda number: tar.header(f"{number:09}", 0))
    with pytest.raises(BadArchive, match="at most 100000 files"):
        list(tar.read_members(stream))
    assert stream.blocks == 100_001


def test_contents_without_end_are_refused() -> None:
    largest = tar.MAX_FILE_BYTES + 1 - 512
    headers = (tar.header(f"{number:09}", largest) for number in range(1000))

    class Sparse(Endless):
        def seekable(self) -> bool:
            return True

        def seek(self, offset: int, whence: int = 0, /) -> int:
            return offset + whence

    stream = Sparse(lambda _: next(headers))
    with pytest.raises(BadArchive, match="goes on beyond"):
        list(tar.read_members(stream))
    assert stream.blocks == 129
