"""`stella context`: servers by name, and which one commands use."""

from __future__ import annotations

import os
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click

from cli.stella.api import check_server
from cli.stella.context import (
    Config,
    Connection,
    Context,
    Flags,
    config_path,
    load_config,
    resolve,
    save_config,
)
from cli.stella.options import located, shown, spoken
from cli.stella.show.output import Output
from cli.stella.show.table import Column, View
from cli.stella.views import CONTEXT

_PART = View(
    (
        Column("what", lambda record: str(record["what"])),
        Column("value", lambda record: str(record["value"])),
        Column("from", lambda record: str(record["origin"])),
    ),
    lambda record: str(record["value"]),
    "",
)


def _record(config: Config, name: str) -> dict[str, Any]:
    context = config.get(name)
    return {
        "name": name,
        "current": name == config.current,
        "server": context.server,
        "tenant": context.tenant,
        "tokenFile": context.token_file,
    }


def _load() -> tuple[Path, Config]:
    path = config_path(os.environ)
    return path, load_config(path)


@click.command()
@click.argument("name")
@click.option("--server", default="", metavar="URL", help="Address of the gateway.")
@click.option("--tenant", default=None, metavar="NAME", help="Tenant to work in.")
@click.option("--token-file", default=None, metavar="FILE", help="File that holds the token.")
@click.option("--use", is_flag=True, help="Use it from now on.")
@spoken
def add(
    output: Output, name: str, server: str, tenant: str | None, token_file: str | None, use: bool
) -> None:
    """Add a context, or change it.

    Examples:
      stella context add lab --server https://export.lab.example --tenant demo --token-file lab.token
      stella context add lab --tenant other
    """
    path, config = _load()
    old = config.contexts.get(name)
    if old is None and not server:
        raise click.UsageError("A new context needs --server URL.", click.get_current_context())
    if server:
        check_server(server)
    context = old or Context(server)
    context = replace(context, server=(server or context.server).rstrip("/"))
    if tenant is not None:
        context = replace(context, tenant=tenant)
    if token_file is not None:
        context = replace(context, token_file=str(Path(token_file).expanduser().absolute()))
    config = config.put(name, context)
    if use:
        config = config.use(name)
    save_config(path, config)
    output.good(f"Context `{name}` is {'changed' if old else 'added'}; in use: `{config.current}`.")


@click.command("list")
@shown
def list_contexts(output: Output) -> None:
    """List the contexts.

    Examples:
      stella context list
      stella context list --format name
    """
    _, config = _load()
    records = [_record(config, name) for name in sorted(config.contexts)]
    output.listing({"contexts": records}, records, CONTEXT)


@click.command()
@click.argument("name")
@spoken
def use(output: Output, name: str) -> None:
    """Use a context from now on; `-` is the one before.

    Examples:
      stella context use lab
      stella context use -
    """
    path, config = _load()
    config = config.use(name)
    save_config(path, config)
    output.good(f"Context `{config.current}` is in use: {config.contexts[config.current].server}.")


@click.command()
@click.argument("name", required=False)
@click.option("--resolved", is_flag=True, help="Show what commands would use now, and where it comes from.")
@located
@shown
def show(output: Output, flags: Flags, name: str | None, resolved: bool) -> None:
    """Show a context, or what commands would use now.

    Examples:
      stella context show
      stella context show --resolved
    """
    _, config = _load()
    if resolved:
        connection = resolve(flags, os.environ, config)
        output.listing(_document(connection), _parts(connection), _PART)
        return
    output.one(_record(config, name or flags.context or config.current), CONTEXT)


def _document(connection: Connection) -> dict[str, Any]:
    document = asdict(connection)
    if connection.token.value:
        document["token"]["value"] = "(not shown)"
    return document


def _parts(connection: Connection) -> list[dict[str, Any]]:
    return [{"what": what.replace("_", "-"), **choice} for what, choice in _document(connection).items()]


@click.command()
@click.argument("name")
@spoken
def remove(output: Output, name: str) -> None:
    """Remove a context; its token file stays.

    Examples:
      stella context remove lab
    """
    path, config = _load()
    save_config(path, config.remove(name))
    output.good(f"Context `{name}` is removed.")
