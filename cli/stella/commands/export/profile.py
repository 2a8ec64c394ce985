"""`stella export profile`: what a tenant exports."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from cli.stella.api import Api, Json, segment
from cli.stella.failures import wrong_file, wrong_usage
from cli.stella.options import connected, shown, spoken
from cli.stella.selection import Selection, selected
from cli.stella.show.output import Output
from cli.stella.values import KIND, kind_name
from cli.stella.views import PROFILE, REVISION, last
from libs.common.canon.decode import Rejected, read

PATH = "/api/export/profiles"
MAX_FILE_BYTES = 1 << 20  # what a server takes as one request
STDIN = "-"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What file and flags say about a profile; empty where they say nothing."""

    file: str = ""
    kind: str = ""
    variant: str = ""
    include: tuple[str, ...] = ()
    compression_level: int | None = None
    retention_days: int | None = None
    display_name: str | None = None
    selection: Selection = Selection({})  # noqa: RUF009 - frozen

    def profile(self, current: Json) -> Json:
        """Return the profile to send: the file's, else the current one, with what the flags say on top."""
        base = read_profile(self.file) if self.file else current
        spec: Json = dict(base.get("spec", {}))
        kind, _, variant = self.kind.partition(":")
        chosen = {
            "kind": kind,
            "variant": self.variant or variant,
            "include": [kind_name(word) for word in self.include],
            "selector": self.selection.over(spec.get("selector", {})),
            "compressionLevel": self.compression_level or 0,
            "retentionDays": self.retention_days or 0,
        }
        spec |= {member: value for member, value in chosen.items() if value}
        for member, value in (
            ("compressionLevel", self.compression_level),
            ("retentionDays", self.retention_days),
        ):
            if value == 0:
                spec.pop(member, None)
        name = base.get("displayName", "") if self.display_name is None else self.display_name
        return {"displayName": name, "spec": spec}


def read_profile(file: str) -> Json:
    """Return the profile in a JSON file: a whole profile as `show --json` writes it, or its spec alone."""
    hint = "`stella export profile show NAME --json` is a model."
    try:
        raw = sys.stdin.buffer.read(MAX_FILE_BYTES) if file == STDIN else Path(file).read_bytes()
        document = read(raw)
    except OSError as error:
        raise wrong_file(f"`{file}` cannot be read: {error.strerror}", "Name a file with JSON.") from error
    except Rejected as error:
        raise wrong_file(f"`{file}` is no JSON that is taken: {error.detail}", hint) from error
    if isinstance(document, dict) and isinstance(document.get("spec"), dict):
        return {"displayName": document.get("displayName", ""), "spec": document["spec"]}
    if isinstance(document, dict) and "kind" in document:
        return {"spec": document}
    raise wrong_file(f"`{file}` holds neither a profile with `spec` nor a spec with `kind`", hint)


