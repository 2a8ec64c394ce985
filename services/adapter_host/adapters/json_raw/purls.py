"""Reads package URLs as far as selection needs: type, name as the ecosystem spells it, forms to compare."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote

import msgspec

SCHEME = "pkg:"
# In canonical JSON a quote that opens a text follows one of `[:,{`, one within a text a backslash. The look
# behind stands after the beginning, so that the search is for constant bytes.
_BEGIN = rb'"pkg:(?<=[\[:,{]"pkg:)'
_TEXT = re.compile(_BEGIN + rb'[^"\\]*(?:\\.[^"\\]*)*"')
_ESCAPED = re.compile(_BEGIN + rb'[^"\\%]*[\\%]')
# Type and namespace of a URL that spells both plainly, and a name that cannot be empty; both groups are empty
# where only the whole text can tell.
_HEAD = re.compile(_BEGIN + rb'(?:([a-z][a-z0-9.+-]*)/(?:([^"\\%@?#/]+)/)?[^"\\%@?#/])?')
_TYPE = re.compile(r"[a-z][a-z0-9.+-]*")
# Their namespace is the distribution, no part of the package's name.
_DISTRIBUTION_TYPES = frozenset({"alpm", "apk", "deb", "qpkg", "rpm"})

# Ecosystems of OSV and the type that package URLs have for them (a distribution's namespace after the slash).
TYPE_OF_ECOSYSTEM = {
    "AlmaLinux": "rpm/almalinux",
    "Alpine": "apk/alpine",
    "Bitnami": "bitnami",
    "CRAN": "cran",
    "Chainguard": "apk/chainguard",
    "ConanCenter": "conan",
    "Debian": "deb/debian",
    "GitHub Actions": "githubactions",
    "Go": "golang",
    "Hackage": "hackage",
    "Hex": "hex",
    "Maven": "maven",
    "NuGet": "nuget",
    "Packagist": "composer",
    "Pub": "pub",
    "PyPI": "pypi",
    "Red Hat": "rpm/redhat",
    "Rocky Linux": "rpm/rocky-linux",
    "RubyGems": "gem",
    "SUSE": "rpm/suse",
    "SwiftURL": "swift",
    "Ubuntu": "deb/ubuntu",
    "Wolfi": "apk/wolfi",
    "crates.io": "cargo",
    "npm": "npm",
    "openSUSE": "rpm/opensuse",
}


def purls_in(line: bytes) -> Iterator[str]:
    """Yield every package URL that a canonical document holds as a text of its own, percent-decoded."""
    for found in _TEXT.findall(line):
        text = msgspec.json.decode(found, type=str) if b"\\" in found else found[1:-1].decode("utf-8")
        yield unquote(text) if "%" in text else text


def holds_escaped(line: bytes) -> bool:
    """Say whether a package URL is spelled otherwise in a canonical document than `purls_in` gives it."""
    return _ESCAPED.search(line) is not None


def ecosystems_in(line: bytes) -> set[str]:
    """Return `ecosystems_of` of every package URL that a canonical document holds, joined."""
    kinds: set[str] = set()
    for head in set(_HEAD.findall(line)):
        kind, namespace = head[0].decode("ascii"), head[1].decode("utf-8")
        if not kind or (kind in _DISTRIBUTION_TYPES and not namespace):
            return {kind for purl in purls_in(line) for kind in ecosystems_of(purl)}
        kinds.add(kind)
        if kind in _DISTRIBUTION_TYPES:
            kinds.add(f"{kind}/{namespace}")
    return kinds


def forms(purl: str) -> tuple[str, str, str]:
    """Return the URL as it is, without qualifiers and subpath, and without the version too."""
    plain = purl.split("?", 1)[0].split("#", 1)[0]
    slash = plain.rfind("/")
    at = plain.rfind("@")
    # An `@` right after the slash begins a scope that was not escaped.
    return purl, plain, plain[:at] if at > slash + 1 else plain


def types_of(ecosystem: str) -> tuple[str, ...]:
    """Return the types, as `ecosystems_of` does, that package URLs have for an ecosystem or a form of it."""
    kind = TYPE_OF_ECOSYSTEM.get(ecosystem.split(":", 1)[0], "")
    if not kind:
        return ()
    return (kind.split("/", 1)[0], kind) if "/" in kind else (kind,)


def purl_of(ecosystem: str, name: str) -> str:
    """Return the package URL of a package without one, or nothing where its ecosystem has no type."""
    types = types_of(ecosystem)
    if not types:
        return ""
    path = name.replace(":", "/") if types[-1] == "maven" else name
    return f"{SCHEME}{types[-1]}/{path}"


def ecosystems_of(purl: str) -> tuple[str, ...]:
    """Return the type, and for a distribution's package also `type/distribution`; nothing if malformed."""
    kind, path = _split(purl)
    if not kind:
        return ()
    return (kind, f"{kind}/{path[0]}") if kind in _DISTRIBUTION_TYPES and len(path) > 1 else (kind,)


def name_of(purl: str) -> str:
    """Return the package's name as its ecosystem spells it, or nothing if the URL is malformed."""
    kind, path = _split(purl)
    if not path:
        return ""
    if kind in _DISTRIBUTION_TYPES:
        return path[-1]
    return ":".join(path) if kind == "maven" else "/".join(path)


def _split(purl: str) -> tuple[str, list[str]]:
    """Return type and path of a URL; empty where it is malformed."""
    kind, _, path = forms(purl)[2].removeprefix(SCHEME).lstrip("/").partition("/")
    if not _TYPE.fullmatch(kind):
        return "", []
    return kind, [piece for piece in path.split("/") if piece]
