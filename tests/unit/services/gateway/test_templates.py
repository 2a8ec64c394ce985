"""Path templates of the contracts: what they match, what they do not, how they are shown."""

from __future__ import annotations

import pytest

from services.gateway.templates import parse_template


@pytest.mark.parametrize(
    ("template", "path", "values"),
    [
        ("/api/export/runs", "/api/export/runs", {}),
        ("/api/export/{name=runs/*}", "/api/export/runs/r-1", {"name": "runs/r-1"}),
        ("/api/export/{name=runs/*}:cancel", "/api/export/runs/r-1:cancel", {"name": "runs/r-1"}),
        ("/api/export/{parent=runs/*}/files", "/api/export/runs/r-1/files", {"parent": "runs/r-1"}),
        ("/x/{profile.name=profiles/*}", "/x/profiles/nightly", {"profile.name": "profiles/nightly"}),
        ("/x/{name=a/*/b/*}", "/x/a/1/b/2", {"name": "a/1/b/2"}),
        ("/x/{id}", "/x/one", {"id": "one"}),
    ],
)
def test_a_path_gives_its_variables(template: str, path: str, values: dict[str, str]) -> None:
    parsed = parse_template(template)
    found = parsed.pattern.fullmatch(path)
    assert found is not None
    assert values == {field: found[group] for group, field in parsed.fields}


@pytest.mark.parametrize(
    "path",
    [
        "/api/export/runs",
        "/api/export/runs/",
        "/api/export/runs/a/b",
        "/api/export/runs/a:cancel",
        "/api/export/profiles/a",
        "/api/export/runs/a/",
        "/prefix/api/export/runs/a",
    ],
)
def test_another_path_does_not_match(path: str) -> None:
    assert parse_template("/api/export/{name=runs/*}").pattern.fullmatch(path) is None


def test_a_dot_in_a_template_is_a_dot() -> None:
    assert parse_template("/.well-known/x").pattern.fullmatch("/awell-known/x") is None


@pytest.mark.parametrize(
    ("template", "shown"),
    [
        ("/api/export/{name=runs/*}:cancel", "/api/export/runs/{run}:cancel"),
        ("/x/{name=runs/*/distributions/*}", "/x/runs/{run}/distributions/{distribution}"),
        ("/x/{thing.id}", "/x/{thing_id}"),
    ],
)
def test_documentation_names_each_star_after_its_collection(template: str, shown: str) -> None:
    assert parse_template(template).shown == shown


def test_a_template_of_many_segments_is_not_taken() -> None:
    with pytest.raises(ValueError, match=r"\*\*"):
        parse_template("/x/{name=**}")
