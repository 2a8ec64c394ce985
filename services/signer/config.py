"""Every setting of the signer."""

from __future__ import annotations

import dataclasses

from libs.common.settings import ServiceSettings, setting


@dataclasses.dataclass(frozen=True, kw_only=True)
class SignerSettings(ServiceSettings):
    """What the signer needs beside what every service needs."""

    keys_uri: str = setting("Where private keys are: `file:///folder` of encrypted cosign key files.")
    key_password_file: str = setting("File that holds the password of those keys.")
    builder_id: str = setting(
        "URI that provenance names as the builder; verifiers trust pairs of key and builder.",
        default="https://stellaops.io/export-center/builder/v1",
    )
    sign_concurrency: int = setting("Manifests signed at the same time.", default=4, low=1, high=64)
