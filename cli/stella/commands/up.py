"""`stella up`: the whole suite on this machine, embedded database, bus and store."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from pathlib import Path

import click

from cli.stella.context import Context, config_path, load_config, save_config
from cli.stella.exit_codes import ExitCode
from cli.stella.supervise.board import Board
from cli.stella.supervise.credentials import FIRST_TENANT
from cli.stella.supervise.data_dir import DataDir, Lock, default_data
from cli.stella.supervise.up import FIRST_TOKEN, Suite, Wishes, check_wishes
from libs.common.clock import now

CONTEXT_NAME = "local"
MAX_HOSTS = 64
_SETTING = re.compile(r"[a-z][a-z0-9_]{0,63}")


def _settings(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for value in values:
        name, sign, content = value.partition("=")
        if not sign or not _SETTING.fullmatch(name):
            raise click.BadParameter(
                f"{value!r} is not NAME=VALUE, as shard_bytes=65536.", context, parameter
            )
        found[name] = content
    return found


@click.command()
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
              help="Data directory; default ${XDG_DATA_HOME:-~/.local/share}/stella.")  # fmt: skip
@click.option("--http", type=click.IntRange(1, 65535), metavar="PORT", help="Port of the HTTP door.")
@click.option("--hosts", type=click.IntRange(1, MAX_HOSTS), default=1, show_default=True,
              help="Adapter hosts; more export faster.")  # fmt: skip
@click.option("--database-url", default="", metavar="URL", help="PostgreSQL to use instead of an own one.")
@click.option("--database-password-file", type=click.Path(path_type=Path), metavar="FILE",
              help="File with its administrator's password.")  # fmt: skip
@click.option("--nats-url", default="", metavar="URL", help="NATS to use instead of an own one.")
@click.option("--blobs-url", default="", metavar="URL", help="Store: file:///…, s3://…, gs://… or az://…")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", callback=_settings,
              help="Setting for every service that has it; repeat for several.")  # fmt: skip
def up(
    data: Path | None,
    http: int | None,
    hosts: int,
    database_url: str,
    database_password_file: Path | None,
    nats_url: str,
    blobs_url: str,
    settings: dict[str, str],
) -> int:
    """Run the whole suite on this machine.

    A PostgreSQL, a NATS JetStream and a folder as store come with it. Ctrl-C ends it in order; the data
    stays, and the next start goes on with it. The context `local` leads to it.

    Examples:
      stella up
      stella up --data ./suite --http 8480 --hosts 2
    """
    place = DataDir((data or default_data(os.environ)).absolute())
    wishes = Wishes(
        place.root, http, hosts, database_url, database_password_file, nats_url, blobs_url, settings
    )
    check_wishes(wishes)
    os.umask(0o077)  # for the children too: what they write is for their owner
    place.make()
    with Lock(place):
        return asyncio.run(_run(wishes))


async def _run(wishes: Wishes) -> int:
    board = Board()
    suite = Suite(wishes, os.environ, now, board.changed, board.say)

    def on_ready() -> None:
        board.ready()
        _write_context(suite)
        sys.stdout.write(_next(suite))
        sys.stdout.flush()

    board.say(f"Starting in {suite.data.root}; the logs are in {suite.data.logs}.")
    board.watch(suite.supervisor.keepers)
    try:
        await suite.run(on_ready)
    finally:
        board.settle()
    board.say("Stopped; the data stays.")
    return int(ExitCode.OK)


def _write_context(suite: Suite) -> None:
    path = config_path(os.environ)
    context = Context(suite.layout.url, FIRST_TENANT, str(suite.data.user_token(FIRST_TOKEN)))
    config = load_config(path)
    if config.contexts.get(CONTEXT_NAME) != context or not config.current:
        save_config(path, config.put(CONTEXT_NAME, context))


def _next(suite: Suite) -> str:
    token = suite.data.user_token(FIRST_TOKEN)
    in_use = load_config(config_path(os.environ)).current
    lines = [
        "",
        f"The suite is up: {suite.layout.url}",
        f"  token     {token} (tenant {FIRST_TENANT}; see it: cat {token})",
        f"  context   {CONTEXT_NAME}"
        + ("" if in_use == CONTEXT_NAME else f" (in use is {in_use}: stella context use {CONTEXT_NAME})"),
        "  next      stella evidence import PATH",
        "            stella export profile create nightly --kind json:raw",
        "            stella export run start nightly --wait",
        "  stop      Ctrl-C",
        "",
    ]
    return "\n".join(lines)
