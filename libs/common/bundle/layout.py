"""Decides which paths a bundle has, what each is for, and which of them the manifest lists.

Invariant: every path fits a ustar header, so the same paths serve as tar members, OCI titles and object keys.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from libs.common.bundle.faults import BadPath

MANIFEST = "export.json"
PROVENANCE = "provenance.json"
README = "README.md"
SIGNATURE = "signatures/export.sig"
MANIFEST_ENVELOPE = "signatures/export.dsse.json"
PROVENANCE_ENVELOPE = "signatures/provenance.dsse.json"
SIGSTORE_BUNDLE = "signatures/export.sigstore.json"
PUBLIC_KEY = "signatures/cosign.pub"

SIGNATURES = (MANIFEST_ENVELOPE, SIGNATURE, SIGSTORE_BUNDLE, PROVENANCE_ENVELOPE, PUBLIC_KEY)
# What cannot stand in the manifest: itself, and what is made from it. A bundle has all of these.
UNLISTED = frozenset({MANIFEST, PROVENANCE, *SIGNATURES})

DOCUMENTS = "documents"
SOURCES = "sources"
RECORD_FOLDERS: Mapping[str, str] = MappingProxyType(
    {"advisory": "advisories", "vex": "vex", "sbom": "sboms", "finding": "findings"}
)
RECORD_SUFFIX = ".jsonl.zst"
_SUFFIXES = {DOCUMENTS: RECORD_SUFFIX, SOURCES: f".sources{RECORD_SUFFIX}"}

MAX_PATH_CHARACTERS = (
    255  # the longest that a ustar header carries, and the longest file name of common systems
)
MAX_FILES = 100_000  # a terabyte in parts of 32 MiB, with companions and room
USTAR_NAME_CHARACTERS = 100  # POSIX.1-1988 ustar, field `name`
USTAR_PREFIX_CHARACTERS = 155  # the same, field `prefix`

_PATH = re.compile(r"[A-Za-z0-9._/-]+")
SOURCE = re.compile(r"[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?")
_PART_NAME = re.compile(r"part-[0-9a-f]{16,64}")
_DOCUMENTS_PATH = re.compile(r"data/raw/[a-z]+/[^/]+/[^/]+\.jsonl\.zst")
_CONTENT_TYPES = (
    (RECORD_SUFFIX, "application/zstd"),
    (".json", "application/json"),
    (".md", "text/markdown; charset=utf-8"),
)
OTHER_CONTENT_TYPE = "application/octet-stream"


def check_path(path: str) -> str:
    """Return `path` if a bundle may hold it, else raise BadPath with the rule it breaks."""
    if not 0 < len(path) <= MAX_PATH_CHARACTERS:
        raise BadPath(path, f"a path has 1 to {MAX_PATH_CHARACTERS} characters, this one has {len(path)}")
    if not _PATH.fullmatch(path):
        raise BadPath(path, "a path consists of letters, digits, `.`, `_`, `-` and `/` only")
    for component in path.split("/"):
        if component in {"", ".", ".."}:
            raise BadPath(path, f"a path has no empty, `.` or `..` component, this one has {component!r}")
    ustar_name(path)
    return path


def ustar_name(path: str) -> tuple[str, str]:
    """Return prefix and name under which a ustar header carries `path`; the shortest prefix that will do."""
    if len(path) <= USTAR_NAME_CHARACTERS:
        return "", path
    cut = path.find("/", len(path) - USTAR_NAME_CHARACTERS - 1)
    if not 0 < cut <= USTAR_PREFIX_CHARACTERS or cut == len(path) - 1:
        raise BadPath(
            path, "the path cannot be cut at a `/` into 155 and 100 characters, as a ustar header needs"
        )
    return path[:cut], path[cut + 1 :]


class Tree:
    """Takes the paths of a bundle in order and refuses what cannot be unpacked into one folder everywhere.

    Paths are valid, unique and ascend by bytes; none is a folder of another or differs from it in case alone.
    """

    __slots__ = ("_files", "_folders", "_last")

    def __init__(self) -> None:
        self._files: dict[str, str] = {}
        self._folders: set[str] = set()
        self._last = ""

    def add(self, path: str) -> None:
        """Take `path` or raise BadPath."""
        check_path(path)
        if path <= self._last:
            where = "stands twice" if path == self._last else f"stands after `{self._last}`"
            raise BadPath(path, f"the path {where}; paths are unique and ascend by bytes")
        folded = path.lower()
        if folded in self._files:
            raise BadPath(path, f"the path differs from `{self._files[folded]}` in case alone")
        if folded in self._folders:
            raise BadPath(path, "the path is a folder of other files, so it cannot be a file too")
        self._add_folders(path, folded)
        self._files[folded] = self._last = path
        if len(self._files) > MAX_FILES:
            raise BadPath(path, f"a bundle has at most {MAX_FILES} files")

    def _add_folders(self, path: str, folded: str) -> None:
        for cut in (index for index, character in enumerate(folded) if character == "/"):
            folder = folded[:cut]
            if folder in self._files:
                raise BadPath(path, f"`{self._files[folder]}` is a file, so it cannot be a folder too")
            self._folders.add(folder)
        if len(self._folders) > MAX_FILES:
            raise BadPath(path, f"a bundle has at most {MAX_FILES} folders")


def is_listed(path: str) -> bool:
    """Say whether the manifest lists `path`; it does not list itself, the provenance and the signatures."""
    return path not in UNLISTED and not path.startswith("signatures/")


def index_path(kind: str) -> str:
    """Return the path of a kind's index."""
    return f"indexes/{_known_kind(kind)}.index.json"