def _described(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that describe a profile; the command gets `wanted`."""

    @click.option("--kind", default="", metavar="KIND:VARIANT", help="Adapter, for example json:raw.")
    @click.option("--variant", default="", metavar="NAME", help="Variant, where --kind does not name it.")
    @click.option("--include", multiple=True, type=KIND, help="Kind of evidence; repeat for several.")
    @selected
    @click.option("--compression-level", type=click.IntRange(0, 19), metavar="LEVEL",
                  help="Compression of record data, 1 to 19; 0 is the default.")  # fmt: skip
    @click.option("--retention-days", type=click.IntRange(0, 36_500), metavar="DAYS",
                  help="Keep each bundle so long; 0 is for as long as the installation says.")  # fmt: skip
    @click.option("--display-name", metavar="TEXT", help="A name for people.")
    @click.option("--file", default="", metavar="JSON", help="File with the profile; - is standard input.")
    @functools.wraps(function)
    def with_wanted(
        *arguments: Any,
        kind: str,
        variant: str,
        include: tuple[str, ...],
        selection: Selection,
        compression_level: int | None,
        retention_days: int | None,
        display_name: str | None,
        file: str,
        **options: Any,
    ) -> Any:
        wanted = Wanted(
            file, kind, variant, include, compression_level, retention_days, display_name, selection
        )
        return function(*arguments, wanted=wanted, **options)

    return with_wanted


_dry_run = click.option("--dry-run", is_flag=True, help="Ask whether it would be taken; change nothing.")
_repeatable = click.option(
    "--idempotency-key", default="", metavar="UUID", help="A repetition with this key changes nothing more."
)


@click.command()
@click.argument("name")
@_described
@_dry_run
@_repeatable
@connected
@shown
def create(api: Api, output: Output, name: str, wanted: Wanted, dry_run: bool, idempotency_key: str) -> None:
    """Create a profile at revision r1.

    Examples:
      stella export profile create nightly --kind json:raw
      stella export profile create go-only --kind json:raw --include advisory --ecosystem Go
    """
    profile = _create(api, name, wanted.profile({}), validate_only=dry_run, key=idempotency_key)
    output.one(profile, PROFILE)
    if dry_run:
        output.good(f"Profile `{name}` would be taken; nothing was changed.")
    else:
        output.good(f"Profile `{name}` is there. Next: stella export run start {name} --wait")


def _create(api: Api, name: str, profile: Json, *, validate_only: bool, key: str = "") -> Json:
    if not profile["spec"].get("kind"):
        raise wrong_usage(
            "A profile needs an adapter.", "Say --kind json:raw, or --file with a whole profile."
        )
    query: dict[str, str | int | bool] = {"profileId": name}
    if validate_only:
        query["validateOnly"] = True
    return api.write("POST", PATH, profile, query=query, key=key)


@click.command()
@click.argument("name")
@_described
@_dry_run
@_repeatable
@connected
@shown
def update(api: Api, output: Output, name: str, wanted: Wanted, dry_run: bool, idempotency_key: str) -> None:
    """Change a profile; a changed spec makes a revision.

    What no flag names stays as it is, unless --file gives the whole profile.

    Examples:
      stella export profile update nightly --compression-level 9
      stella export profile update nightly --file profile.json
    """
    current = api.get(f"{PATH}/{segment(name)}")
    profile = _update(api, name, current, wanted, validate_only=dry_run, key=idempotency_key)
    output.one(profile, PROFILE)
    if dry_run:
        output.good(f"The change of `{last(name)}` would be taken; nothing was changed.")
    elif profile.get("revision") == current.get("revision"):
        output.good(f"The spec of `{last(name)}` is the same, so it stays at {profile.get('revision')}.")
    else:
        output.good(f"Profile `{last(name)}` is now at {profile.get('revision')}.")


def _update(
    api: Api, name: str, current: Json, wanted: Wanted, *, validate_only: bool, key: str = ""
) -> Json:
    query: dict[str, str | int | bool] = {"updateMask": "spec,displayName"}
    if validate_only:
        query["validateOnly"] = True
    return api.write(
        "PUT",
        f"{PATH}/{segment(name)}",
        wanted.profile(current),
        query=query,
        key=key,
        etag=str(current.get("etag", "")),
    )


@click.command()
@click.argument("name")
@_described
@connected
@spoken
def validate(api: Api, output: Output, name: str, wanted: Wanted) -> None:
    """Say whether a profile would be taken.

    A profile of that name that is there is checked with the change on top.

    Examples:
      stella export profile validate nightly --kind json:raw --ecosystem Go
      stella export profile validate nightly --file profile.json
    """
    there = api.pages(PATH, "profiles")["profiles"]
    current = next((profile for profile in there if last(profile.get("name")) == last(name)), None)
    if current is None:
        _create(api, name, wanted.profile({}), validate_only=True)
    else:
        _update(api, name, current, wanted, validate_only=True)
    output.good(f"Profile `{last(name)}` is valid.")


@click.command("list")
@click.option("--kind", default="", metavar="KIND", help="Only this kind.")
@click.option("--variant", default="", metavar="NAME", help="Only this variant.")
@connected
@shown
def list_profiles(api: Api, output: Output, kind: str, variant: str) -> None:
    """List the profiles by name.

    Examples:
      stella export profile list
      stella export profile list --kind json --format name
    """
    query = {key: value for key, value in (("kind", kind), ("variant", variant)) if value}
    document = api.pages(PATH, "profiles", query)
    output.listing(document, document["profiles"], PROFILE)


@click.command()
@click.argument("name")
@click.option("--revision", default="", metavar="rN", help="Show this revision.")
@click.option("--revisions", is_flag=True, help="List the revisions, newest first.")
@connected
@shown
def show(api: Api, output: Output, name: str, revision: str, revisions: bool) -> None:
    """Show a profile, or one of its revisions.

    Examples:
      stella export profile show nightly
      stella export profile show nightly --json > profile.json
    """
    path = f"{PATH}/{segment(name)}"
    if revision:
        output.one(api.get(f"{path}/revisions/{segment(revision)}"), REVISION)
    elif revisions:
        document = api.pages(f"{path}/revisions", "revisions")
        output.listing(document, document["revisions"], REVISION)
    else:
        output.one(api.get(path), PROFILE)


@click.command()
@click.argument("name")
@connected
@spoken
def delete(api: Api, output: Output, name: str) -> None:
    """Delete a profile; its runs and bundles stay.

    Examples:
      stella export profile delete nightly
    """
    api.delete(f"{PATH}/{segment(name)}")
    output.good(f"Profile `{last(name)}` is deleted.")
