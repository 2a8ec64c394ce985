"""The demonstration behind `make demo`: import, export, download, verify, by the commands that users have."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cli.stella import demo_evidence
from cli.stella.exit_codes import ExitCode
from cli.stella.failures import CommandFailed
from cli.stella.show import numbers
from cli.stella.show.errors import for_people
from cli.stella.supervise.data_dir import DataDir, Lock
from cli.stella.supervise.logs import tail
from cli.stella.supervise.tie import tied

PLACE = Path("build/demo")
PROFILE = "demo"
START_SECONDS = 180.0
STOP_SECONDS = 40.0
STEPS = 8
_FOLDERS = ("advisories", "cve", "findings", "sboms", "vex")
_LOOK_SECONDS = 0.05


class StepFailed(Exception):
    """A step ends the demonstration, with the exit code of its command."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


@dataclass(slots=True)
class Demo:
    """One demonstration in one folder."""

    place: Path
    begun: float = field(default_factory=time.monotonic)
    step_number: int = 0

    @property
    def environment(self) -> dict[str, str]:
        """Contexts of its own, so that those of the user stay as they are."""
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("STELLA_", "EXPORT_"))
        }
        return {**kept, "STELLA_CONFIG": str(self.place.absolute() / "config.json")}

    @property
    def data(self) -> DataDir:
        """The data directory of its suite."""
        return DataDir(self.place.absolute() / "data")

    @contextlib.contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Announce a step and say how long it took."""
        self.step_number += 1
        begun = time.monotonic()
        say(f"\n[{self.step_number}/{STEPS}] {title}")
        yield
        say(f"      {numbers.duration(time.monotonic() - begun)}")

    def stella(self, *arguments: str | Path) -> str:
        """Show and run a command as a user would, and return its data."""
        say(f"      $ stella {shlex.join(map(str, arguments))}")
        return self.ask(*arguments)

    def ask(self, *arguments: str | Path) -> str:
        """Run a command and return its data."""
        words = [str(argument) for argument in arguments]
        ended = subprocess.run(  # noqa: S603 - our own program, arguments as a list
            [sys.executable, "-m", "cli.stella", *words],
            env=self.environment, stdout=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
        if ended.returncode != 0:
            sys.stdout.write(ended.stdout)
            raise StepFailed(ended.returncode)
        return ended.stdout

    @contextlib.contextmanager
    def suite(self) -> Iterator[str]:
        """Run `stella up` and yield its address once it is ready; end it at the end."""
        say(f"      $ stella up --data {self.place / 'data'}")
        log = self.place / "up.log"
        with log.open("wb") as output:
            process = subprocess.Popen(  # noqa: S603 - our own program, arguments as a list
                [sys.executable, "-m", "cli.stella", "up", "--data", str(self.data.root)],
                env=self.environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                start_new_session=True, preexec_fn=tied(signal.SIGTERM),  # noqa: PLW1509 - two system calls
            )  # fmt: skip
        try:
            yield self._address(process, log)
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _address(self, process: subprocess.Popen[bytes], log: Path) -> str:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and process.poll() is None:
            try:
                ready = json.loads(self.data.ready.read_bytes())
            except FileNotFoundError:
                ready = {}
            if ready.get("pid") == process.pid:
                return str(ready["url"])
            time.sleep(_LOOK_SECONDS)
        say(tail(log, 40))
        say(f"error: the suite did not start; what it said is in {log}")
        raise StepFailed(process.returncode or int(ExitCode.UNEXPECTED))


def say(line: str) -> None:
    """Tell what happens."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def evidence(demo: Demo, folder: Path | None) -> list[Path]:
    """Return the paths to import: those of the user, or the made-up ones."""
    if folder is None:
        return demo_evidence.write(demo.place / "evidence")
    if not folder.is_dir():
        say(f"error: there is no folder {folder}")
        raise StepFailed(int(ExitCode.USAGE))
    named = [folder / name for name in _FOLDERS if (folder / name).is_dir()]
    return named or [folder]


