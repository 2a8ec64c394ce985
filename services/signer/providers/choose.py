"""Decides which key provider serves a URI."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType

from libs.common.settings import BadSetting
from services.signer.providers.base import KeyProvider
from services.signer.providers.file.provider import FileProvider

PROVIDERS: MappingProxyType[str, Callable[[str, str], KeyProvider]] = MappingProxyType(
    {"file": FileProvider.from_uri}
)


def open_provider(uri: str, password_file: str) -> KeyProvider:
    """Return the provider of `uri`, or raise `BadSetting`."""
    scheme, separator, _ = uri.partition("://")
    if not separator or scheme not in PROVIDERS:
        raise BadSetting(
            name="EXPORT_KEYS_URI",
            reason=f"`{uri[:80]}` has none of the schemes {', '.join(sorted(PROVIDERS))}",
        )
    return PROVIDERS[scheme](uri, password_file)
