"""Decides which key provider serves a URI: the one in whose folder the scheme is named."""

from __future__ import annotations

from libs.common.discover import discover
from libs.common.settings import BadSetting
from services.signer.providers.base import KeyProvider, KeyProviderKind

FOLDER = "services.signer.providers"


def installed() -> dict[str, KeyProviderKind]:
    """Return every provider by its scheme."""
    return discover(FOLDER, "provider", "PROVIDER", lambda kind: kind.scheme)


def open_provider(uri: str, password_file: str) -> KeyProvider:
    """Return the provider of `uri`, or raise `BadSetting`."""
    kinds = installed()
    scheme, separator, _ = uri.partition("://")
    if not separator or scheme not in kinds:
        reason = f"`{uri[:80]}` has none of the schemes {', '.join(kinds)}"
        raise BadSetting(name="EXPORT_KEYS_URI", reason=reason)
    return kinds[scheme].from_uri(uri, password_file)
