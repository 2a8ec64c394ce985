"""`stella export verify`: says whether a bundle is what its signer made, whole and unchanged."""

from __future__ import annotations

import json
import stat
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from threading import Lock
from typing import Any

import click

from cli.stella.context import Flags
from cli.stella.exit_codes import ExitCode
from cli.stella.failures import Code, CommandFailed, wrong_file, wrong_usage
from cli.stella.options import located, open_api, shown
from cli.stella.show import numbers
from cli.stella.show.output import Format, Output
from cli.stella.show.progress import Progress, Unit
from cli.stella.show.table import Column, View
from libs.common.bundle.checks import Check, Outcome, verdict
from libs.common.bundle.faults import BadBundle
from libs.common.bundle.keys import BadKey, PublicKey, load_public_key
from libs.common.bundle.reading import BundleSource
from libs.common.bundle.sources import FolderSource, TarSource
from libs.common.bundle.verify import iter_checks

_CURE = "Do not use this bundle. Fetch it again; make sure that the key is the signer's."
_REPACKED = (
    "Do not use this bundle. Fetch it again; if another program has packed the files anew, unpack them "
    "and verify the folder."
)
_REVOKED = "STATE_REVOKED"
_ORDER = (Outcome.FAILED, Outcome.NOT_RUN, Outcome.PASSED)

CHECK = View(
    (
        Column("outcome", lambda record: str(record["outcome"])),
        Column("check", lambda record: str(record["name"])),
        Column("file", lambda record: str(record["target"])),
        Column("detail", lambda record: str(record["detail"])),
        Column("expected", lambda record: str(record["expected"]), detail=True),
        Column("found", lambda record: str(record["found"]), detail=True),
    ),
    lambda record: str(record["name"]),
    "",
)


class CountingSource:
    """A bundle that says how much of it has been read."""

    def __init__(self, source: BundleSource, progress: Progress) -> None:
        self._source = source
        self._progress = progress
        self._total = 0
        self._done = 0
        self._turn = Lock()

    def files(self) -> Iterable[tuple[str, int]]:
        """Yield path and length of each file."""
        for path, size in self._source.files():
            self._total += size
            yield path, size

    def open(self, path: str) -> Iterator[bytes]:
        """Yield the bytes of a file."""
        for chunk in self._source.open(path):
            with self._turn:
                self._done += len(chunk)
                self._progress.move(min(self._done, self._total), self._total)
            yield chunk


@click.command()
@click.argument("target")
@click.option("--key", "keys", multiple=True, type=click.Path(path_type=Path), metavar="PEM",
              help="Public key of the signer; repeat for several.")  # fmt: skip
@click.option("--trust", type=click.Path(path_type=Path), metavar="FILE", help="Trust file with all keys.")
@click.option("--all", "every", is_flag=True, help="List each check that passed, too.")
@located
@shown
def verify(
    flags: Flags, output: Output, target: str, keys: tuple[Path, ...], trust: Path | None, every: bool
) -> None:
    """Verify a bundle: a file, a folder or a run.

    A file and a folder are verified without any network. For a run the bundle is fetched first, and its keys
    are asked of the server unless --key or --trust names them.

    Examples:
      stella export verify bundle.tar --key cosign.pub
      stella export verify unpacked/ --trust trust.json
    """
    begun = time.monotonic()
    with ExitStack() as stack:
        path = Path(target)
        trusted = [_key_in(file) for file in keys]
        if trust is not None:
            trusted += trusted_in(_read(trust), str(trust), output)
        if not path.exists():
            path, trusted = _fetched(stack, flags, output, target, trusted)
        if not trusted:
            raise wrong_usage(
                "Without a key nothing can be verified; the copy inside a bundle proves nothing.",
                "Name the signer's: --key cosign.pub (made by `stella export key export -o cosign.pub`).",
            )
        with output.progress("verify", Unit.BYTES) as progress:
            checks = list(iter_checks(CountingSource(_open(stack, path), progress), trusted))
    _show(output, target, checks, every=every)
    _end(output, target, checks, time.monotonic() - begun)


def _open(stack: ExitStack, path: Path) -> BundleSource:
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            return FolderSource(path)
        if not stat.S_ISREG(mode):
            raise wrong_file(
                f"`{path}` is neither a file nor a folder", "Save what it gives as a file, and verify that."
            )
        return TarSource(stack.enter_context(path.open("rb")))
    except OSError as error:
        raise wrong_file(f"`{path}` cannot be read: {error.strerror}", "Check the path.") from error


