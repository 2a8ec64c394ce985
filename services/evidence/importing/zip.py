"""Reads zip archives from a spooled file that has no name; members are read as streams, never written."""

from __future__ import annotations

import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO, cast

from libs.common.errors import BadArchive, TooLarge
from services.evidence.importing.incoming import ReceivedFile
from services.evidence.importing.limits import MAX_MEMBERS, MAX_NAME_BYTES, MAX_SPOOL_BYTES, MIB

SPOOL_MEMORY_BYTES = 8 * MIB  # most nested archives stay in memory, none fills it
MAX_DIRECTORY_BYTES = 64 * MIB  # the directory is read whole: room for MAX_MEMBERS names of usual length
READ_BYTES = 256 * 1024
_END_RECORD_BYTES = 22
_END_SIGNATURE = b"PK\x05\x06"
_ZIP64_LOCATOR_SIGNATURE = b"PK\x06\x07"
_ZIP64_RECORD_SIGNATURE = b"PK\x06\x06"
_ZIP64_LOCATOR_BYTES = 20
_ZIP64_RECORD_BYTES = 56
_ENTRY_SIGNATURE = b"PK\x01\x02"
# What `zipfile` raises at damage: ValueError at names that are no UTF-8 and at places before the beginning.
_DAMAGE = (zipfile.BadZipFile, EOFError, NotImplementedError, ValueError, struct.error, zlib.error)
_READABLE = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def members(chunks: Iterator[bytes], location: str) -> Iterator[ReceivedFile]:
    """Yield the files of a zip archive in the order of its directory."""
    with tempfile.SpooledTemporaryFile(max_size=SPOOL_MEMORY_BYTES) as spooled:
        file = cast("BinaryIO", spooled)  # SpooledTemporaryFile has all of it but not the name of the type
        _spool(chunks, file, location)
        _check_directory(file, location)
        try:
            with zipfile.ZipFile(file) as archive:
                for entry in archive.infolist():
                    if not entry.is_dir():
                        yield ReceivedFile(_name(entry, location), _content(archive, entry, location))
        except _DAMAGE as error:
            raise BadArchive(location=location, reason=f"it is no zip archive ({error})") from error


def _spool(chunks: Iterator[bytes], file: BinaryIO, location: str) -> None:
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > MAX_SPOOL_BYTES:
            raise TooLarge(what=f"The zip archive `{location}`", limit=f"{MAX_SPOOL_BYTES} bytes")
        file.write(chunk)


def _check_directory(file: BinaryIO, location: str) -> None:
    """Refuse a directory that would fill the memory, before anything reads it as a whole.

    The records are looked for where `zipfile` does: it takes the 64-bit record that stands right before its
    locator, wherever the locator says that it is, so another place would be checked than is read.
    """
    start = max(0, file.seek(0, 2) - _END_RECORD_BYTES - 0xFFFF)
    file.seek(start)
    tail = file.read()
    end = tail.rfind(_END_SIGNATURE)
    if end < 0 or len(tail) - end < _END_RECORD_BYTES:
        raise BadArchive(location=location, reason="it is no zip archive, or its end is missing")
    size, directory_end = struct.unpack("<L", tail[end + 12 : end + 16])[0], start + end
    record_start = directory_end - _ZIP64_LOCATOR_BYTES - _ZIP64_RECORD_BYTES
    if record_start >= 0:
        file.seek(record_start)
        record = file.read(_ZIP64_RECORD_BYTES)
        locator = file.read(_ZIP64_LOCATOR_BYTES)
        if locator.startswith(_ZIP64_LOCATOR_SIGNATURE) and record.startswith(_ZIP64_RECORD_SIGNATURE):
            size = struct.unpack("<Q", record[40:48])[0]
            directory_end = record_start
    if size > MAX_DIRECTORY_BYTES:
        raise TooLarge(what=f"The directory of `{location}`", limit=f"{MAX_DIRECTORY_BYTES} bytes")
    file.seek(max(0, directory_end - size))
    if file.read(size).count(_ENTRY_SIGNATURE) > MAX_MEMBERS:
        raise TooLarge(what=f"The number of files in `{location}`", limit=MAX_MEMBERS)


def _name(entry: zipfile.ZipInfo, location: str) -> str:
    name = entry.filename.encode("utf-8", "surrogateescape")
    if len(name) > MAX_NAME_BYTES:
        raise BadArchive(location=location, reason=f"a name in it is longer than {MAX_NAME_BYTES} bytes")
    return name.decode("utf-8", "backslashreplace")


def _content(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, location: str) -> Iterator[bytes]:
    place = f"{location}!{entry.filename[:200]}"
    if entry.flag_bits & 1:
        raise BadArchive(location=place, reason="it is encrypted; unpack it first")
    if entry.compress_type not in _READABLE:
        raise BadArchive(location=place, reason="it is neither stored nor deflated; pack it with deflate")
    try:
        with archive.open(entry) as content:
            while piece := content.read(READ_BYTES):
                yield piece
    except _DAMAGE as error:
        raise BadArchive(location=place, reason=f"its bytes are damaged ({error})") from error
