"""Reads file names: how a file is opened, which source and kind it belongs to, what is only an accessory."""

from __future__ import annotations

import re
from dataclasses import dataclass

COMPRESSIONS = {".zst": "zstd", ".gz": "gzip", ".tgz": "gzip", ".tzst": "zstd"}
SHAPES = {".jsonl": "lines", ".ndjson": "lines", ".tar": "tar", ".tgz": "tar", ".tzst": "tar", ".zip": "zip"}
# Files that publishers put beside documents; they hold no evidence of their own.
ACCESSORIES = (".asc", ".sig", ".sha256", ".sha512", ".md", ".txt", ".csv", ".html")
_STEM_ENDINGS = (*COMPRESSIONS, *SHAPES, ".json", ".jsonld", ".sarif")
_FOLDER_KINDS = {
    "advisories": "advisory",
    "advisory": "advisory",
    "cve": "advisory",
    "vex": "vex",
    "sboms": "sbom",
    "sbom": "sbom",
    "findings": "finding",
    "finding": "finding",
}
SOURCE = re.compile(r"[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?")
MAX_SOURCE_LENGTH = 64
UNNAMED_SOURCE = "unnamed"


@dataclass(frozen=True, slots=True)
class Opening:
    """How a file is opened: first unpacked (`zstd`, `gzip` or not at all), then read in its shape."""

    compression: str
    shape: str


def opening(name: str) -> Opening:
    """Say from a file's endings how to open it; a file without a known ending is one document."""
    lowered = name.lower()
    compression = next((how for ending, how in COMPRESSIONS.items() if lowered.endswith(ending)), "")
    if lowered.endswith((".zst", ".gz")):
        lowered = lowered.rpartition(".")[0]
    shape = next((how for ending, how in SHAPES.items() if lowered.endswith(ending)), "document")
    return Opening(compression, shape)


def is_accessory(name: str) -> bool:
    """Say whether a file only accompanies documents: a signature, a checksum, a text for people."""
    return name.lower().endswith(ACCESSORIES)


def tidy(name: str) -> str:
    """Return a name as it stands in locations: no control characters, no leading `./` or `/`."""
    if not name.isprintable():
        name = "".join(
            character if character.isprintable() else f"\\x{ord(character):02x}" for character in name
        )
    return name.removeprefix("./").lstrip("/") or "unnamed"


def folder_kind(path: str) -> str:
    """Return the kind that a folder in the path names, or nothing."""
    return next(
        (_FOLDER_KINDS[part] for part in path.lower().split("/")[:-1] if part in _FOLDER_KINDS),
        "",
    )


def source_name(path: str, shape: str) -> str:
    """Return the source that a file belongs to where none is stated.

    A single document belongs to the first folder of its path; a file that holds many is its own source.
    """
    folder, slash, _ = path.partition("/")
    if shape == "document" and slash:
        return clean_source(folder)
    stem = path.rpartition("/")[2].lower()
    while ending := next((known for known in _STEM_ENDINGS if stem.endswith(known) and stem != known), ""):
        stem = stem.removesuffix(ending)
    return clean_source(stem)


def clean_source(text: str) -> str:
    """Return `text` as a source name: lower case, other characters as `-`, letters or digits at both ends."""
    allowed = re.sub(r"[^a-z0-9._-]+", "-", text.lower())[: MAX_SOURCE_LENGTH * 4].strip("._-")
    return allowed[:MAX_SOURCE_LENGTH].strip("._-") or UNNAMED_SOURCE
