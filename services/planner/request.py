"""Tells one client request from another, so that a repeated one gets the first answer."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Request:
    """The id that the client gave, which may be empty, and the digest of everything else it asks."""

    id: str
    digest: str
