"""The doors by which evidence comes in, each with a way to bring many documents through it at once."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import grpc
import httpx
import zstandard
from stellaops.evidence.v1.imports_pb2 import FileStart, ImportEnd, ImportRequest, ImportSpec
from stellaops.evidence.v1.imports_pb2_grpc import ImportServiceStub

from tests.bad_days.case import Day

Documents = Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Door:
    """A way in: `bring` takes documents by name; `place` says where the quarantine says that one was.

    `of_lines` tells that only documents fit that can stand in a line.
    """

    title: str
    bring: Callable[[Day, Documents], None]
    place: Callable[[int, str], str]
    of_lines: bool = False


def lines(documents: Iterable[bytes]) -> bytes:
    """Return a file with a document a line."""
    return b"".join(raw + b"\n" for raw in documents)


def zipped(members: Documents) -> bytes:
    """Return a zip archive."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, raw in members.items():
            archive.writestr(name, raw)
    return packed.getvalue()


def tarred(members: Documents) -> bytes:
    """Return a tar archive."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, raw in members.items():
            header = tarfile.TarInfo(name)
            header.size = len(raw)
            archive.addfile(header, io.BytesIO(raw))
    return packed.getvalue()


def _named(documents: Documents) -> dict[str, bytes]:
    return {f"{name}.json": raw for name, raw in documents.items()}


def _import(day: Day, *paths: Path) -> None:
    ended = day.stella("evidence", "import", *paths, "--source", "doors")
    assert ended.code == 0, ended.err


def _by_files(day: Day, documents: Documents) -> None:
    _import(day, *(day.file(f"door/{name}", raw) for name, raw in _named(documents).items()))


def _by_folder(day: Day, documents: Documents) -> None:
    for name, raw in _named(documents).items():
        day.file(f"door/{name}", raw)
    _import(day, day.folder / "door")


def _by_file(name: str, pack: Callable[[Documents], bytes]) -> Callable[[Day, Documents], None]:
    def bring(day: Day, documents: Documents) -> None:
        _import(day, day.file(f"door/{name}", pack(documents)))

    return bring


def token(day: Day) -> str:
    """Return the token of the first user."""
    path = day.suite.data / "tokens" / "demo-admin.token"
    return path.read_text(encoding="ascii").strip()


def ports(day: Day) -> dict[str, int]:
    """Return the ports of the suite's doors by name."""
    chosen: dict[str, int] = json.loads((day.suite.data / "ports.json").read_bytes())
    return chosen


def _by_rest(day: Day, documents: Documents) -> None:
    parts: list[tuple[str, tuple[str | None, bytes]]] = [("spec", (None, b'{"source":"doors"}'))]
    parts += [("file", (f"door/{name}", raw)) for name, raw in _named(documents).items()]
    headers = {"Authorization": f"Bearer {token(day)}"}
    answer = httpx.post(f"{day.suite.url}/api/evidence/imports", files=parts, headers=headers, timeout=60)
    last = json.loads(answer.text.splitlines()[-1])  # before it come lines of progress
    assert (answer.status_code, "result" in last) == (200, True), answer.text


def _by_grpc(day: Day, documents: Documents) -> None:
    def requests() -> Iterable[ImportRequest]:
        yield ImportRequest(spec=ImportSpec(source="doors"))
        for name, raw in _named(documents).items():
            yield ImportRequest(file=FileStart(name=f"door/{name}"))
            for start in range(0, len(raw), 1 << 20):
                yield ImportRequest(data=raw[start : start + (1 << 20)])
        yield ImportRequest(end=ImportEnd())

    metadata = (("authorization", f"Bearer {token(day)}"), ("x-stella-tenant", "demo"))
    with grpc.insecure_channel(f"127.0.0.1:{ports(day)['evidence']}") as channel:
        answers = ImportServiceStub(channel).Import(iter(requests()), metadata=metadata, timeout=60)
        assert [answer.HasField("result") for answer in answers][-1]


def _file(number: int, name: str) -> str:
    del number
    return f"door/{name}.json"


DOORS = (
    Door("files", _by_files, _file),
    Door("folder", _by_folder, _file),
    Door("zip", _by_file("d.zip", lambda d: zipped(_named(d))), lambda _, name: f"door/d.zip!{name}.json"),
    Door("tar", _by_file("d.tar", lambda d: tarred(_named(d))), lambda _, name: f"door/d.tar!{name}.json"),
    Door(
        "jsonl",
        _by_file("d.jsonl", lambda d: lines(d.values())),
        lambda line, _: f"door/d.jsonl:{line}",
        of_lines=True,
    ),
    Door(
        "jsonl.zst",
        _by_file("d.jsonl.zst", lambda d: zstandard.compress(lines(d.values()))),
        lambda line, _: f"door/d.jsonl.zst:{line}",
        of_lines=True,
    ),
    Door("REST", _by_rest, _file),
    Door("gRPC", _by_grpc, _file),
)
