"""The evidence that schedules export and import: small, of several kinds, sources, parts and shards."""

from __future__ import annotations

from dataclasses import dataclass

from tests.kit import made_up

SOURCES_OF_SBOMS = 4
SBOM_BYTES = 300_000  # four of them fill a shard of the smallest size


@dataclass(frozen=True, slots=True)
class Feed:
    """The files of one source; a whole one replaces what the source had."""

    source: str
    files: tuple[tuple[str, bytes], ...]
    is_whole: bool = False


def exported() -> list[Feed]:
    """Return what is exported again and again."""
    sboms = [
        Feed(
            f"images-{source}",
            tuple(made_up.sbom(100 * source + number, SBOM_BYTES) for number in range(4)),
        )
        for source in range(SOURCES_OF_SBOMS)
    ]
    advisories = [Feed(f"osv-{part}", _advisories(range(part * 300, part * 300 + 300))) for part in range(2)]
    return [*advisories, *sboms]


def before() -> list[Feed]:
    """Return what the ledger holds before a disturbed import."""
    return [Feed("osv", _advisories(range(600)))]


def after() -> Feed:
    """Return the disturbed import: records go, come, change and stay."""
    changed = tuple(
        (name, data.replace(b"package-", b"renamed-")) for name, data in _advisories(range(200, 260))
    )
    return Feed(
        "osv", (*_advisories(range(100, 200)), *changed, *_advisories(range(260, 800))), is_whole=True
    )


def _advisories(numbers: range) -> tuple[tuple[str, bytes], ...]:
    return tuple(made_up.advisory(number) for number in numbers)
