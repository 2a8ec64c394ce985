"""`stella export key`: the keys that sign, and what verifiers elsewhere need of them."""

from __future__ import annotations

from pathlib import Path

import click

from cli.stella.api import Api, Json
from cli.stella.exit_codes import ExitCode
from cli.stella.failures import CommandFailed
from cli.stella.files import write_whole
from cli.stella.options import connected, shown
from cli.stella.show import machine
from cli.stella.show.output import Output
from cli.stella.views import KEY

PATH = "/api/export/keys"
TRUST_PATH = "/api/export/trust"


@click.command("list")
@connected
@shown
def list_keys(api: Api, output: Output) -> None:
    """List the signing keys, newest first.

    Examples:
      stella export key list
    """
    document = api.get(PATH)
    output.listing(document, document.get("keys", []), KEY)


@click.command()
@click.option(
    "--idempotency-key", default="", metavar="UUID", help="A repetition with this key changes nothing."
)
@connected
@shown
def rotate(api: Api, output: Output, idempotency_key: str) -> None:
    """Make a new signing key; the old one retires.

    Bundles signed with the old key still verify. Give the new public key to whoever verifies.

    Examples:
      stella export key rotate
    """
    key = api.write("POST", f"{PATH}:rotate", {}, key=idempotency_key)
    output.one(key, KEY)
    output.good(
        f"Version {key.get('version')} signs from now on. Next: stella export key export -o cosign.pub"
    )


@click.command()
@click.option(
    "-o", "--output", "target", default="", metavar="FILE", help="File to write; else standard output."
)
@click.option("--version", type=int, metavar="N", help="This version; else the one that signs now.")
@click.option("--trust", is_flag=True, help="Write the trust file: all keys with state and validity (JSON).")
@connected
@shown
def export(api: Api, output: Output, target: str, version: int | None, trust: bool) -> None:
    """Write public keys for verification elsewhere.

    Carry the file by another way than the bundles: who can change a bundle must not be able to change it.

    Examples:
      stella export key export -o cosign.pub
      stella export key export --trust -o trust.json
    """
    document = api.get(TRUST_PATH)
    text = machine.to_json(document) if trust else _pem(document, version)
    if not target:
        output.data(text)
        return
    write_whole(Path(target), text.encode("utf-8"))
    output.good(
        f"Written to {target}. Next: stella export verify BUNDLE --{'trust' if trust else 'key'} {target}"
    )


def _pem(document: Json, version: int | None) -> str:
    keys = document.get("keys", [])
    wanted = (
        [key for key in keys if key.get("state") == "STATE_ACTIVE"]
        if version is None
        else [key for key in keys if key.get("version") == version]
    )
    if not wanted:
        raise CommandFailed(
            ExitCode.NOT_FOUND,
            "ERR_EXPORT_NOT_FOUND",
            "There is no key that signs now" if version is None else f"There is no key version {version}",
            "See `stella export key list`.",
        )
    return str(wanted[0].get("publicKeyPem", ""))
