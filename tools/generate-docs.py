"""Writes the generated parts of the documentation: comments, REST routes, errors, metrics, bad days.

Usage: python tools/generate-docs.py [--check]; with --check nothing is written and a difference is an error.
"""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

from libs.common.errors import catalogue
from libs.common.metrics import table as metrics_table
from libs.common.rpc.access import REQUIRED
from services.gateway.binding import bindings
from services.gateway.comments import FILE as COMMENTS_FILE
from services.gateway.comments import Comments
from services.gateway.operations import OPERATIONS
from tests.bad_days import page as bad_days_page

REPOSITORY = Path(__file__).resolve().parents[1]
API_PAGE = REPOSITORY / "docs" / "modules" / "export-center" / "api.md"
TELEMETRY_PAGE = REPOSITORY / "docs" / "operations" / "telemetry.md"
BAD_DAYS_PAGE = REPOSITORY / "docs" / "operations" / "bad-days.md"
PROTO = REPOSITORY / "proto"
# The contracts that REST shows.
FOLDERS = ("stellaops/export/v1", "stellaops/evidence/v1")

# Paths of source locations are made of field numbers of descriptor.proto and indexes.
_MEMBERS: dict[str, dict[int, str]] = {
    "file": {4: "message_type", 5: "enum_type", 6: "service"},
    "message_type": {2: "field", 3: "nested_type", 4: "enum_type"},
    "nested_type": {2: "field", 3: "nested_type", 4: "enum_type"},
    "enum_type": {2: "value"},
    "service": {2: "method"},
}


def main(arguments: list[str]) -> int:
    """Write or check every generated text."""
    comments = comment_text()
    page = api_page(API_PAGE.read_text(encoding="utf-8"), Comments(json.loads(comments)))
    telemetry = _between(TELEMETRY_PAGE.read_text(encoding="utf-8"), "metrics", metrics_table())
    bad_days = _between(BAD_DAYS_PAGE.read_text(encoding="utf-8"), "bad days", bad_days_page.bad_days())
    pages = ((API_PAGE, page), (TELEMETRY_PAGE, telemetry), (BAD_DAYS_PAGE, bad_days))
    stale = []
    for path, text in ((COMMENTS_FILE, comments), *pages):
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(path.relative_to(REPOSITORY))
        if "--check" not in arguments:
            path.write_text(text, encoding="utf-8")
    if stale and "--check" in arguments:
        names = ", ".join(map(str, stale))
        sys.stderr.write(f"error: {names} is not what the code gives; run: python tools/generate-docs.py\n")
        return 1
    return 0


def comment_text() -> str:
    """Return the comments of the contracts by full name, as a JSON file."""
    found = {name: text for file in _descriptors().file for name, text in comments_of(file)}
    return json.dumps(dict(sorted(found.items())), ensure_ascii=False, indent=0) + "\n"


def _descriptors() -> FileDescriptorSet:
    files = sorted(
        str(path.relative_to(PROTO)) for folder in FOLDERS for path in (PROTO / folder).glob("*.proto")
    )
    with tempfile.NamedTemporaryFile() as output:
        includes = [f"-I{PROTO}", f"-I{PROTO / 'third_party'}"]
        command = [sys.executable, "-m", "grpc_tools.protoc", *includes, "--include_source_info"]
        subprocess.run([*command, f"--descriptor_set_out={output.name}", *files], check=True)  # noqa: S603 - our own files
        return FileDescriptorSet.FromString(Path(output.name).read_bytes())


def comments_of(file: FileDescriptorProto) -> Iterator[tuple[str, str]]:
    """Yield full name and comment of everything in a file that has a comment."""
    for location in file.source_code_info.location:
        text = " ".join(location.leading_comments.split())
        name = _name_at(file, location.path) if text else ""
        if name:
            yield f"{file.package}.{name}", text


def _name_at(file: FileDescriptorProto, path: Sequence[int]) -> str:
    """Return the name, within the package, of what a source location is about, or an empty string."""
    item: Any = file
    kind = "file"
    names: list[str] = []
    if len(path) % 2:
        return ""
    for number, index in zip(path[::2], path[1::2], strict=True):
        kind = _MEMBERS.get(kind, {}).get(number, "")
        if not kind:
            return ""
        item = getattr(item, kind)[index]
        names.append(item.name)
    return ".".join(names)


def api_page(page: str, comments: Comments) -> str:
    """Return the page with its generated parts made anew."""
    page = _between(page, "routes", _routes_table(comments))
    return _between(page, "errors", _errors_table())


def _between(page: str, name: str, text: str) -> str:
    begin, end = f"<!-- generated: {name} -->\n", f"<!-- end: {name} -->"
    before, _, rest = page.partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        raise SystemExit(f"error: the page has no markers `{begin.strip()}` and `{end}`")
    return f"{before}{begin}{text}{end}{after}"


def _routes_table(comments: Comments) -> str:
    rows = [
        (b.template.shown, b.verb, b.method.name, REQUIRED[b.rpc], comments.of(b.method.full_name))
        for b in bindings()
    ]
    rows += [(o.path, o.verb, o.name, REQUIRED.get(o.rpc, "none"), o.summary) for o in OPERATIONS]
    lines = ["| route | operation | scope | what it does |", "| --- | --- | --- | --- |"]
    lines += [
        f"| `{verb} {path}` | {name} | `{scope}` | {what} |" for path, verb, name, scope, what in sorted(rows)
    ]
    return "\n".join(lines) + "\n"


def _errors_table() -> str:
    _import_everything_shared()
    lines = [
        "| code | HTTP | gRPC | meaning | message | what to do |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for code, kind in catalogue().items():
        if kind.__module__.startswith("libs.common"):
            meaning = (kind.__doc__ or "").partition("\n")[0]
            cells = (kind.http, kind.status, meaning, kind.sentence, kind.cure)
            row = " | ".join(str(cell).replace("|", "\\|") for cell in cells)
            lines.append(f"| `{code}` | {row} |")
    return "\n".join(lines) + "\n"


def _import_everything_shared() -> None:
    """Import what services share, since an error is in the catalogue once its module is imported."""
    for path in sorted((REPOSITORY / "libs" / "common").rglob("*.py")):
        if path.stem != "__main__":
            importlib.import_module(".".join(path.relative_to(REPOSITORY).with_suffix("").parts))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
