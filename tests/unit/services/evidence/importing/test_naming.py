"""Names decide how a file is opened, and which source and kind it belongs to where nobody says."""

from __future__ import annotations

import pytest

from services.evidence.importing.naming import (
    SOURCE,
    Opening,
    clean_source,
    folder_kind,
    is_accessory,
    opening,
    source_name,
    tidy,
)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.json", Opening("", "document")),
        ("a.JSON.GZ", Opening("gzip", "document")),
        ("a.json.zst", Opening("zstd", "document")),
        ("a.jsonl", Opening("", "lines")),
        ("a.jsonl.zst", Opening("zstd", "lines")),
        ("a.ndjson.gz", Opening("gzip", "lines")),
        ("a.tar", Opening("", "tar")),
        ("a.tar.gz", Opening("gzip", "tar")),
        ("a.tgz", Opening("gzip", "tar")),
        ("a.tar.zst", Opening("zstd", "tar")),
        ("a.zip", Opening("", "zip")),
        ("a", Opening("", "document")),
    ],
)
def test_endings_say_how_a_file_is_opened(name: str, expected: Opening) -> None:
    assert opening(name) == expected


@pytest.mark.parametrize(
    ("path", "shape", "expected"),
    [
        ("advisories/osv-go.jsonl.zst", "lines", "osv-go"),
        ("kev.jsonl.zst", "lines", "kev"),
        ("GHSA/2024/x.json", "document", "ghsa"),
        ("single.openvex.json", "document", "single.openvex"),
        ("feeds/all.tar.gz", "archive", "all"),
        ("Ünïcode Feed.zip", "archive", "n-code-feed"),
        (".json", "document", "json"),
        ("日本.zip", "archive", "unnamed"),
        ("a" * 200 + ".zip", "archive", "a" * 64),
    ],
)
def test_a_source_is_named_after_what_holds_its_documents(path: str, shape: str, expected: str) -> None:
    assert source_name(path, shape) == expected


@pytest.mark.parametrize("text", ["", "---", "a-" * 60, "..", "a" + "-" * 63 + "b", "UPPER", "a/b\\c"])
def test_every_cleaned_source_is_a_source(text: str) -> None:
    assert SOURCE.fullmatch(clean_source(text))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("advisories/a.jsonl", "advisory"),
        ("x/CVE/a.jsonl", "advisory"),
        ("vex/a.jsonl", "vex"),
        ("sboms/a/b.json", "sbom"),
        ("findings/a.json", "finding"),
        ("vex.jsonl", ""),
        ("policies/a.jsonl", ""),
    ],
)
def test_a_folder_names_the_kind(path: str, expected: str) -> None:
    assert folder_kind(path) == expected


def test_signatures_checksums_and_texts_are_accessories() -> None:
    assert all(map(is_accessory, ["a.json.asc", "a.json.SHA256", "README.md", "changes.csv", "index.txt"]))
    assert not any(map(is_accessory, ["a.json", "a.jsonl.zst", "a.zip", "LICENSE"]))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("./a/b.json", "a/b.json"),
        ("/etc/passwd", "etc/passwd"),
        ("../../x.json", "../../x.json"),
        ("a\nb\x1b[31m.json", "a\\x0ab\\x1b[31m.json"),
        ("a\udc80", "a\\xdc80"),
        ("/", "unnamed"),
    ],
)
def test_names_are_shown_without_control_characters(name: str, expected: str) -> None:
    assert tidy(name) == expected
