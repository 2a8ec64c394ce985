"""A body is a stream of known length that a server's parser reads back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from python_multipart import create_form_parser

from cli.stella.failures import CommandFailed
from cli.stella.transfer.multipart import Body
from cli.stella.transfer.names import Outgoing

BOUNDARY = "stella-0123456789abcdef"


def outgoing(tmp_path: Path, name: str, content: bytes) -> Outgoing:
    path = tmp_path / "file"
    path.write_bytes(content)
    return Outgoing(name, path, len(content))


def parse(body: Body) -> tuple[dict[bytes, bytes], dict[bytes, bytes]]:
    fields: dict[bytes, bytes] = {}
    files: dict[bytes, bytes] = {}

    def on_field(field: Any) -> None:
        fields[field.field_name] = field.value

    def on_file(file: Any) -> None:
        file.file_object.seek(0)
        files[file.file_name] = file.file_object.read()

    headers: Any = {"Content-Type": body.content_type.encode(), "Content-Length": str(body.length).encode()}
    parser: Any = create_form_parser(headers, on_field, on_file)
    for chunk in body:
        parser.write(chunk)
    parser.finalize()
    return fields, files


def test_a_parser_reads_spec_and_file_back(tmp_path: Path) -> None:
    file = outgoing(tmp_path, "advisories/osv-go.jsonl", b"{}\r\n--x\r\n")
    fields, files = parse(Body(b'{"source":"s"}', [file], BOUNDARY, lambda _: None))
    assert (fields, files) == ({b"spec": b'{"source":"s"}'}, {b"advisories/osv-go.jsonl": b"{}\r\n--x\r\n"})


def test_the_length_is_that_of_the_stream(tmp_path: Path) -> None:
    body = Body(b"{}", [outgoing(tmp_path, "a/ä.json", b"x" * 300_000)], BOUNDARY, lambda _: None)
    assert body.length == sum(map(len, body))


def test_a_name_cannot_end_its_header(tmp_path: Path) -> None:
    body = Body(b"{}", [outgoing(tmp_path, 'a/"\r\nX: y', b"")], BOUNDARY, lambda _: None)
    assert b'filename="a/%22%0D%0AX: y"\r\n' in b"".join(body)


def test_what_is_sent_is_counted(tmp_path: Path) -> None:
    counted: list[int] = []
    b"".join(Body(b"{}", [outgoing(tmp_path, "a", b"x" * 600_000)], BOUNDARY, counted.append))
    assert sum(counted) == 600_000


@pytest.mark.parametrize("change", [-1, 1])
def test_a_file_that_changes_meanwhile_is_an_error(tmp_path: Path, change: int) -> None:
    file = outgoing(tmp_path, "a", b"x" * 10)
    lying = Outgoing(file.name, file.path, file.size + change)
    with pytest.raises(CommandFailed, match="changed while it was sent"):
        b"".join(Body(b"{}", [lying], BOUNDARY, lambda _: None))
