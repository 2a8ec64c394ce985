"""Finds and runs the real cosign programs of `make tools`, cut off from the network."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.kit import tools

VERSIONS = ("COSIGN_V2", "COSIGN_V3")
RUN_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Cosign:
    """One cosign program; `home` is a folder that it may write to."""

    program: Path
    version: str
    home: Path

    @property
    def major(self) -> int:
        """Return 2 or 3."""
        return int(self.version.removeprefix("v").split(".")[0])

    def run(
        self, *arguments: str | Path, password: str = "", folder: Path
    ) -> subprocess.CompletedProcess[str]:
        """Run it in `folder` and return how it ended."""
        environment = {
            "HOME": str(self.home),
            "PATH": "/usr/bin:/bin",
            "COSIGN_PASSWORD": password,
            # Nothing listens there: whoever tries the network fails at once, and loudly.
            "HTTPS_PROXY": "http://127.0.0.1:9",
            "HTTP_PROXY": "http://127.0.0.1:9",
            # v2.5.1 to v3.0.3 fetch the public trust root before anything else, unless one of these names
            # a file; with a key and no log, the file is not read.
            "SIGSTORE_ROOT_FILE": str(self.home / "none.pem"),
            "SIGSTORE_REKOR_PUBLIC_KEY": str(self.home / "none.pem"),
            "SIGSTORE_CT_LOG_PUBLIC_KEY_FILE": str(self.home / "none.pem"),
            "SIGSTORE_TSA_CERTIFICATE_FILE": str(self.home / "none.pem"),
        }
        return subprocess.run(
            [self.program, *arguments],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=RUN_SECONDS,
            check=False,
        )


def find(name: str, home: Path) -> Cosign:
    """Return the cosign whose version `name` states in tools/versions.env; `home` is a folder of its own."""
    return Cosign(tools.find(name, "cosign"), tools.versions()[name], home)