def show(demo: Demo, folder: Path | None, *, keep: bool) -> None:
    """Run the whole demonstration."""
    with demo.step(
        "Evidence: " + ("made up, some hundred records in five formats" if folder is None else "yours")
    ):
        paths = evidence(demo, folder)
    with contextlib.ExitStack() as stack:
        with demo.step("Start the suite: PostgreSQL, NATS, six services"):
            url = stack.enter_context(demo.suite())
        with demo.step("Import the evidence"):
            demo.stella("evidence", "import", *paths, "--format", "name")
        with demo.step("Say what to export"):
            if PROFILE not in demo.ask("export", "profile", "list", "--format", "name").split():
                demo.stella("export", "profile", "create", PROFILE, "--kind", "json:raw", "--format", "name")
        with demo.step("Export"):
            started = demo.stella("export", "run", "start", PROFILE, "--wait", "--format", "json")
            run: dict[str, Any] = json.loads(started)
        name = str(run["exportId"])
        with demo.step("Download the bundle, and unpack it"):
            bundle, unpacked = demo.place / f"{name}.tar", demo.place / name
            shutil.rmtree(unpacked, ignore_errors=True)
            identity = str(run["name"]).rpartition("/")[2]
            demo.stella("export", "download", identity, "-o", bundle, "--extract", "--format", "name")
        with demo.step("Take the public key, which travels by another way"):
            key = demo.place / f"{name}.pub"
            demo.stella("export", "key", "export", "-o", key)
        with demo.step("Verify, without any network"):
            sys.stdout.write(demo.stella("export", "verify", bundle, "--key", key))
        say(result(demo, name))
        if keep:
            say(f"\nThe suite stays up at {url}; Ctrl-C ends it. Use it:")
            say(f"  export STELLA_CONFIG={demo.place.absolute() / 'config.json'}")
            signal.pause()


def result(demo: Demo, name: str) -> str:
    """Return what a reader needs in order to check the bundle."""
    bundle, folder, key = (demo.place / f"{name}{ending}" for ending in (".tar", "", ".pub"))
    program, note = cosign()
    options = f"--key {key} --insecure-ignore-tlog=true"
    manifest = folder / "export.json"
    signature = folder / "signatures" / "export.sig"
    provenance = folder / "signatures" / "provenance.dsse.json"
    return f"""
Done in {numbers.duration(time.monotonic() - demo.begun)}.
  bundle      {bundle} ({numbers.size(bundle.stat().st_size)})
  unpacked    {folder}/
  public key  {key}

The signatures are cosign's, version 2 or 3{note}:
  {program} verify-blob {options} --signature {signature} {manifest}
  {program} verify-blob-attestation {options} --type slsaprovenance1 --signature {provenance} {manifest}"""


def cosign() -> tuple[str, str]:
    """Return how cosign is called here, and what to say where it is not installed."""
    if shutil.which("cosign"):
        return "cosign", ""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "export-center" / "tools"
    built = sorted(cache.glob("cosign-*/cosign"))
    return (str(built[-1]), "") if built else ("cosign", " (`make tools` builds both)")


def clear(demo: Demo) -> None:
    """Remove what an earlier demonstration left, unless its suite is still up."""
    if demo.data.lock.exists():
        with Lock(demo.data):
            shutil.rmtree(demo.data.root)
    shutil.rmtree(demo.place, ignore_errors=True)


def main(arguments: list[str]) -> int:
    """Run the demonstration and return its exit code."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument(
        "--data", type=Path, metavar="FOLDER", help="import this folder instead of made-up evidence"
    )
    parser.add_argument("--keep", action="store_true", help="keep earlier data, and stay up until Ctrl-C")
    chosen = parser.parse_args(arguments)
    try:
        demo = Demo(PLACE)
        if not chosen.keep:
            clear(demo)
        PLACE.mkdir(parents=True, exist_ok=True)
        show(demo, chosen.data, keep=chosen.keep)
    except CommandFailed as failure:
        sys.stderr.write(for_people(failure))
        return int(failure.exit_code)
    except StepFailed as failure:
        say("\nThe demonstration ends here; the error of the failed step stands above.")
        return failure.code
    except KeyboardInterrupt:
        say("\nInterrupted.")
        return int(ExitCode.INTERRUPTED)
    return int(ExitCode.OK)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
