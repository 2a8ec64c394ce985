"""Rules of paths in a bundle."""

from __future__ import annotations

import pytest

from libs.common.bundle import layout
from libs.common.bundle.faults import BadPath


@pytest.mark.parametrize(
    "path",
    [
        *layout.UNLISTED,
        "README.md",
        "indexes/vex.index.json",
        "a",
        "-a/..b/c..",
        "d" * 100,
        "d" * 154 + "/" + "n" * 100,
    ],
)
def test_paths_of_the_format_are_taken(path: str) -> None:
    assert layout.check_path(path) == path


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/a",
        "a/",
        "a//b",
        "./a",
        "a/./b",
        "../a",
        "a/..",
        "..",
        "a b",
        "a\\b",
        "a:b",
        "a\n",
        "größe",
        "a\0b",
        "a" * 256,
    ],
)
def test_other_paths_are_refused(path: str) -> None:
    with pytest.raises(BadPath):
        layout.check_path(path)


@pytest.mark.parametrize("path", ["n" * 101, "d" * 156 + "/" + "n" * 90, "d/" + "n" * 101])
def test_a_path_that_no_ustar_header_carries_is_refused(path: str) -> None:
    with pytest.raises(BadPath, match="ustar"):
        layout.check_path(path)


def test_the_shortest_prefix_is_taken() -> None:
    path = "a/" * 40 + "n" * 60
    prefix, name = layout.ustar_name(path)
    assert (f"{prefix}/{name}", len(name) <= 100, len(name) + 2 > 100) == (path, True, True)


@pytest.mark.parametrize(
    ("paths", "reason"),
    [
        (["a", "a"], "twice"),
        (["b", "a"], "ascend"),
        (["A", "a"], "in case alone"),
        (["a", "a/b"], "cannot be a folder"),
        (["A", "a-c", "a/b"], "cannot be a folder"),
        (["A/b", "a"], "cannot be a file"),
        (["a/B", "a/b"], "in case alone"),
    ],
)
def test_paths_that_cannot_lie_in_one_folder_are_refused(paths: list[str], reason: str) -> None:
    tree = layout.Tree()
    for path in paths[:-1]:
        tree.add(path)
    with pytest.raises(BadPath, match=reason):
        tree.add(paths[-1])


def test_record_paths_are_made_of_kind_source_part_and_role() -> None:
    part = "part-0123456789abcdef"
    made = [
        layout.record_path("advisory", "osv-go", part, layout.DOCUMENTS),
        layout.record_path("vex", "vex.hub", part, layout.SOURCES),
        layout.record_path("sbom", "s", part, layout.DOCUMENTS),
        layout.record_path("finding", "grype", part, layout.DOCUMENTS),
    ]
    assert made == [
        "data/raw/advisories/osv-go/part-0123456789abcdef.jsonl.zst",
        "data/raw/vex/vex.hub/part-0123456789abcdef.sources.jsonl.zst",
        "data/raw/sboms/s/part-0123456789abcdef.jsonl.zst",
        "data/raw/findings/grype/part-0123456789abcdef.jsonl.zst",
    ]


def test_the_longest_record_path_fits() -> None:
    path = layout.record_path("advisory", "s" * 64, "part-" + "0" * 64, layout.SOURCES)
    assert layout.check_path(path) == path


@pytest.mark.parametrize(
    ("kind", "source", "part", "role"),
    [
        ("policy", "s", "part-0123456789abcdef", "documents"),
        ("vex", "..", "part-0123456789abcdef", "documents"),
        ("vex", "a/b", "part-0123456789abcdef", "documents"),
        ("vex", "s", "part-0123", "documents"),
        ("vex", "s", "part-0123456789ABCDEF", "documents"),
        ("vex", "s", "part-0123456789abcdef", "other"),
    ],
)
def test_record_paths_are_made_of_nothing_else(kind: str, source: str, part: str, role: str) -> None:
    with pytest.raises(BadPath):
        layout.record_path(kind, source, part, role)


def test_a_companion_is_found_from_its_documents() -> None:
    part = "part-0123456789abcdef"
    documents = layout.record_path("vex", "s", part, layout.DOCUMENTS)
    companion = layout.record_path("vex", "s", part, layout.SOURCES)
    assert layout.companion_path(documents) == companion
    assert (layout.part_name_of(documents), layout.part_name_of(companion)) == (part, part)
    assert (layout.is_documents_path(documents), layout.is_documents_path(companion)) == (True, False)


def test_the_manifest_lists_all_but_itself_provenance_and_signatures() -> None:
    unlisted = ["export.json", "provenance.json", "signatures/export.sig", "signatures/other"]
    assert [path for path in [*unlisted, "README.md"] if layout.is_listed(path)] == ["README.md"]


def test_content_types_follow_from_the_name() -> None:
    types = [layout.content_type(path) for path in ("a.jsonl.zst", "a.json", "README.md", "trivy.db")]
    assert types == [
        "application/zstd",
        "application/json",
        "text/markdown; charset=utf-8",
        "application/octet-stream",
    ]