def record_path(kind: str, source: str, part_name: str, role: str) -> str:
    """Return the path of one part: its documents, or the companion that tells where each came from."""
    if not SOURCE.fullmatch(source):
        raise BadPath(
            source, "a source is 1 to 64 lower-case letters, digits, `.`, `_`, `-`, alphanumeric at both ends"
        )
    if not _PART_NAME.fullmatch(part_name):
        raise BadPath(part_name, "a part is named `part-` and at least 16 hexadecimal digits")
    if role not in _SUFFIXES:
        raise BadPath(role, f"the role of a part is `{DOCUMENTS}` or `{SOURCES}`")
    folder = RECORD_FOLDERS[_known_kind(kind)]
    return check_path(f"data/raw/{folder}/{source}/{part_name}{_SUFFIXES[role]}")


def part_name_of(path: str) -> str:
    """Return the part name in a record path of either role; another path gives no valid name."""
    return path.rpartition("/")[2].split(".", 1)[0]


def companion_path(path: str) -> str:
    """Return the path of the companion that tells where each line of the documents at `path` came from."""
    return path.removesuffix(_SUFFIXES[DOCUMENTS]) + _SUFFIXES[SOURCES]


def is_documents_path(path: str) -> bool:
    """Say whether the file holds raw documents as lines, not their sources and nothing derived."""
    return bool(_DOCUMENTS_PATH.fullmatch(path)) and not path.endswith(_SUFFIXES[SOURCES])


def is_of_kind(path: str, kind: str) -> bool:
    """Say whether the path is one of a record file of `kind`."""
    return path.startswith(f"data/raw/{RECORD_FOLDERS[_known_kind(kind)]}/")


def is_record_path(path: str) -> bool:
    """Say whether the file holds compressed lines."""
    return path.endswith(RECORD_SUFFIX)


def content_type(path: str) -> str:
    """Return the media type that the manifest states for `path`."""
    return next((kind for suffix, kind in _CONTENT_TYPES if path.endswith(suffix)), OTHER_CONTENT_TYPE)


def _known_kind(kind: str) -> str:
    if kind not in RECORD_FOLDERS:
        raise BadPath(kind, f"a kind of records is one of {', '.join(RECORD_FOLDERS)}")
    return kind
