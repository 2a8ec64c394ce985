"""Real cosign, cut off from the network and with the public key alone, judges what the signer made."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from libs.common.blobs.store import Blobs
from libs.common.bundle import layout
from services.signer.providers.base import SigningKey
from services.signer.sign import sign
from tests.kit.cosign import VERSIONS, Cosign, find
from tests.kit.signing import BUILDER, PASSWORD, KeyFolder, load_bundle, make_key_folder, store_unsigned

pytestmark = pytest.mark.cosign

NO_LOG = "--insecure-ignore-tlog=true"  # there is no log where the bundle goes
TRUSTED_ROOT = {"mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1"}  # trusts nobody


@pytest.fixture(params=VERSIONS)
def cosign(request: pytest.FixtureRequest, tmp_path: Path) -> Cosign:
    home = tmp_path / "home"
    home.mkdir()
    return find(request.param, home)


@pytest.fixture
def keys(tmp_path: Path) -> KeyFolder:
    return make_key_folder(tmp_path)


async def unpack(key: SigningKey, folder: Path) -> Path:
    """Sign a bundle with the real code and lay its files below `folder`."""
    blobs = Blobs(f"file://{folder / 'blobs'}", "exports")
    order = await store_unsigned(blobs)
    signed = await sign(order, key, blobs, BUILDER)
    bundle = folder / "bundle"
    for path, data in (await load_bundle(blobs, order.tenant, signed.layout.digest)).items():
        (bundle / path).parent.mkdir(parents=True, exist_ok=True)
        (bundle / path).write_bytes(data)
    (folder / "trusted-root.json").write_text(json.dumps(TRUSTED_ROOT))
    return bundle


@pytest.fixture
async def bundle(keys: KeyFolder, tmp_path: Path) -> Path:
    return await unpack(keys.provider.create(), tmp_path)


def verify_detached(cosign: Cosign, bundle: Path) -> subprocess.CompletedProcess[str]:
    return cosign.run(
        *(
            "verify-blob",
            "--key",
            layout.PUBLIC_KEY,
            "--signature",
            layout.SIGNATURE,
            NO_LOG,
            layout.MANIFEST,
        ),
        folder=bundle,
    )


def verify_bundle(cosign: Cosign, bundle: Path) -> subprocess.CompletedProcess[str]:
    older = ("--new-bundle-format", "--trusted-root", "../trusted-root.json") if cosign.major < 3 else ()
    return cosign.run(
        *("verify-blob", "--key", layout.PUBLIC_KEY, "--bundle", layout.SIGSTORE_BUNDLE, *older),
        *(NO_LOG, layout.MANIFEST),
        folder=bundle,
    )


def verify_provenance(cosign: Cosign, bundle: Path) -> subprocess.CompletedProcess[str]:
    return cosign.run(
        *("verify-blob-attestation", "--key", layout.PUBLIC_KEY, "--signature", layout.PROVENANCE_ENVELOPE),
        *("--type", "slsaprovenance1", NO_LOG, layout.MANIFEST),
        folder=bundle,
    )


Verify = Callable[[Cosign, Path], subprocess.CompletedProcess[str]]

CHECKS = pytest.mark.parametrize(
    ("verify", "proof"),
    [
        (verify_detached, layout.SIGNATURE),
        (verify_bundle, layout.SIGSTORE_BUNDLE),
        (verify_provenance, layout.PROVENANCE_ENVELOPE),
    ],
    ids=["detached", "bundle", "provenance"],
)


def change_one_byte(file: Path, position: int) -> None:
    """Put another byte that is legal in base64 and in JSON text, so that only the value is wrong."""
    data = bytearray(file.read_bytes())
    data[position] = ord("B") if data[position] != ord("B") else ord("C")
    file.write_bytes(data)


def place_of(member: str, file: Path) -> int:
    """Return a position in the middle of a member's text; bits at the very end of base64 may be unused."""
    text = file.read_text()
    start = text.index(f'"{member}":"') + len(member) + 4
    return (start + text.index('"', start)) // 2


@CHECKS
def test_cosign_accepts_what_the_signer_made(
    cosign: Cosign, bundle: Path, verify: Verify, proof: str
) -> None:
    result = verify(cosign, bundle)
    assert (result.returncode, "Verified OK" in result.stderr) == (0, True), f"{proof}: {result.stderr}"


