"""Reads of a document no more than what stands at the places that rules ask for; the rest is passed over."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypedDict

import msgspec

from services.adapter_host.adapters.json_raw.facts import EACH, NESTED, Path

Reader = Callable[[bytes], Any]


def reader_of(paths: Iterable[Path]) -> Reader:
    """Return what reads a document so that everything at `paths`, and perhaps more, is there.

    A document of another shape than the paths suppose is read whole.
    """
    whole = msgspec.json.Decoder().decode
    part = msgspec.json.Decoder(_type_of(list(paths))).decode

    def read(line: bytes) -> Any:
        try:
            return part(line)
        except msgspec.ValidationError:
            return whole(line)

    return read


def _type_of(rests: list[Path]) -> Any:
    """Return the type of a value of which the rests of some paths are wanted."""
    if not all(rests) or any(NESTED in rest[:1] for rest in rests):
        return Any
    inner: dict[str, list[Path]] = {}
    for first, *rest in rests:
        inner.setdefault(first, []).append(tuple(rest))
    if EACH in inner:
        return Any if len(inner) > 1 else list[_type_of(inner[EACH])]  # type: ignore[misc] # made for a decoder
    members = {name: _type_of(found) for name, found in inner.items()}
    return TypedDict("Members", members, total=False)  # type: ignore[operator] # made for a decoder
