"""Forms of an import: read in any pieces, in bounded memory; whatever is wrong names its part."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from stellaops.evidence.v1.imports_pb2 import FileStart, ImportEnd, ImportRequest, ImportSpec

from libs.common.errors import ExportError, InvalidField, TooLarge
from services.gateway.form import CHUNK_BYTES, MAX_NAME_CHARACTERS, MAX_SPEC_BYTES, Form, boundary_of

BOUNDARY = b"made-up-boundary"
SPEC = b'{"source":"osv-go"}'


def part(name: str, data: bytes, *, filename: str | bytes | None = None, extra: bytes = b"") -> bytes:
    disposition = f'Content-Disposition: form-data; name="{name}"'.encode()
    if filename is not None:
        written = filename.encode() if isinstance(filename, str) else filename
        disposition += b'; filename="' + written + b'"'
    return b"--" + BOUNDARY + b"\r\n" + disposition + b"\r\n" + extra + b"\r\n" + data + b"\r\n"


def form(*parts: bytes) -> bytes:
    return b"".join(parts) + b"--" + BOUNDARY + b"--\r\n"


def messages(pieces: Iterable[bytes]) -> list[ImportRequest]:
    reader = Form(BOUNDARY)
    found = [message for piece in pieces for message in reader.feed(piece)]
    return [*found, reader.finish()]


def refused(raw: bytes) -> tuple[str, str]:
    with pytest.raises(InvalidField) as caught:
        messages([raw])
    return caught.value.details["field"], caught.value.details["reason"]


GOOD = form(
    part("spec", SPEC), part("file", b"one\r\n", filename="a/b.json"), part("file", b"", filename="c")
)
EXPECTED = [
    ImportRequest(spec=ImportSpec(source="osv-go")),
    ImportRequest(file=FileStart(name="a/b.json")),
    ImportRequest(data=b"one\r\n"),
    ImportRequest(file=FileStart(name="c")),
    ImportRequest(end=ImportEnd()),
]


def test_a_form_is_a_spec_and_files() -> None:
    assert messages([GOOD]) == EXPECTED


def test_a_form_may_arrive_byte_by_byte() -> None:
    assert messages(GOOD[i : i + 1] for i in range(len(GOOD))) == EXPECTED


def test_a_large_file_travels_in_messages_of_one_mebibyte() -> None:
    data = bytes(range(256)) * (CHUNK_BYTES * 5 // 2 // 256)
    raw = form(part("spec", b"{}"), part("file", data, filename="big"))
    found = [message.data for message in messages(raw[i : i + 70_000] for i in range(0, len(raw), 70_000))]
    pieces = [piece for piece in found if piece]
    assert [len(piece) for piece in pieces] == [CHUNK_BYTES, CHUNK_BYTES, CHUNK_BYTES // 2]
    assert b"".join(pieces) == data


def test_data_that_looks_like_a_boundary_is_data() -> None:
    data = b"\r\n--made-up-boundarx\r\n--made-up\r\n\r\n--"
    raw = form(part("spec", b"{}"), part("file", data, filename="f"))
    assert (
        b"".join(message.data for message in messages(raw[i : i + 3] for i in range(0, len(raw), 3))) == data
    )


def test_a_preamble_before_the_first_part_is_passed_over() -> None:
    assert messages([b"\r\n" + GOOD]) == EXPECTED


def test_what_follows_the_end_is_passed_over() -> None:
    assert messages([GOOD, b"epilogue"]) == EXPECTED


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("dir/ä.json", "dir/ä.json"),
        ("%22quoted%22", '"quoted"'),
        ("a%0D%0Ab", "a\r\nb"),
        ("50%25.json", "50%25.json"),
        ("../../etc/passwd", "../../etc/passwd"),  # the evidence service judges names; it writes none
    ],
)
def test_file_names_are_read_as_browsers_write_them(written: str, name: str) -> None:
    raw = form(part("spec", b"{}"), part("file", b"x", filename=written))
    assert messages([raw])[1].file.name == name


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        (form(), "spec"),
        (form(part("file", b"x", filename="f")), "spec"),
        (form(part("spec", b"{}")), "file"),
        (form(part("spec", b"{}"), part("spec", b"{}")), "spec"),
        (form(part("spec", b"{}"), part("file", b"x", filename="f"), part("spec", b"{}")), "spec"),
        (form(part("spec", b"{}"), part("other", b"x")), "other"),
        (form(part("spec", b"{}"), part("file", b"x")), "file"),
        (form(part("spec", b"{}"), part("file", b"x", filename="")), "file"),
        (form(part("spec", b"{}"), part("file", b"x", filename=b"\xff\xfe")), "file"),
        (
            form(part("spec", b"{}"), part("file", b"x", filename="x" * (MAX_NAME_CHARACTERS + 1))),
            "file",
        ),
        (form(part("spec", b"{")), "spec"),
        (form(part("spec", b'{"sauce":"x"}')), "spec.sauce"),
        (form(part("spec", b'{"mode":"ODD"}')), "spec.mode"),
        (form(part("spec", b'["a"]')), "spec"),
        (GOOD[:-30], "body"),
        (GOOD[:50], "body"),
        (b"", "body"),
        (b"no form at all", "body"),
        (b"--" + BOUNDARY + b"\r\nContent-Disposition", "body"),
        (form(b"--" + BOUNDARY + b"\r\n\r\nno headers\r\n"), "body"),
    ],
    ids=[
        "empty",
        "no spec",
        "no file",
        "two specs",
        "spec after file",
        "unknown part",
        "no file name",
        "empty name",
        "name not utf-8",
        "long name",
        "spec cut",
        "unknown member",
        "wrong enum",
        "spec a list",
        "end missing",
        "cut in header",
        "nothing",
        "garbage",
        "cut in first header",
        "part without headers",
    ],
)
def test_a_form_that_is_wrong_names_what_is_wrong(raw: bytes, field: str) -> None:
    assert refused(raw)[0] == field


def test_a_large_spec_is_refused_before_it_is_held() -> None:
    reader = Form(BOUNDARY)
    begin = part("spec", b" " * MAX_SPEC_BYTES)[:-2]
    list(reader.feed(begin))
    with pytest.raises(TooLarge, match="spec"):
        list(reader.feed(b" "))


@pytest.mark.parametrize(
    "head",
    [
        b"X: " + b"y" * 20_000,
        b"X" * 20_000,
        b"".join(b"X-%d: y\r\n" % number for number in range(100)),
    ],
    ids=["long value", "long name", "many"],
)
def test_headers_of_a_part_are_bounded(head: bytes) -> None:
    reader = Form(BOUNDARY)
    with pytest.raises(ExportError):
        list(reader.feed(b"--" + BOUNDARY + b"\r\n" + head))


@pytest.mark.parametrize(
    "kind",
    [
        "",
        "application/json",
        "multipart/form-data",
        "multipart/mixed; boundary=x",
        'multipart/form-data; boundary=""',
    ],
)
def test_another_kind_of_body_is_refused(kind: str) -> None:
    with pytest.raises(InvalidField, match="Content-Type"):
        boundary_of(kind)


def test_a_boundary_may_be_quoted() -> None:
    assert boundary_of('Multipart/Form-Data; charset=utf-8; Boundary="a b"') == b"a b"


def test_a_boundary_is_bounded() -> None:
    with pytest.raises(InvalidField, match="Content-Type"):
        Form(boundary_of("multipart/form-data; boundary=" + "x" * 10_000))
