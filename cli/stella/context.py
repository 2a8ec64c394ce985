"""Decides on server, tenant and token of a command: flag, then environment, then context, then default."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cli.stella.exit_codes import ExitCode
from cli.stella.failures import Code, CommandFailed, wrong_file
from cli.stella.files import PRIVATE_MODE, write_whole

DEFAULT_SERVER = "http://127.0.0.1:8480"
CONFIG_VERSION = 1
PREVIOUS = "-"  # as in `cd -`
FOLDER_MODE = 0o700
MAX_CONFIG_BYTES = 1 << 20  # a config is written by this program and has a few lines a context
MAX_TOKEN_BYTES = 16 * 1024  # twice what a server takes


@dataclass(frozen=True, slots=True)
class Context:
    """One server and how to be known to it."""

    server: str
    tenant: str = ""
    token_file: str = ""


@dataclass(frozen=True, slots=True)
class Config:
    """All contexts, the one in use and the one before it."""

    contexts: Mapping[str, Context] = field(default_factory=dict)
    current: str = ""
    previous: str = ""

    def put(self, name: str, context: Context) -> Config:
        """Return the config with a context added or changed; the first one is in use at once."""
        contexts = {**self.contexts, name: context}
        return replace(self, contexts=contexts, current=self.current or name)

    def use(self, name: str) -> Config:
        """Return the config with another context in use; `-` is the one before."""
        wanted = self.previous if name == PREVIOUS else name
        self.get(wanted)
        return self if wanted == self.current else replace(self, current=wanted, previous=self.current)

    def remove(self, name: str) -> Config:
        """Return the config without a context."""
        self.get(name)
        contexts = {key: value for key, value in self.contexts.items() if key != name}
        return Config(
            contexts,
            "" if self.current == name else self.current,
            "" if self.previous == name else self.previous,
        )

    def get(self, name: str) -> Context:
        """Return a context that must be there."""
        if name not in self.contexts:
            known = ", ".join(sorted(self.contexts)) or "none yet"
            raise CommandFailed(
                ExitCode.NOT_FOUND,
                Code.CONTEXT,
                f"There is no context `{name}`; there are: {known}" if name else "No context was used before",
                "See `stella context list`, or make one: `stella context add NAME --server URL …`.",
            )
        return self.contexts[name]


@dataclass(frozen=True, slots=True)
class Choice:
    """A value and where it came from."""

    value: str
    origin: str


@dataclass(frozen=True, slots=True)
class Connection:
    """What a command uses, each part with its origin; `token_file` or `token`, not both."""

    context: Choice
    server: Choice
    tenant: Choice
    token_file: Choice
    token: Choice


@dataclass(frozen=True, slots=True)
class Flags:
    """What stands on the command line; empty where nothing does."""

    server: str = ""
    tenant: str = ""
    token_file: str = ""
    context: str = ""


def resolve(flags: Flags, environment: Mapping[str, str], config: Config) -> Connection:
    """Return what to use.

    A context's token goes to that context's server alone: who names another server names another token.
    """
    context = _first(
        (flags.context, "--context"),
        (environment.get("STELLA_CONTEXT", ""), "STELLA_CONTEXT"),
        (config.current, "in use"),
    )
    chosen = config.get(context.value) if context.value else Context("")
    origin = f"context {context.value}"
    server = _first(
        (flags.server, "--server"),
        (environment.get("STELLA_SERVER", ""), "STELLA_SERVER"),
        (chosen.server, origin),
        (DEFAULT_SERVER, "default"),
    )
    own = server.value.rstrip("/") == chosen.server.rstrip("/")
    tenant = _first(
        (flags.tenant, "--tenant"),
        (environment.get("STELLA_TENANT", ""), "STELLA_TENANT"),
        (chosen.tenant if own else "", origin),
    )
    token_file = _first(
        (flags.token_file, "--token-file"), (environment.get("STELLA_TOKEN_FILE", ""), "STELLA_TOKEN_FILE")
    )
    token = Choice("", "none")
    if not token_file.value:
        token = _first((environment.get("STELLA_TOKEN", ""), "STELLA_TOKEN"))
    if not token_file.value and not token.value and own:
        token_file = _first((chosen.token_file, origin))
    return Connection(context, replace(server, value=server.value.rstrip("/")), tenant, token_file, token)


def _first(*candidates: tuple[str, str]) -> Choice:
    return next((Choice(value, origin) for value, origin in candidates if value), Choice("", "none"))


def read_token(connection: Connection) -> str:
    """Return the token itself, or nothing where none is named."""
    if connection.token.value:
        return connection.token.value.strip()
    if not connection.token_file.value:
        return ""
    path = Path(connection.token_file.value).expanduser()
    try:
        with path.open("rb") as file:
            token = file.read(MAX_TOKEN_BYTES).decode("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise CommandFailed(
            ExitCode.DENIED,
            Code.NO_TOKEN,
            f"The token file `{path}` ({connection.token_file.origin}) cannot be read: {_why(error)}",
            "Name another with --token-file, or make one: `stella token issue --tenant T --role R`.",
        ) from error
    return token


def config_path(environment: Mapping[str, str]) -> Path:
    """Return where the contexts are kept."""
    if stated := environment.get("STELLA_CONFIG"):
        return Path(stated).expanduser()
    base = environment.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(base).expanduser() / "stella" / "config.json"


def load_config(path: Path) -> Config:
    """Return the contexts; no file means none."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_CONFIG_BYTES)
    except FileNotFoundError:
        return Config()
    except OSError as error:
        raise wrong_file(
            f"The config `{path}` cannot be read: {_why(error)}", "Mend its permissions."
        ) from error
    try:
        return parse_config(json.loads(raw))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise wrong_file(
            f"The config `{path}` is not what this program writes: {_why(error)}",
            "Repair it, or move it away and add the contexts again.",
        ) from error


def parse_config(document: Any) -> Config:
    """Return the contexts in the JSON of a config."""
    if document["version"] != CONFIG_VERSION:
        raise ValueError(f"version {document['version']} is not known here, {CONFIG_VERSION} is")
    contexts = {
        str(name): Context(str(item["server"]), str(item.get("tenant", "")), str(item.get("tokenFile", "")))
        for name, item in document["contexts"].items()
    }
    return Config(contexts, str(document.get("current", "")), str(document.get("previous", "")))


def render_config(config: Config) -> str:
    """Return the JSON of a config."""
    contexts = {
        name: {"server": context.server, "tenant": context.tenant, "tokenFile": context.token_file}
        for name, context in sorted(config.contexts.items())
    }
    document = {
        "version": CONFIG_VERSION,
        "current": config.current,
        "previous": config.previous,
        "contexts": contexts,
    }
    return json.dumps(document, indent=2) + "\n"


def save_config(path: Path, config: Config) -> None:
    """Write the contexts so that a reader sees the old or the new ones, never half."""
    try:
        path.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    except OSError as error:
        raise wrong_file(
            f"The folder of `{path}` cannot be made: {_why(error)}", "Set STELLA_CONFIG."
        ) from error
    write_whole(path, render_config(config).encode("utf-8"), PRIVATE_MODE)


def load_here() -> Config:
    """Return the contexts of this user."""
    return load_config(config_path(os.environ))


def _why(error: Exception) -> str:
    return (
        (error.strerror or type(error).__name__)
        if isinstance(error, OSError)
        else str(error) or type(error).__name__
    )
