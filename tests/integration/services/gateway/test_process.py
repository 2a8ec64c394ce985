"""The gateway as a process: it says where it is, and ends when it is told to."""

from __future__ import annotations

import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.kit.gateway import ISSUER, NOBODY, settings

SOON_SECONDS = 30.0


def environment(folder: Path, **chosen: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("EXPORT_")}
    made = settings(folder)
    given = {
        "jwks_file": made.jwks_file,
        "token_issuer": ISSUER,
        "http_listen": "127.0.0.1:0",
        "ready_file": str(folder / "ready"),
        "distributor_http": made.distributor_http,
        **{
            f"{name}_address": NOBODY
            for name in ("planner", "adapter_host", "signer", "distributor", "evidence")
        },
        **chosen,
    }
    return kept | {f"EXPORT_{name.upper()}": value for name, value in given.items()}


@contextmanager
def started(folder: Path, **chosen: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-m", "services.gateway"],
        env=environment(folder, **chosen),
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def address(folder: Path) -> str:
    deadline = time.monotonic() + SOON_SECONDS
    while not (folder / "ready").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return f"http://{(folder / 'ready').read_text()}"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    with started(tmp_path) as process:
        url = address(tmp_path)
        with httpx.Client(base_url=url) as client:
            assert client.get("/healthz").json() == {"status": "alive"}
            # The connection stays open: it must not hold the end up.
            process.send_signal(number)
            assert process.wait(SOON_SECONDS) == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("http_listen", "256.0.0.1:1"),
        ("http_listen", "nowhere"),
        ("request_seconds", "0"),
        ("jwks_file", "no-such-file"),
        ("http_certificate_file", "no-such-file"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(tmp_path: Path, name: str, value: str) -> None:
    with started(tmp_path, **{name: value}) as process:
        _, said = process.communicate(timeout=SOON_SECONDS)
    assert process.returncode == 1
    assert f"EXPORT_{name.upper()}" in said
    assert "Traceback" not in said


def test_with_a_certificate_it_speaks_tls(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    begin = datetime.now(UTC) - timedelta(minutes=1)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (tmp_path / "crt").write_bytes(certificate.public_bytes(Encoding.PEM))
    (tmp_path / "key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    chosen = {"http_certificate_file": str(tmp_path / "crt"), "http_key_file": str(tmp_path / "key")}
    with started(tmp_path, **chosen) as process:
        url = address(tmp_path).replace("http://", "https://")
        trusted = ssl.create_default_context(cafile=str(tmp_path / "crt"))
        assert httpx.get(f"{url}/healthz", verify=trusted).status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(SOON_SECONDS) == 0
