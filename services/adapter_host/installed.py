"""Knows which adapters this host can run."""

from __future__ import annotations

from collections.abc import Mapping

from libs.common.discover import discover
from libs.common.errors import AdapterUnknown, AdapterVersion
from services.adapter_host.adapters.base import Adapter

PACKAGE = "services.adapter_host.adapters"


def _name(adapter: Adapter) -> str:
    return adapter.about.name


def installed_adapters() -> dict[str, Adapter]:
    """Return every adapter by `kind:variant`, in order."""
    return discover(PACKAGE, "adapter", "ADAPTER", _name)


def choose(adapters: Mapping[str, Adapter], kind: str, variant: str) -> Adapter:
    """Return the adapter of a kind and variant."""
    name = f"{kind}:{variant}"
    if name not in adapters:
        raise AdapterUnknown(adapter=name, known=", ".join(f"`{known}`" for known in adapters))
    return adapters[name]


def require_version(adapter: Adapter, wanted: str) -> None:
    """Raise `AdapterVersion` unless the adapter is the one that the plan was made for."""
    about = adapter.about
    if about.version != wanted:
        raise AdapterVersion(adapter=about.name, installed=about.version, wanted=wanted)
