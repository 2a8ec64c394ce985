"""Finds extensions: what each folder of a package offers under one name; a new one touches one folder."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from libs.common.errors import ExportError

T = TypeVar("T")


class BadExtension(ExportError):
    """An extension that cannot be used."""

    code = "ERR_EXPORT_EXTENSION"
    sentence = "Extension `{name}` cannot be used: {reason}."
    cure = "Mend or remove its folder and start again."


def discover(package: str, module: str, attribute: str, identity: Callable[[T], str]) -> dict[str, T]:
    """Return `attribute` of `<package>.<folder>.<module>` for each folder that has it, by identity in order.

    A folder without the module is refused, and so are two extensions of one identity.
    """
    found: dict[str, T] = {}
    origins: dict[str, str] = {}
    for folder in _folders(package):
        extension = _load(f"{package}.{folder}", module, attribute)
        name = identity(extension)
        if name in found:
            raise BadExtension(name=name, reason=f"both `{origins[name]}` and `{folder}` offer it")
        found[name] = extension
        origins[name] = folder
    return dict(sorted(found.items()))


def _folders(package: str) -> list[str]:
    """Return the names of the sub-packages; implicit namespace packages have no marker file to look for."""
    roots = [Path(root) for root in importlib.import_module(package).__path__]
    names = {entry.name for root in roots for entry in root.iterdir() if entry.is_dir()}
    return sorted(name for name in names if name.isidentifier() and not name.startswith("__"))


def _load(package: str, module: str, attribute: str) -> Any:
    folder = package.rpartition(".")[2]
    try:
        loaded = importlib.import_module(f"{package}.{module}")
    except ModuleNotFoundError as error:
        if error.name not in (package, f"{package}.{module}"):
            raise
        raise BadExtension(name=folder, reason=f"it has no module `{module}`") from error
    try:
        return getattr(loaded, attribute)
    except AttributeError as error:
        raise BadExtension(name=folder, reason=f"its module `{module}` has no `{attribute}`") from error
