"""Lists attacks on the tar itself: what no header, no order and no end of a bundle's tar may be."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Callable

from libs.common.bundle import layout, tar
from tests.attacks.attack import GOOD, Attack
from tests.kit import bundles

BLOCK = tar.BLOCK
ORDERED = sorted(GOOD)
FIRST, SECOND, LAST = ORDERED[0], ORDERED[1], ORDERED[-1]
AFTER_FIRST = BLOCK + -(-len(GOOD[FIRST]) // BLOCK) * BLOCK
SIZE, MODE, TYPE, LINK, MTIME, MAGIC, OWNER, PREFIX = 124, 100, 156, 157, 136, 257, 265, 345


def header(name: bytes = FIRST.encode(), size: int = 0, **fields: bytes) -> bytes:
    """Return a header with a right checksum whose fields are anything; `at_N` sets the bytes from N."""
    block = bytearray(tar.header("x", size))
    block[: len(name)] = name
    for place, value in fields.items():
        at = int(place.removeprefix("at_"))
        block[at : at + len(value)] = value
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def _first(**fields: bytes) -> Callable[[bytes], bytes]:
    """Replace fields of the first header."""
    return lambda good: header(FIRST.encode(), len(GOOD[FIRST]), **fields) + good[BLOCK:]


def _insert(*blocks: bytes, at: int = AFTER_FIRST) -> Callable[[bytes], bytes]:
    return lambda good: good[:at] + b"".join(blocks) + good[at:]


def _member(name: str, kind: bytes = b"0", link: str = "", data: bytes = b"") -> Callable[[bytes], bytes]:
    """Put a member that another program made before the end."""

    def spoil(good: bytes) -> bytes:
        made = io.BytesIO()
        with tarfile.open(fileobj=made, mode="w", format=tarfile.GNU_FORMAT) as archive:
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname, entry.size, entry.mode = kind, link, len(data), 0o644
            archive.addfile(entry, io.BytesIO(data))
        length = len(tar.END)
        return good[:-length] + made.getvalue().rstrip(b"\0").ljust(BLOCK, b"\0") + good[-length:]

    return spoil


def _unlisted(name: str) -> Callable[[bytes], bytes]:
    """Put an empty member as the format has them before the end."""
    length = len(tar.END)
    return lambda good: good[:-length] + header(name.encode()) + good[-length:]


def _cancelling(good: bytes) -> bytes:
    """Change two letters of the first name so that the header's checksum stays right."""
    return bytes([good[0] + 1, good[1] - 1]) + good[2:]


def _other_tool(**choices: int) -> Callable[[bytes], bytes]:
    def spoil(_: bytes) -> bytes:
        made = io.BytesIO()
        with tarfile.open(fileobj=made, mode="w", **choices) as archive:  # type: ignore[call-overload] # a format
            for path, data in sorted(GOOD.items()):
                entry = tarfile.TarInfo(path)
                entry.size = len(data)
                archive.addfile(entry, io.BytesIO(data))
        return made.getvalue()

    return spoil


def _flipped(at: int) -> Callable[[bytes], bytes]:
    return lambda good: good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :]


def _tar_of(*paths: str) -> Callable[[bytes], bytes]:
    """Write headers and contents as they come, without any rule."""
    return lambda _: b"".join(header(path.encode()) for path in paths) + tar.END


PAX = b"30 path=../../../outside.txt\n".ljust(BLOCK, b"\0")
SYMLINK, HARD_LINK, CHARACTER, FOLDER, PIPE = b"2", b"1", b"3", b"5", b"6"

