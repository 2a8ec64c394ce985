"""The directory of a zip: bounded as it is read, whatever its end records say."""

from __future__ import annotations

import io
import random
import struct
import zipfile

import pytest

from libs.common.errors import BadArchive, TooLarge
from services.evidence.importing import zip as zip_archive


def members_of(data: bytes) -> list[str]:
    return [member.name for member in zip_archive.members(iter([data]), "feed.zip")]


def with_64_bit_records(data: bytes, stated_elsewhere: int) -> bytes:
    """Return a zip with 64-bit end records, whose locator points to one that states another size."""
    body, end = data[:-22], data[-22:]
    files, size, start = struct.unpack("<H2L", end[10:20])
    record = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, files, files, size, start)
    decoy = record[:40] + struct.pack("<Q", stated_elsewhere) + record[48:]
    # The decoy stands before everything else, as a self-extracting archive's program would.
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, 0, 1)
    return decoy + body + record + locator + end


def zip_of(files: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number in range(files):
            archive.writestr(f"{number}.json", "{}")
    return buffer.getvalue()


def test_a_locator_cannot_hide_a_directory_that_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zip_archive, "MAX_DIRECTORY_BYTES", 200)
    with pytest.raises(TooLarge):
        members_of(with_64_bit_records(zip_of(10), stated_elsewhere=50))


def test_a_locator_cannot_hide_that_there_are_too_many_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zip_archive, "MAX_MEMBERS", 5)
    with pytest.raises(TooLarge):
        members_of(with_64_bit_records(zip_of(10), stated_elsewhere=50))


def test_a_zip_with_64_bit_records_is_read() -> None:
    assert members_of(with_64_bit_records(zip_of(3), stated_elsewhere=50)) == ["0.json", "1.json", "2.json"]


def test_damage_at_any_place_is_a_damaged_archive_or_none() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.json", "x" * 100)
        archive.writestr("\u00e9.json", "y")
    whole = buffer.getvalue()
    drawn = random.Random(1)
    refused = 0
    for _ in range(3000):
        data = bytearray(whole)
        data[drawn.randrange(len(data))] = drawn.randrange(256)
        try:
            for member in zip_archive.members(iter([bytes(data)]), "feed.zip"):
                list(member.chunks)
        except (BadArchive, TooLarge):
            refused += 1
    assert refused > 500
