"""Imports through the gateway: a form becomes a stream with backpressure, progress becomes lines."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from stellaops.evidence.v1.imports_pb2 import (
    FileStart,
    ImportEnd,
    ImportProgress,
    ImportRequest,
    ImportResult,
    ImportSpec,
)

from libs.common.errors import BadArchive, TooLarge
from tests.kit.gateway import Gateway

PATH = "/api/evidence/imports"
KIND = {"content-type": "multipart/form-data; boundary=b"}
SPEC = b'--b\r\nContent-Disposition: form-data; name="spec"\r\n\r\n{"source":"osv-go"}\r\n'
FILE = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a/b.jsonl"\r\n\r\n'
END = b"\r\n--b--\r\n"
MIB = 1 << 20
SOON_SECONDS = 30.0
DONE = ImportProgress(phase=ImportProgress.PHASE_DONE, result=ImportResult(sequence=7, added=1))


class Importer:
    """An evidence service that takes a stream: what came, how it ended, whether it reads at all."""

    def __init__(self, door: Gateway) -> None:
        self.messages: list[ImportRequest] = []
        self.taken = 0
        self.whole = False
        self.begun = asyncio.Event()
        self.ended = asyncio.Event()
        self.reading = asyncio.Event()
        self.reading.set()
        door.services.answers["Import"] = self.take

    async def take(self, requests: Any) -> AsyncIterator[ImportProgress]:
        """Take everything, then say so."""
        yield ImportProgress(phase=ImportProgress.PHASE_READING)
        try:
            async for request in requests:
                await self.reading.wait()
                self.taken += len(request.data)
                if self.taken:
                    self.begun.set()
                self.whole = request.HasField("end")
                if len(self.messages) < 10:
                    self.messages.append(request)
        finally:
            self.ended.set()
        yield DONE


def lines(answer: httpx.Response) -> list[dict[str, Any]]:
    return [json.loads(line) for line in answer.text.splitlines()]


async def send(door: Gateway, content: bytes | AsyncIterator[bytes]) -> httpx.Response:
    return await door.client.post(PATH, content=content, headers=KIND)


def answer_with(door: Gateway, *said: ImportProgress | Exception, after: bool = True) -> None:
    """Let the service read everything (`after`) or nothing, and say these things."""

    async def take(requests: Any) -> AsyncIterator[ImportProgress]:
        if after:
            async for _ in requests:
                pass
        for each in said:
            if isinstance(each, Exception):
                raise each
            yield each

    door.services.answers["Import"] = take


async def test_a_form_becomes_the_messages_of_the_contract(door: Gateway) -> None:
    importer = Importer(door)
    answer = await send(door, SPEC + FILE + b"x\n" + END)
    assert answer.status_code == 200
    assert importer.messages == [
        ImportRequest(spec=ImportSpec(source="osv-go")),
        ImportRequest(file=FileStart(name="a/b.jsonl")),
        ImportRequest(data=b"x\n"),
        ImportRequest(end=ImportEnd()),
    ]
    assert importer.whole


async def test_the_answer_is_a_line_for_each_progress_and_ends_with_the_result(door: Gateway) -> None:
    answer_with(door, DONE)
    answer = await send(door, SPEC + FILE + b"x" + END)
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert lines(answer)[-1] == {"phase": "PHASE_DONE", "result": {"sequence": "7", "added": "1"}}


async def test_progress_comes_while_the_client_still_sends(door: Gateway) -> None:
    Importer(door)
    more = asyncio.Event()

    async def form() -> AsyncIterator[bytes]:
        yield SPEC + FILE + bytes(MIB)
        async with asyncio.timeout(SOON_SECONDS):
            await more.wait()
        yield bytes(MIB) + END

    host, port = door.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    given = {
        **KIND,
        "host": "x",
        "transfer-encoding": "chunked",
        "authorization": door.client.headers["authorization"],
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in given.items())
    writer.write(f"POST {PATH} HTTP/1.1\r\n{head}\r\n".encode())

    async def write() -> None:
        async for piece in form():
            writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            await writer.drain()
        writer.write(b"0\r\n\r\n")

    writing = asyncio.create_task(write())
    async with asyncio.timeout(SOON_SECONDS):
        assert b"200" in await reader.readline()
        assert b"PHASE_READING" in await reader.readuntil(b"\n{") + await reader.readline()
        more.set()
        rest = await reader.readuntil(b"0\r\n\r\n")
    assert b'"sequence":"7"' in rest
    await writing
    writer.close()
    await writer.wait_closed()


async def test_a_service_that_reads_slowly_slows_the_client(door: Gateway) -> None:
    importer = Importer(door)
    importer.reading.clear()
    sent = 0
    total = 64 * MIB

    async def form() -> AsyncIterator[bytes]:
        nonlocal sent
        yield SPEC + FILE
        while sent < total:
            yield bytes(65536)
            sent += 65536
        yield END

    sending = asyncio.create_task(send(door, form()))
    await until_still(lambda: sent)
    assert sent < total / 2
    importer.reading.set()
    answer = await sending
    assert (answer.status_code, importer.taken) == (200, total)


async def until_still(value: Callable[[], int]) -> None:
    """Wait until a number that has begun to grow grows no more."""
    before = 0
    async with asyncio.timeout(SOON_SECONDS):
        while not value() or value() != before:
            before = value()
            await asyncio.sleep(0.3)


@pytest.mark.parametrize(
    ("content", "field"),
    [
        (FILE + b"x" + END, "spec"),
        (SPEC + END, "file"),
        (SPEC.replace(b"source", b"sauce") + FILE + b"x" + END, "spec.sauce"),
        (SPEC.replace(b'"osv-go"', b'"OSV GO"') + FILE + b"x" + END, "spec.source"),
        (b"no form", "body"),
    ],
    ids=["no spec", "no file", "unknown member", "a rule of the contract", "no form"],
)
async def test_a_form_that_is_wrong_is_a_status_that_names_the_field(
    door: Gateway, content: bytes, field: str
) -> None:
    answer_with(door, DONE)
    answer = await send(door, content)
    assert (answer.status_code, answer.json()["details"][0]["field"]) == (400, field)


async def test_another_kind_of_body_is_refused_and_nothing_is_asked(door: Gateway) -> None:
    answer = await door.client.post(PATH, json={})
    assert (answer.status_code, answer.json()["details"][0]["field"]) == (400, "Content-Type")
    assert door.services.asked == []


async def test_a_form_that_ends_in_the_middle_is_not_taken_as_whole(door: Gateway) -> None:
    importer = Importer(door)
    answer = await send(door, SPEC + FILE + bytes(3 * MIB))
    last = lines(answer)[-1]["error"]
    assert (last["code"], last["details"][0]["field"]) == ("ERR_EXPORT_INVALID", "body")
    async with asyncio.timeout(SOON_SECONDS):
        await importer.ended.wait()
    assert not importer.whole


async def test_a_client_that_leaves_in_the_middle_leaves_nothing_whole(door: Gateway) -> None:
    importer = Importer(door)

    async def form() -> AsyncIterator[bytes]:
        yield SPEC + FILE + bytes(3 * MIB)
        async with asyncio.timeout(SOON_SECONDS):
            await importer.begun.wait()
        raise ConnectionError("the client leaves")

    with pytest.raises(ConnectionError):
        await send(door, form())
    async with asyncio.timeout(SOON_SECONDS):
        await importer.ended.wait()
    assert not importer.whole


async def test_an_error_before_the_first_progress_is_a_status(door: Gateway) -> None:
    answer_with(door, TooLarge(what="The import", limit="1 byte"), after=False)
    answer = await send(door, SPEC + FILE + bytes(3 * MIB) + END)
    assert (answer.status_code, answer.json()["code"]) == (413, "ERR_EXPORT_TOO_LARGE")


async def test_an_error_after_it_is_the_last_line_with_the_status_it_would_have_been(door: Gateway) -> None:
    reading = ImportProgress(phase=ImportProgress.PHASE_READING)
    answer_with(door, reading, BadArchive(location="a.zip", reason="it is damaged"))
    answer = await send(door, SPEC + FILE + b"x" + END)
    last = lines(answer)[-1]["error"]
    assert answer.status_code == 200
    assert (last["code"], last["status"]) == ("ERR_EXPORT_BAD_INPUT", 400)
    assert list(last) == ["code", "message", "cure", "details", "traceId", "timestamp", "status"]


async def test_a_service_that_stops_reading_ends_the_upload_with_its_reason(door: Gateway) -> None:
    reading = ImportProgress(phase=ImportProgress.PHASE_READING)
    answer_with(door, reading, TooLarge(what="The import", limit="1 byte"), after=False)

    async def form() -> AsyncIterator[bytes]:
        yield SPEC + FILE
        for _ in range(32):
            yield bytes(MIB)
        yield END

    answer = await send(door, form())
    assert lines(answer)[-1]["error"]["code"] == "ERR_EXPORT_TOO_LARGE"


async def test_an_end_without_a_result_is_an_error(door: Gateway) -> None:
    answer_with(door, ImportProgress(phase=ImportProgress.PHASE_MERGING))
    answer = await send(door, SPEC + FILE + b"x" + END)
    assert lines(answer)[-1]["error"]["code"] == "ERR_EXPORT_UNAVAILABLE"