ATTACKS: list[Attack[bytes]] = [
    Attack("one byte more", lambda good: good + b"x", "end", "something follows the end of the tar"),
    Attack("a zero block more", lambda good: good + bytes(BLOCK), "end", "something follows the end"),
    Attack("a second tar behind", lambda good: good + good, "end", "something follows the end"),
    Attack("without its end", lambda good: good[: -len(tar.END)], "header", "the archive ends in the middle"),
    Attack("with half an end", lambda good: good[:-BLOCK], "end", "the archive ends in the middle"),
    Attack(
        "cut within a header",
        lambda good: good[: AFTER_FIRST + 99],
        "header",
        "the archive ends in the middle",
    ),
    Attack("cut within a file", lambda good: good[: BLOCK + 9], FIRST, "the archive ends in the middle"),
    Attack("empty", lambda _: b"", "header", "after 0 bytes"),
    Attack("zeros", lambda _: bytes(10 * BLOCK), "end", "something follows the end"),
    Attack("only an end", lambda _: tar.END, layout.MANIFEST, "every bundle has it"),
    Attack("text", lambda _: b"no tar" * 1000, "header at byte 0", "damaged, or no tar of a bundle"),
    Attack("compressed", gzip.compress, "header at byte 0", "damaged, or no tar of a bundle"),
    Attack(
        "bytes between members", _insert(b"x" * BLOCK), f"header after `{FIRST}`", "the checksum is wrong"
    ),
    Attack("odd bytes between members", _insert(b"xyz"), f"header after `{FIRST}`", "the checksum is wrong"),
    Attack("a zero block between members", _insert(bytes(BLOCK)), "end", "one zero block alone"),
    Attack("an end between members", _insert(tar.END), "end", "something follows the end"),
    Attack("a bit of a name", _flipped(0), "header at byte 0", "the checksum is wrong"),
    Attack("two bits of a name that cancel", _cancelling, "", ""),
    Attack(
        "a bit of padding", _flipped(AFTER_FIRST - 1), FIRST, "the padding after the contents is not zero"
    ),
    Attack("a bit of the end", _flipped(-1), "end", ""),
    Attack("a member twice", _insert(header(size=0)), FIRST, "the path stands twice"),
    Attack("a member out of order", _insert(header(b"A")), "A", "stands after"),
    Attack(
        "names that differ in case", _tar_of("EXPORT.json", "export.json"), "export.json", "in case alone"
    ),
    Attack("a file that is a folder too", _tar_of("data", "data/x"), "data/x", "cannot be a folder too"),
    Attack("../ in a name", _tar_of("../outside"), "../outside", "component"),
    Attack(
        "../ split over prefix and name", _first(at_0=b"outside\0", at_345=b".."), "../outside", "component"
    ),
    Attack("a leading /", _tar_of("/etc/passwd"), "/etc/passwd", "component"),
    Attack("a name that is empty", lambda good: header(bytes(100)) + good[BLOCK:], "", "1 to 255 characters"),
    Attack(
        "a name that hides behind NUL",
        lambda good: header(b"a\0../outside") + good[BLOCK:],
        "a",
        "name is not",
    ),
    Attack("a line break in a name", _tar_of("a\nb"), "a\\nb", "consists of letters"),
    Attack(
        "a terminal's commands in a name", _tar_of("\x1b[2J\x1b]0;x\x07"), "\\x1b[2J", "consists of letters"
    ),
    Attack(
        "C1 commands in a name", lambda _: header(b"\xc2\x9b2J") + tar.END, "\\xc2", "consists of letters"
    ),
    Attack("a turned name", _tar_of("\u202etxt.exe"), "xe2", "consists of letters"),
    Attack("a composed name", _tar_of("nfc-\u00e9"), "nfc-", "consists of letters"),
    Attack("a decomposed name", _tar_of("nfd-e\u0301"), "nfd-e", "consists of letters"),
    Attack("a drive in a name", _tar_of("C:\\windows"), "C:", "consists of letters"),
    Attack("a device of Windows", _unlisted("zzz/nul"), "zzz/nul", "the manifest does not list it"),
    Attack("a symbolic link", _member("zzz", SYMLINK, "/etc/passwd"), "zzz", "a symbolic link is not taken"),
    Attack(
        "a link in a file's place", _first(at_156=SYMLINK, at_157=b"/etc/passwd"), FIRST, "a symbolic link"
    ),
    Attack("a hard link", _member("zzz", HARD_LINK, "../../etc/passwd"), "zzz", "a hard link is not taken"),
    Attack("a device", _member("zzz", CHARACTER), "zzz", "a character device is not taken"),
    Attack("a folder", _member("zzz", FOLDER), "zzz", "a folder is not taken"),
    Attack("a pipe", _member("zzz", PIPE), "zzz", "a pipe is not taken"),
    Attack("a type nobody knows", _member("zzz", b"Z"), "zzz", "a member of unknown type is not taken"),
    Attack(
        "a pax header", _insert(header(b"x", len(PAX), at_156=b"x"), PAX), "x", "a pax header is not taken"
    ),
    Attack(
        "a global pax header", _insert(header(b"x", len(PAX), at_156=b"g"), PAX), "x", "a global pax header"
    ),
    Attack("a GNU long name", _member("z/" * 120), "", "a GNU long name is not taken"),
    Attack("a sparse file", _insert(header(b"x", at_156=b"S")), "x", "a GNU sparse file is not taken"),
    Attack("another mode", _first(at_100=b"0004755\0"), FIRST, "the header's mode is not a bundle's"),
    Attack("another time", _first(at_136=b"14000000000\0"), FIRST, "the header's mtime is not a bundle's"),
    Attack("an owner", _first(at_265=b"root"), FIRST, "the header's owner's name is not a bundle's"),
    Attack("an old magic", _first(at_257=b"ustar  \0"), FIRST, "the header's magic is not a bundle's"),
    Attack("a size of 8 GiB", _first(at_124=b"77777777777\0"), FIRST, "the archive ends in the middle"),
    Attack(
        "a size in base 256", _first(at_124=b"\x80" + bytes(10) + b"\x09"), FIRST, "not eleven octal digits"
    ),
    Attack("a negative size", _first(at_124=b"-0000000001\0"), FIRST, "not eleven octal digits"),
    Attack("a size one too small", _first(at_124=b"%011o\0" % (len(GOOD[FIRST]) - 1)), FIRST, "padding"),
    Attack("made by another program", _other_tool(format=tarfile.PAX_FORMAT), "end", "something follows"),
    Attack(
        "made by another program, GNU", _other_tool(format=tarfile.GNU_FORMAT), FIRST, "is not a bundle's"
    ),
    Attack("an extra member", _member("zzz", data=b"x"), "zzz", ""),
]

GOOD_TAR = bundles.tar_of(GOOD)
