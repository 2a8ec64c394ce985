"""Reads tar archives as a stream: ustar, GNU long names, pax; regular files alone, none written by name."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator

from libs.common.errors import BadArchive
from services.evidence.importing.chunks import ChunkReader
from services.evidence.importing.incoming import ReceivedFile
from services.evidence.importing.limits import MAX_NAME_BYTES

BLOCK = tarfile.BLOCKSIZE
MAX_EXTENDED_HEADER_BYTES = 1 << 20  # a pax header holds a path and some times; more is an attack on memory
MAX_EXTENDED_HEADERS = 4  # global pax, own pax, long name, long link may precede one member


def members(chunks: Iterator[bytes], location: str) -> Iterator[ReceivedFile]:
    """Yield the regular files of an archive; links, devices and folders hold no bytes and are passed over."""
    reader = ChunkReader(chunks, location)
    name: bytes | None = None
    size: int | None = None
    extended = 0
    while (block := _header_block(reader)) is not None:
        header = _header(block, location)
        if header.type in (
            tarfile.XHDTYPE,
            tarfile.XGLTYPE,
            tarfile.GNUTYPE_LONGNAME,
            tarfile.GNUTYPE_LONGLINK,
        ):
            extended += 1
            content = _extended(reader, header, extended, location)
            if header.type == tarfile.GNUTYPE_LONGNAME:
                name = content.rstrip(b"\0")
            elif header.type == tarfile.XHDTYPE:
                attributes = _pax(content, location)
                name = attributes.get(b"path", name)
                size = _pax_size(attributes, location) if b"size" in attributes else size
            continue
        length = header.size if size is None else size
        own_name = header.name.encode("utf-8", "surrogateescape") if name is None else name
        name, size, extended = None, None, 0
        yield from _member(reader, header, own_name, length, location)


def _member(
    reader: ChunkReader, header: tarfile.TarInfo, name: bytes, length: int, location: str
) -> Iterator[ReceivedFile]:
    if header.type == tarfile.GNUTYPE_SPARSE:
        raise BadArchive(location=location, reason="it holds a sparse file; make it without `--sparse`")
    if len(name) > MAX_NAME_BYTES:
        raise BadArchive(location=location, reason=f"a name in it is longer than {MAX_NAME_BYTES} bytes")
    has_data = header.type in (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE)
    is_folder = name.endswith(b"/")
    if not has_data:
        length = 0 if header.type in _WITHOUT_DATA else length
    content = reader.pieces(length)
    if has_data and not is_folder:
        yield ReceivedFile(name.decode("utf-8", "backslashreplace"), content)
    for _ in content:
        pass
    reader.exactly(-length % BLOCK)


_WITHOUT_DATA = (
    tarfile.LNKTYPE,
    tarfile.SYMTYPE,
    tarfile.CHRTYPE,
    tarfile.BLKTYPE,
    tarfile.DIRTYPE,
    tarfile.FIFOTYPE,
)


def _header_block(reader: ChunkReader) -> bytes | None:
    """Return the next header, or None at the end mark; what follows the mark is read and passed over."""
    if reader.at_end():
        return None
    block = reader.exactly(BLOCK)
    if any(block):
        return block
    while reader.some(1 << 16):
        pass
    return None


def _header(block: bytes, location: str) -> tarfile.TarInfo:
    try:
        header = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.HeaderError as error:
        raise BadArchive(location=location, reason=f"a tar header is damaged ({error})") from error
    if header.size < 0:
        raise BadArchive(location=location, reason="a tar header states a negative size")
    return header


def _extended(reader: ChunkReader, header: tarfile.TarInfo, count: int, location: str) -> bytes:
    if header.size > MAX_EXTENDED_HEADER_BYTES or count > MAX_EXTENDED_HEADERS:
        raise BadArchive(location=location, reason="its extended headers are larger than any real ones")
    content = reader.exactly(header.size)
    reader.exactly(-header.size % BLOCK)
    return content


def _pax(content: bytes, location: str) -> dict[bytes, bytes]:
    r"""Return the attributes of a pax header: records of `<length> <name>=<value>\n`."""
    attributes: dict[bytes, bytes] = {}
    position = 0
    while position < len(content) and content[position]:
        digits, space, _ = content[position : position + 12].partition(b" ")
        length = int(digits) if space and digits.isdigit() else 0
        record = content[position : position + length]
        name, equals, value = record[len(digits) + 1 : -1].partition(b"=")
        if len(record) != length or not record.endswith(b"\n") or not equals:
            raise BadArchive(location=location, reason="a pax header is damaged")
        attributes[name] = value
        position += length
    return attributes


def _pax_size(attributes: dict[bytes, bytes], location: str) -> int:
    digits = attributes[b"size"]
    if not digits.isdigit() or len(digits) > 20:  # noqa: PLR2004 - 2^64 has twenty digits
        raise BadArchive(location=location, reason="a pax header states a size that is no number")
    return int(digits)
