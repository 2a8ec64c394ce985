"""Package URLs are found in documents and read as far as selection needs."""

from __future__ import annotations

import pytest

from libs.common.canon.encode import encode
from services.adapter_host.adapters.json_raw.purls import ecosystems_of, forms, name_of, purl_of, purls_in


def test_every_text_that_is_a_package_url_is_found() -> None:
    document = {"a": "pkg:npm/a", "b": ["pkg:npm/b", {"pkg:npm/c": "pkg:npm/d@1"}]}
    assert list(purls_in(encode(document))) == ["pkg:npm/a", "pkg:npm/b", "pkg:npm/c", "pkg:npm/d@1"]


def test_a_package_url_within_a_text_is_not_one_of_the_document() -> None:
    assert list(purls_in(encode({"text": 'see ["pkg:npm/a"] or,"pkg:npm/b" or pkg:npm/c'}))) == []


def test_escapes_of_json_and_of_package_urls_are_undone() -> None:
    document = {"purl": 'pkg:npm/%40scope/na"me'}
    assert list(purls_in(encode(document))) == ['pkg:npm/@scope/na"me']


@pytest.mark.parametrize(
    ("purl", "plain", "bare"),
    [
        ("pkg:npm/a@1.0?arch=x#sub", "pkg:npm/a@1.0", "pkg:npm/a"),
        ("pkg:npm/@scope/a@1.0", "pkg:npm/@scope/a@1.0", "pkg:npm/@scope/a"),
        ("pkg:npm/@scope", "pkg:npm/@scope", "pkg:npm/@scope"),
        ("pkg:golang/k8s.io/api@v1", "pkg:golang/k8s.io/api@v1", "pkg:golang/k8s.io/api"),
    ],
)
def test_forms_leave_out_qualifiers_and_then_the_version(purl: str, plain: str, bare: str) -> None:
    assert forms(purl) == (purl, plain, bare)


@pytest.mark.parametrize(
    ("purl", "name"),
    [
        ("pkg:npm/@scope/a@1", "@scope/a"),
        ("pkg:maven/org.apache/log4j@2", "org.apache:log4j"),
        ("pkg:golang/golang.org/x/net", "golang.org/x/net"),
        ("pkg:deb/debian/openssl@3?arch=amd64", "openssl"),
        ("pkg:rpm/openssl", "openssl"),
        ("pkg://pypi/django", "django"),
        ("pkg:/", ""),
        ("pkg:invalid", ""),
    ],
)
def test_a_name_is_spelled_as_its_ecosystem_does(purl: str, name: str) -> None:
    assert name_of(purl) == name


@pytest.mark.parametrize(
    ("purl", "ecosystems"),
    [
        ("pkg:golang/a/b", ("golang",)),
        ("pkg:deb/debian/openssl", ("deb", "deb/debian")),
        ("pkg:rpm/openssl", ("rpm",)),
        ("pkg:/", ()),
    ],
)
def test_a_type_tells_the_ecosystem(purl: str, ecosystems: tuple[str, ...]) -> None:
    assert ecosystems_of(purl) == ecosystems


@pytest.mark.parametrize(
    ("ecosystem", "name", "purl"),
    [
        ("Go", "golang.org/x/net", "pkg:golang/golang.org/x/net"),
        ("Maven", "org.apache:log4j", "pkg:maven/org.apache/log4j"),
        ("AlmaLinux:9", "openssl", "pkg:rpm/almalinux/openssl"),
        ("OSS-Fuzz", "zlib", ""),
    ],
)
def test_a_package_by_ecosystem_and_name_has_a_package_url(ecosystem: str, name: str, purl: str) -> None:
    assert purl_of(ecosystem, name) == purl
