"""Containers: everything is opened down to single documents, hostile ones are refused within limits."""

from __future__ import annotations

import gzip
import struct
import tarfile
import zipfile
from collections.abc import Callable

import pytest

from libs.common.errors import BadArchive, InvalidField, TooLarge
from services.evidence.importing import limits
from services.evidence.importing.documents import Document
from services.evidence.importing.incoming import files
from services.evidence.importing.limits import Budget
from services.evidence.values import Refused
from tests.kit.evidence import opened, tarred, zipped, zstd

TWO = {"GO-1.json": b'{"a":1}', "sub/GO-2.json": b'{"b":2}'}
PACK: dict[str, Callable[[bytes], bytes]] = {"": bytes, ".gz": gzip.compress, ".zst": zstd}
LINES = b'{"a":1}\n\n{"b":2}\n \n{"c":3}'


def contents(entries: list[Document | Refused]) -> list[tuple[str, str, int, bytes]]:
    documents = [entry for entry in entries if isinstance(entry, Document)]
    assert len(documents) == len(entries)
    return [(entry.location, entry.path, entry.line, entry.raw) for entry in documents]


@pytest.mark.parametrize("chunk", [1, 3, 1 << 20])
@pytest.mark.parametrize("ending", ["", ".gz", ".zst"])
@pytest.mark.parametrize(
    "form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT], ids=["ustar", "gnu", "pax"]
)
def test_a_tar_gives_its_files(form: int, ending: str, chunk: int) -> None:
    found = opened({f"feed.tar{ending}": PACK[ending](tarred(TWO, form))}, chunk=chunk)
    assert contents(found) == [
        (f"feed.tar{ending}!GO-1.json", "GO-1.json", 0, b'{"a":1}'),
        (f"feed.tar{ending}!sub/GO-2.json", "sub/GO-2.json", 0, b'{"b":2}'),
    ]


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_zip_gives_its_files(compression: int) -> None:
    assert contents(opened({"feed.zip": zipped(TWO, compression)}, chunk=7)) == [
        ("feed.zip!GO-1.json", "GO-1.json", 0, b'{"a":1}'),
        ("feed.zip!sub/GO-2.json", "sub/GO-2.json", 0, b'{"b":2}'),
    ]


@pytest.mark.parametrize("chunk", [1, 2, 5, 100])
@pytest.mark.parametrize("ending", ["", ".gz", ".zst"])
def test_lines_are_split_on_line_feeds_and_blank_ones_are_no_documents(ending: str, chunk: int) -> None:
    name = f"feed.jsonl{ending}"
    assert contents(opened({name: PACK[ending](LINES)}, chunk=chunk)) == [
        (name, name, 1, b'{"a":1}'),
        (name, name, 3, b'{"b":2}'),
        (name, name, 5, b'{"c":3}'),
    ]


def test_lines_are_not_split_on_anything_else() -> None:
    line = '{"a":"\u2028\u0085"}\r'.encode()
    assert [entry[3] for entry in contents(opened({"feed.jsonl": line + b"\n"}))] == [line]


def test_long_names_are_read_in_both_extensions_of_tar() -> None:
    name = "d/" * 100 + "é" * 60 + ".json"
    for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        assert contents(opened({"a.tar": tarred({name: b"1"}, form)}))[0][1] == name


def test_files_frames_and_members_may_follow_one_another() -> None:
    found = opened(
        {
            "a.json.gz": gzip.compress(b"[1,") + gzip.compress(b"2]"),
            "b.json.zst": zstd(b"[3,") + zstd(b"4]"),
            "c.json": b"[5]",
            "empty.json": b"",
        },
        chunk=3,
    )
    assert [entry[3] for entry in contents(found)] == [b"[1,2]", b"[3,4]", b"[5]", b""]


def test_accessories_links_and_folders_are_passed_over() -> None:
    archive = tarred(TWO | {"GO-1.json.asc": b"signature", "README.md": b"text"})
    assert len(opened({"a.tar": archive, "SHA256SUMS.txt": b"x"})) == len(TWO)
    link = tarfile.TarInfo("link.json")
    link.type = tarfile.SYMTYPE
    link.linkname = "/etc/passwd"
    folder = tarfile.TarInfo("folder")
    folder.type = tarfile.DIRTYPE
    assert opened({"a.tar": link.tobuf() + folder.tobuf() + bytes(1024)}) == []


def test_an_archive_in_an_archive_is_opened_and_a_third_is_put_aside() -> None:
    inner = zipped(TWO)
    middle = tarred({"inner.zip": inner})
    assert [entry[0] for entry in contents(opened({"middle.tar": middle}))] == [
        "middle.tar!inner.zip!GO-1.json",
        "middle.tar!inner.zip!sub/GO-2.json",
    ]
    (refused,) = opened({"outer.zip": zipped({"middle.tar": middle})})
    assert isinstance(refused, Refused)
    assert (refused.location, refused.reason) == ("outer.zip!middle.tar!inner.zip", "nested-too-deep")


def test_hostile_names_are_only_locations() -> None:
    found = opened({"a.zip": zipped({"../../etc/x.json": b"1", "/abs.json": b"2"})})
    assert [entry[0] for entry in contents(found)] == ["a.zip!../../etc/x.json", "a.zip!abs.json"]


