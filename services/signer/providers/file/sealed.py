"""Writes and reads cosign's encrypted key files: scrypt and NaCl secretbox around a PKCS#8 key, in PEM.

Written as cosign 2.1 and later write it; read in every form that cosign ever wrote.
"""

from __future__ import annotations

import base64
import binascii
import re
import textwrap
from typing import Literal

import msgspec
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from nacl.exceptions import CryptoError
from nacl.secret import SecretBox

PEM_TYPE = "ENCRYPTED SIGSTORE PRIVATE KEY"
OLD_PEM_TYPE = "ENCRYPTED COSIGN PRIVATE KEY"  # cosign before 2.1

SALT_BYTES = 32
NONCE_BYTES = SecretBox.NONCE_SIZE
SCRYPT_COST = 1 << 16  # what cosign writes now: 64 MiB and about a tenth of a second for each guess
ACCEPTED_COSTS = (1 << 15, 1 << 16, 1 << 17)  # what cosign reads; more would let a file exhaust memory
SCRYPT_BLOCK = 8
SCRYPT_PARALLEL = 1
MAX_FILE_BYTES = 64 * 1024  # an RSA key of 8,192 bits takes about 10 KiB in this format

_PEM_COLUMNS = 64  # RFC 7468
_PEM = re.compile(rb"\s*-----BEGIN ([A-Z ]+)-----\r?\n([A-Za-z0-9+/=\r\n]+)-----END \1-----\s*")


class BadKeyFile(Exception):
    """A file that is no private key of this format, or one that the password does not open."""


class _Costs(msgspec.Struct, forbid_unknown_fields=True):
    cost: int = msgspec.field(name="N")
    block: int = msgspec.field(name="r")
    parallel: int = msgspec.field(name="p")


class _Derivation(msgspec.Struct, forbid_unknown_fields=True):
    name: Literal["scrypt"]
    params: _Costs
    salt: bytes


class _Cipher(msgspec.Struct, forbid_unknown_fields=True):
    name: Literal["nacl/secretbox"]
    nonce: bytes


class _Sealed(msgspec.Struct, forbid_unknown_fields=True):
    kdf: _Derivation
    cipher: _Cipher
    ciphertext: bytes


def seal(private_der: bytes, password: bytes, salt: bytes, nonce: bytes) -> bytes:
    """Return the key file of a PKCS#8 key; salt and nonce must be fresh random bytes."""
    costs = _Costs(SCRYPT_COST, SCRYPT_BLOCK, SCRYPT_PARALLEL)
    box = SecretBox(_derive(password, salt, costs))
    sealed = _Sealed(
        _Derivation("scrypt", costs, salt),
        _Cipher("nacl/secretbox", nonce),
        box.encrypt(private_der, nonce).ciphertext,
    )
    body = base64.b64encode(msgspec.json.encode(sealed)).decode("ascii")
    lines = "\n".join(textwrap.wrap(body, _PEM_COLUMNS))
    return f"-----BEGIN {PEM_TYPE}-----\n{lines}\n-----END {PEM_TYPE}-----\n".encode("ascii")


def unseal(file: bytes, password: bytes) -> bytes:
    """Return the PKCS#8 key in a key file, or raise BadKeyFile."""
    sealed = _read(file)
    costs = sealed.kdf.params
    if costs.cost not in ACCEPTED_COSTS or (costs.block, costs.parallel) != (SCRYPT_BLOCK, SCRYPT_PARALLEL):
        raise BadKeyFile(
            f"its scrypt parameters are not cosign's: N={costs.cost}, r={costs.block}, p={costs.parallel}"
        )
    if len(sealed.kdf.salt) != SALT_BYTES or len(sealed.cipher.nonce) != NONCE_BYTES:
        raise BadKeyFile(f"its salt and nonce are not {SALT_BYTES} and {NONCE_BYTES} bytes long")
    try:
        return SecretBox(_derive(password, sealed.kdf.salt, costs)).decrypt(
            sealed.ciphertext, sealed.cipher.nonce
        )
    except CryptoError as error:
        raise BadKeyFile("the password does not open it, or it is damaged") from error


def _read(file: bytes) -> _Sealed:
    if len(file) > MAX_FILE_BYTES:
        raise BadKeyFile(f"it has more than {MAX_FILE_BYTES} bytes")
    block = _PEM.fullmatch(file)
    kind = "" if block is None else block.group(1).decode("ascii")
    if block is None or kind not in (PEM_TYPE, OLD_PEM_TYPE):
        if kind.endswith("PRIVATE KEY") and not kind.startswith("ENCRYPTED"):
            raise BadKeyFile(
                "it is not encrypted; `cosign import-key-pair --key FILE` makes an encrypted one"
            )
        raise BadKeyFile(f"it is not one PEM block of type `{PEM_TYPE}`")
    try:
        return msgspec.json.decode(base64.b64decode(block.group(2)), type=_Sealed)
    except (binascii.Error, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadKeyFile("its content is not cosign's key format") from error


def _derive(password: bytes, salt: bytes, costs: _Costs) -> bytes:
    derivation = Scrypt(salt=salt, length=SecretBox.KEY_SIZE, n=costs.cost, r=costs.block, p=costs.parallel)
    return derivation.derive(password)
