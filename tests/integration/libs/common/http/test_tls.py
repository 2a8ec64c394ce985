"""A door between services: encrypted, and closed to whoever has no certificate of the authority."""

from __future__ import annotations

import ipaddress
import re
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from starlette.types import ASGIApp

from libs.common import clock
from libs.common.http.answers import json_response
from libs.common.http.door import HttpDoor, Tls
from libs.common.http.router import Call, Route, Router


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key, as files."""

    certificate: Path
    key: Path


def make_pair(folder: Path, name: str, authority: Pair | None = None) -> Pair:
    """Make a certificate for this machine, signed by `authority` or, without one, by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    signer, issuer = key, subject
    if authority is not None:
        loaded = serialization.load_pem_private_key(authority.key.read_bytes(), None)
        assert isinstance(loaded, ec.EllipticCurvePrivateKey)
        signer = loaded
        issuer = x509.load_pem_x509_certificate(authority.certificate.read_bytes()).subject
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=authority is None, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .sign(signer, hashes.SHA256())
    )
    pair = Pair(folder / f"{name}.crt", folder / f"{name}.key")
    pair.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    pair.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return pair


async def greet(_: Call) -> ASGIApp:
    return json_response({"hello": True})


@dataclass(frozen=True, slots=True)
class Closed:
    """A door with TLS and what its friends need."""

    url: str
    authority: Pair
    folder: Path


@pytest.fixture
async def closed(tmp_path: Path) -> AsyncIterator[Closed]:
    authority = make_pair(tmp_path, "authority")
    own = make_pair(tmp_path, "door", authority)
    routes = [Route("GET", re.compile("/"), "/", greet)]
    tls = Tls(str(own.certificate), str(own.key), str(authority.certificate))
    door = HttpDoor(Router(routes, clock.now), "127.0.0.1:0", tls)
    address = await door.start()
    yield Closed(f"https://{address}", authority, tmp_path)
    await door.stop()


def context(closed: Closed, pair: Pair | None) -> ssl.SSLContext:
    made = ssl.create_default_context(cafile=str(closed.authority.certificate))
    if pair is not None:
        made.load_cert_chain(pair.certificate, pair.key)
    return made


async def test_a_service_with_a_certificate_of_the_authority_is_served(closed: Closed) -> None:
    friend = make_pair(closed.folder, "gateway", closed.authority)
    async with httpx.AsyncClient(verify=context(closed, friend)) as client:
        assert (await client.get(closed.url)).json() == {"hello": True}


@pytest.mark.parametrize("has_one", [False, True], ids=["none", "of another authority"])
async def test_whoever_has_no_certificate_of_the_authority_is_refused(closed: Closed, has_one: bool) -> None:
    pair = make_pair(closed.folder, "stranger") if has_one else None
    async with httpx.AsyncClient(verify=context(closed, pair)) as client:
        with pytest.raises(httpx.TransportError):
            await client.get(closed.url)
