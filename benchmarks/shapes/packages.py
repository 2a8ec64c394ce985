"""Names packages of a fixed universe, the same at any scale, and draws their versions."""

from __future__ import annotations

from functools import cache

from benchmarks.shapes.drawing import Chance, chance_of, pick

UNIVERSE = 20_000  # names of an ecosystem; by the Zipf law the first has 7% of what is drawn
_WORDS = (
    "alder", "birch", "cedar", "dahlia", "elder", "fern", "ginger", "hazel", "iris", "juniper", "kelp",
    "larch", "maple", "nettle", "olive", "poplar", "quince", "rowan", "spruce", "thyme", "umber",
    "violet", "willow", "yarrow",
)  # fmt: skip
_TYPES = {
    "Go": "golang",
    "PyPI": "pypi",
    "crates.io": "cargo",
    "npm": "npm",
    "Maven": "maven",
    "AlmaLinux": "rpm",
}


@cache  # bounded by the universe
def package(ecosystem: str, place: int) -> str:
    """Return the name of the package at a place of the ecosystem's popularity."""
    chance = chance_of("package", ecosystem, place)
    name = f"{pick(chance, _WORDS)}-{pick(chance, _WORDS)}{place % 1000 or ''}"
    if ecosystem == "Go":
        return f"example.org/{pick(chance, _WORDS)}{place // 1000}/{name}"
    if ecosystem == "npm" and place % 5 == 0:
        return f"@{pick(chance, _WORDS)}/{name}"
    return f"{name}-{place // 1000}" if place > 1000 else name  # noqa: PLR2004 - names of the rest need it


def purl_type(ecosystem: str) -> str:
    """Return an ecosystem's package URL type."""
    return _TYPES.get(ecosystem, "generic")


def version(chance: Chance) -> str:
    """Return a version."""
    return f"{int(10 ** chance()) - 1}.{int(chance() * 30)}.{int(chance() * 20)}"