@CHECKS
@pytest.mark.parametrize("place", ["first", "middle", "last"])
def test_cosign_refuses_a_manifest_with_one_byte_changed(
    cosign: Cosign, bundle: Path, verify: Verify, proof: str, place: str
) -> None:
    manifest = bundle / layout.MANIFEST
    size = manifest.stat().st_size
    change_one_byte(manifest, {"first": 0, "middle": size // 2, "last": size - 1}[place])
    assert verify(cosign, bundle).returncode != 0, proof


@pytest.mark.parametrize(
    ("verify", "proof", "member"),
    [
        (verify_bundle, layout.SIGSTORE_BUNDLE, "signature"),
        (verify_provenance, layout.PROVENANCE_ENVELOPE, "sig"),
        (verify_provenance, layout.PROVENANCE_ENVELOPE, "payload"),
        (verify_provenance, layout.PROVENANCE_ENVELOPE, "payloadType"),
    ],
)
def test_cosign_refuses_a_proof_with_one_byte_changed(
    cosign: Cosign, bundle: Path, verify: Verify, proof: str, member: str
) -> None:
    change_one_byte(bundle / proof, place_of(member, bundle / proof))
    assert verify(cosign, bundle).returncode != 0


@pytest.mark.parametrize("position", [0, 20, 50])
def test_cosign_refuses_a_detached_signature_with_one_byte_changed(
    cosign: Cosign, bundle: Path, position: int
) -> None:
    change_one_byte(bundle / layout.SIGNATURE, position)
    assert verify_detached(cosign, bundle).returncode != 0


@CHECKS
def test_cosign_refuses_another_key(
    cosign: Cosign, bundle: Path, keys: KeyFolder, verify: Verify, proof: str
) -> None:
    (bundle / layout.PUBLIC_KEY).write_bytes(keys.provider.create().public.pem)
    assert verify(cosign, bundle).returncode != 0, proof


def test_cosign_refuses_the_provenance_as_another_type(cosign: Cosign, bundle: Path) -> None:
    result = cosign.run(
        *("verify-blob-attestation", "--key", layout.PUBLIC_KEY, "--signature", layout.PROVENANCE_ENVELOPE),
        *("--type", "spdxjson", NO_LOG, layout.MANIFEST),
        folder=bundle,
    )
    assert "invalid predicate type" in result.stderr


@pytest.mark.parametrize("password", [PASSWORD, ""])
async def test_a_key_that_cosign_made_signs_for_us_and_cosign_accepts_it(
    cosign: Cosign, tmp_path: Path, keys: KeyFolder, password: str
) -> None:
    made = cosign.run("generate-key-pair", password=password, folder=keys.keys)
    assert made.returncode == 0, made.stderr
    keys.password_file.write_text(f"{password}\n")
    key = keys.provider.open("cosign.key")
    assert key.public.pem == (keys.keys / "cosign.pub").read_bytes()
    result = verify_detached(cosign, await unpack(key, tmp_path))
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    "plain",
    [
        ec.generate_private_key(ec.SECP256R1()),
        Ed25519PrivateKey.generate(),
        rsa.generate_private_key(65537, 2048),
    ],
    ids=["p256", "ed25519", "rsa"],
)
@CHECKS
async def test_a_key_that_was_imported_into_cosign_signs_for_us(
    cosign: Cosign, tmp_path: Path, keys: KeyFolder, plain: PrivateKeyTypes, verify: Verify, proof: str
) -> None:
    pem = plain.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "plain.pem").write_bytes(pem)
    imported = cosign.run(
        *("import-key-pair", "--key", "../plain.pem", "--output-key-prefix", "imported", "-y"),
        password=PASSWORD,
        folder=keys.keys,
    )
    assert imported.returncode == 0, imported.stderr
    result = verify(cosign, await unpack(keys.provider.open("imported.key"), tmp_path))
    assert result.returncode == 0, f"{proof}: {result.stderr}"


def test_cosign_signs_with_a_key_that_we_made(cosign: Cosign, keys: KeyFolder, tmp_path: Path) -> None:
    key = keys.provider.create()
    (tmp_path / "message").write_bytes(b"what is signed")
    legacy = (
        ("--use-signing-config=false", "--new-bundle-format=false", "--bundle", "message.bundle")
        if cosign.major > 2
        else ()
    )
    result = cosign.run(
        *("sign-blob", "--key", keys.keys / key.reference, "--tlog-upload=false", *legacy),
        *("--output-signature", "message.sig", "-y", "message"),
        password=PASSWORD,
        folder=tmp_path,
    )
    assert result.returncode == 0, result.stderr
    assert key.public.verifies(base64.b64decode((tmp_path / "message.sig").read_bytes()), b"what is signed")
