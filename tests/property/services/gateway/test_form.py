"""A form gives the same messages however its bytes are cut into pieces."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from stellaops.evidence.v1.imports_pb2 import ImportRequest

from libs.common.errors import ExportError
from services.gateway.form import Form

BOUNDARY = b"b0"

names = st.text("abc/._-ä%", min_size=1, max_size=12)
contents = st.binary(max_size=60) | st.sampled_from([b"\r\n--b", b"--b0", b"\r\n", b"\r", b"\r\n--b1\r\n"])
cuts = st.lists(st.integers(1, 40), min_size=1, max_size=30)


def written(files: list[tuple[str, bytes]]) -> bytes:
    raw = b'--b0\r\nContent-Disposition: form-data; name="spec"\r\n\r\n{}\r\n'
    for name, data in files:
        head = f'--b0\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
        raw += head.encode() + data + b"\r\n"
    return raw + b"--b0--\r\n"


def pieces(raw: bytes, sizes: list[int]) -> list[bytes]:
    found: list[bytes] = []
    while raw:
        size = sizes[len(found) % len(sizes)]
        found.append(raw[:size])
        raw = raw[size:]
    return found


def read(parts: list[bytes]) -> list[ImportRequest] | str:
    reader = Form(BOUNDARY)
    try:
        found = [message for piece in parts for message in reader.feed(piece)]
        found.append(reader.finish())
    except ExportError as error:
        return error.code
    return found


@given(st.lists(st.tuples(names, contents), min_size=1, max_size=5), cuts)
def test_names_and_contents_arrive_as_they_were(files: list[tuple[str, bytes]], sizes: list[int]) -> None:
    if any(b"\r\n--b0" in b"\r\n" + data for _, data in files):
        return
    found = read(pieces(written(files), sizes))
    assert isinstance(found, list)
    arrived: list[tuple[str, bytes]] = []
    for message in found[1:-1]:
        if message.HasField("file"):
            arrived.append((message.file.name, b""))
        else:
            arrived[-1] = (arrived[-1][0], arrived[-1][1] + message.data)
    assert arrived == files


@given(st.binary(max_size=300), cuts)
def test_garbage_ends_with_an_error_of_the_catalogue(raw: bytes, sizes: list[int]) -> None:
    assert isinstance(read(pieces(raw, sizes)), str)


@given(st.integers(0, 400), st.binary(max_size=4), cuts)
def test_a_damaged_form_is_read_the_same_in_any_pieces(at: int, damage: bytes, sizes: list[int]) -> None:
    raw = written([("a.json", b"{}"), ("b", b"x" * 30)])
    at = min(at, len(raw))
    spoiled = raw[:at] + damage + raw[at + len(damage) :]
    assert read([spoiled]) == read(pieces(spoiled, sizes))