def _fetched(
    stack: ExitStack, flags: Flags, output: Output, run: str, trusted: list[PublicKey]
) -> tuple[Path, list[PublicKey]]:
    """Fetch a run's bundle to a temporary place, and the keys where none are named."""
    from cli.stella.api import segment  # noqa: PLC0415 - files and folders are verified without it
    from cli.stella.commands.export.download import PATH, fetch  # noqa: PLC0415 - the same
    from cli.stella.commands.export.key import TRUST_PATH  # noqa: PLC0415 - the same

    if run.endswith(".tar") or ("/" in run and not run.startswith("tenants/")):
        raise wrong_file(f"There is no file or folder `{run}`", "Check the path.")
    api = open_api(flags)
    stack.callback(api.close)
    if not trusted:
        trusted = trusted_in(api.get(TRUST_PATH), "the server's trust bundle", output)
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="stella-verify-"))
    target = Path(folder) / "bundle.tar"
    fetch(api, f"{PATH}/{segment(run)}/bundle", target, output)
    return target, trusted


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise wrong_file(f"`{path}` cannot be read: {error.strerror}", "Check the path.") from error
    except ValueError as error:
        raise wrong_file(
            f"`{path}` is not JSON: {error}", "Make it: `stella export key export --trust -o trust.json`."
        ) from error


def _key_in(path: Path) -> PublicKey:
    try:
        return load_public_key(path.read_bytes(), str(path))
    except OSError as error:
        raise wrong_file(
            f"`{path}` cannot be read: {error.strerror}", "Name the public key (PEM)."
        ) from error
    except BadKey as error:
        raise wrong_file(str(error), "Name the public key (PEM) of the signer.") from error


def trusted_in(document: Any, name: str, output: Output) -> list[PublicKey]:
    """Return the keys of a trust bundle that may be trusted; a revoked one is left out, aloud.

    A bundle carries no time of signing that its signer could not choose, so nothing offline can show that a
    revoked key signed before it was revoked.
    """
    listed = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list):
        raise wrong_file(f"{name} holds no list of keys", "Make it: `stella export key export --trust`.")
    trusted = []
    for key in listed:
        version = key.get("version") if isinstance(key, dict) else None
        if version is None:
            raise wrong_file(f"{name} holds something that is no key", "Make it anew.")
        if key.get("state") == _REVOKED:
            output.warn(f"Key version {version} is revoked and not trusted.")
            continue
        try:
            trusted.append(
                load_public_key(str(key.get("publicKeyPem", "")).encode(), f"key version {version}")
            )
        except BadBundle as error:
            raise wrong_file(f"{name}: {error}", "Make it anew.") from error
    return trusted


def _document(check: Check) -> dict[str, Any]:
    return {
        "name": check.name,
        "target": check.target,
        "outcome": str(check.outcome),
        "expected": check.expected,
        "found": check.found,
        "detail": check.detail,
    }


def _show(output: Output, target: str, checks: Sequence[Check], *, every: bool) -> None:
    ordered = sorted(checks, key=lambda check: _ORDER.index(check.outcome))
    documents = [_document(check) for check in ordered]
    document = {"target": target, "outcome": str(verdict(checks)), "checks": documents}
    rows = documents if every or output.format is not Format.TABLE else summary(ordered)
    output.listing(document, rows, CHECK)


def summary(checks: Sequence[Check]) -> list[dict[str, Any]]:
    """Return a row for each check that did not pass, and one for each sort of check that did."""
    rows = [_document(check) for check in checks if check.outcome is not Outcome.PASSED]
    by_name: dict[str, list[Check]] = {}
    for check in checks:
        if check.outcome is Outcome.PASSED:
            by_name.setdefault(check.name, []).append(check)
    for name, alike in by_name.items():
        row = _document(alike[0])
        if len(alike) > 1:
            row |= {"name": name, "target": f"{len(alike):,} files", "expected": "", "found": ""}
        rows.append(row)
    return rows


def _end(output: Output, target: str, checks: Sequence[Check], seconds: float) -> None:
    counts = {outcome: sum(check.outcome is outcome for check in checks) for outcome in _ORDER}
    if verdict(checks) is Outcome.PASSED:
        output.say("; ".join(check.found for check in checks if check.name == "manifest") + ".")
        output.good(
            f"{target}: verified, {numbers.plural(counts[Outcome.PASSED], 'check')} passed "
            f"in {numbers.duration(seconds)}."
        )
        return
    first = min(checks, key=lambda check: _ORDER.index(check.outcome))
    raise CommandFailed(
        ExitCode.VERIFICATION_FAILED,
        Code.VERIFICATION,
        f"{target} is not verified: {counts[Outcome.FAILED]} checks failed, {counts[Outcome.NOT_RUN]} could "
        f"not be made; {first.detail or first.name}",
        _REPACKED if first.name == "archive" else _CURE,
    )
