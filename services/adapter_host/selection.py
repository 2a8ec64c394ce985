"""What a selector asks of records, as a value: absent lists select all, several are joined by "and"."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Selection:
    """Which records of the planned sources are wanted; times are nanoseconds since 1970, `until` excluded."""

    ecosystems: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    modified_since: int | None = None
    modified_until: int | None = None

    @property
    def selects_all(self) -> bool:
        """Say whether no record can be left out."""
        return self == _EVERYTHING


_EVERYTHING = Selection()
