"""What a profile exports: the versioned spec as a value, and its one JSON form.

The JSON form is the contract's own (protobuf JSON, absent fields left out), so that whoever reads a spec over
the interface can compute its digest. Lists are sets: what is kept is `normalised`, so sorted.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from libs.common.canon.encode import encode
from libs.common.digests import Digest, sha256_digest

DEFAULT_COMPRESSION_LEVEL = 3
_KIND_PREFIX = "RECORD_KIND_"


@dataclass(frozen=True, slots=True)
class Selector:
    """Which records; times are RFC 3339 in UTC, or empty."""

    sources: tuple[str, ...] = ()
    ecosystems: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    modified_since: str = ""
    modified_until: str = ""

    def narrowed_by(self, other: Selector) -> Selector:
        """Return this selector with every field that `other` sets replaced by it."""
        fields = (field.name for field in dataclasses.fields(Selector))
        return Selector(**{name: getattr(other, name) or getattr(self, name) for name in fields})

    def normalised(self) -> Selector:
        """Return the selector with its lists sorted."""
        return dataclasses.replace(
            self,
            sources=_sorted(self.sources),
            ecosystems=_sorted(self.ecosystems),
            packages=_sorted(self.packages),
            ids=_sorted(self.ids),
        )


@dataclass(frozen=True, slots=True)
class SpecTarget:
    """One destination."""

    id: str
    driver: str


@dataclass(frozen=True, slots=True)
class ProfileSpec:
    """What to export, how and where to; `include` holds record kinds in lower case."""

    kind: str
    variant: str
    include: tuple[str, ...] = ()
    selector: Selector = dataclasses.field(default_factory=Selector)
    compression_level: int = 0
    targets: tuple[SpecTarget, ...] = ()
    retention_days: int = 0

    @property
    def effective_level(self) -> int:
        """Return the compression level, the default where none is set."""
        return self.compression_level or DEFAULT_COMPRESSION_LEVEL

    def normalised(self) -> ProfileSpec:
        """Return the spec with its lists sorted."""
        return dataclasses.replace(
            self,
            include=_sorted(self.include),
            selector=self.selector.normalised(),
            targets=tuple(sorted(self.targets, key=lambda target: target.id)),
        )


def selector_document(selector: Selector) -> dict[str, Any]:
    """Return the JSON form of a selector."""
    document: dict[str, Any] = {
        "sources": list(selector.sources),
        "ecosystems": list(selector.ecosystems),
        "packages": list(selector.packages),
        "ids": list(selector.ids),
        "modifiedSince": selector.modified_since,
        "modifiedUntil": selector.modified_until,
    }
    return _without_empty(document)


def selector_from_document(document: Mapping[str, Any]) -> Selector:
    """Return the selector that a JSON form stands for."""
    return Selector(
        tuple(document.get("sources", ())),
        tuple(document.get("ecosystems", ())),
        tuple(document.get("packages", ())),
        tuple(document.get("ids", ())),
        document.get("modifiedSince", ""),
        document.get("modifiedUntil", ""),
    )


def spec_document(spec: ProfileSpec) -> dict[str, Any]:
    """Return the JSON form of a spec."""
    document: dict[str, Any] = {
        "kind": spec.kind,
        "variant": spec.variant,
        "include": [_KIND_PREFIX + kind.upper() for kind in spec.include],
        "selector": selector_document(spec.selector),
        "compressionLevel": spec.compression_level,
        "targets": [{"id": target.id, "driver": target.driver} for target in spec.targets],
        "retentionDays": spec.retention_days,
    }
    return _without_empty(document)


def spec_from_document(document: Mapping[str, Any]) -> ProfileSpec:
    """Return the spec that a JSON form stands for."""
    return ProfileSpec(
        document.get("kind", ""),
        document.get("variant", ""),
        tuple(kind.removeprefix(_KIND_PREFIX).lower() for kind in document.get("include", ())),
        selector_from_document(document.get("selector", {})),
        document.get("compressionLevel", 0),
        tuple(SpecTarget(target["id"], target["driver"]) for target in document.get("targets", ())),
        document.get("retentionDays", 0),
    )


def spec_json(spec: ProfileSpec) -> bytes:
    """Return the canonical JSON of a spec."""
    return encode(spec_document(spec))


def spec_digest(spec: ProfileSpec) -> Digest:
    """Return `sha256:…` over the canonical JSON of a spec."""
    return sha256_digest(spec_json(spec))


def _sorted(entries: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(set(entries)))


def _without_empty(document: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if value}
