"""A service's own token is read anew for each call, and a file that is gone for a while costs nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from libs.common.errors import Unavailable
from libs.common.rpc.client import ServiceIdentity


def test_the_newest_token_is_sent_and_the_last_one_while_its_file_is_away(tmp_path: Path) -> None:
    file = tmp_path / "service.token"
    identity = ServiceIdentity(str(file))
    with pytest.raises(Unavailable, match="No such file"):
        identity.metadata("acme")
    for token in ("first", "second"):
        file.write_text(token + "\n", encoding="ascii")
        assert dict(identity.metadata("acme"))["authorization"] == f"Bearer {token}"
    file.unlink()
    assert dict(identity.metadata("acme"))["authorization"] == "Bearer second"