def test_sources_follow_what_holds_the_documents() -> None:
    found = opened(
        {
            "Feeds/one.json": b"1",
            "advisories/osv-go.jsonl": b"1",
            "all.zip": zipped({"deep/a.json": b"1", "packs/kev.jsonl": b"1"}),
        }
    )
    assert [entry.source for entry in found] == ["feeds", "osv-go", "all", "kev"]
    assert [entry.source for entry in opened({"x.jsonl": b"1\n2", "y.json": b"1"}, "mine")] == ["mine"] * 3


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.zip", b"not a zip"),
        ("a.zip", zipped(TWO)[:-30]),
        ("a.zip", b""),
        ("a.tar", b"x" * 2000),
        ("a.tar", tarred(TWO)[:700]),
        ("a.tar", tarred(TWO)[:515]),
        ("a.tar.gz", gzip.compress(tarred(TWO))[:-20]),
        ("a.json.gz", b"not gzip"),
        ("a.json.gz", gzip.compress(b"1") + b"rest"),
        ("a.json.zst", b"not zstd"),
        ("a.json.zst", zstd(b"x" * 5000)[:-5]),
        ("a.json.zst", zstd(b"1") + b"rest of it"),
    ],
)
def test_what_cannot_be_read_to_its_end_stops_the_import(name: str, content: bytes) -> None:
    with pytest.raises(BadArchive) as caught:
        opened({name: content})
    assert caught.value.details["location"].startswith(name)


def test_a_damaged_member_of_a_zip_is_named() -> None:
    archive = bytearray(zipped({"a.json": b"x" * 200}, zipfile.ZIP_STORED))
    archive[60] ^= 1
    with pytest.raises(BadArchive) as caught:
        opened({"a.zip": bytes(archive)})
    assert caught.value.details["location"] == "a.zip!a.json"


@pytest.mark.parametrize(("offset", "value"), [(8, 1), (10, 12)], ids=["encrypted", "bzip2"])
def test_a_zip_member_that_cannot_be_unpacked_is_named(offset: int, value: int) -> None:
    archive = bytearray(zipped({"a.json": b"1"}))
    directory = archive.index(b"PK\x01\x02")
    struct.pack_into("<H", archive, directory + offset, value)
    with pytest.raises(BadArchive) as caught:
        opened({"a.zip": bytes(archive)})
    assert caught.value.details["location"] == "a.zip!a.json"


@pytest.mark.parametrize("ending", ["gz", "zst"])
def test_a_bomb_stops_the_import(ending: str) -> None:
    plain = bytes(300 << 20) if ending == "zst" else bytes(80 << 20)
    bomb = zstd(plain) if ending == "zst" else gzip.compress(gzip.compress(plain))
    name = f"a.jsonl.{ending}" if ending == "zst" else "a.json.gz"
    if ending == "gz":
        bomb = gzip.decompress(bomb)
    with pytest.raises(TooLarge, match="ratio"):
        opened({name: bomb})


def test_a_zip_bomb_stops_the_import() -> None:
    with pytest.raises(TooLarge, match="ratio"):
        opened({"a.zip": zipped({"a.json": bytes(100 << 20)})})


def test_the_total_and_the_number_of_files_are_limited() -> None:
    budget = Budget()
    budget.received = limits.MAX_PLAIN_BYTES
    with pytest.raises(TooLarge, match="unpacks to"):
        budget.expand("a", limits.MAX_PLAIN_BYTES + 1)
    with pytest.raises(TooLarge, match="unpacks to"):
        budget.receive(1)
    budget.members = limits.MAX_MEMBERS
    with pytest.raises(TooLarge, match="number of files"):
        budget.member()


def test_a_document_over_the_limit_is_put_aside_and_the_next_one_is_read() -> None:
    large = b"x" * (limits.MAX_DOCUMENT_BYTES + 1)
    found = opened({"a.jsonl": b"1\n" + large + b"\n2", "b.json": large}, chunk=7 << 20)
    assert [type(entry) for entry in found] == [Document, Refused, Document, Refused]
    refused = [entry for entry in found if isinstance(entry, Refused)]
    assert {(entry.location, entry.reason) for entry in refused} == {
        ("a.jsonl:2", "too-large"),
        ("b.json", "too-large"),
    }
    assert len({entry.digest for entry in refused}) == 1


def test_a_zip_directory_with_too_many_entries_is_not_even_read() -> None:
    entry = b"PK\x01\x02" + bytes(42)
    directory = entry * (limits.MAX_MEMBERS + 1)
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, len(directory), 0, 0)
    with pytest.raises(TooLarge, match="number of files"):
        opened({"a.zip": directory + end})


def test_an_extended_header_of_a_tar_is_limited() -> None:
    header = tarfile.TarInfo("x")
    header.type = tarfile.XHDTYPE
    header.size = 1 << 30
    with pytest.raises(BadArchive, match="extended headers"):
        opened({"a.tar": header.tobuf() + bytes(1024)})


@pytest.mark.parametrize("content", [b"5 a=b\n", b"99 a=b\n", b"x path=b\n", b"9 size=x\n"])
def test_a_damaged_pax_header_stops_the_import(content: bytes) -> None:
    header = tarfile.TarInfo("x")
    header.type = tarfile.XHDTYPE
    header.size = len(content)
    with pytest.raises(BadArchive, match="pax header"):
        opened({"a.tar": header.tobuf() + content.ljust(512, b"\0") + bytes(1024)})


def test_bytes_before_the_first_file_are_refused() -> None:
    with pytest.raises(InvalidField):
        list(files([b"x"]))
