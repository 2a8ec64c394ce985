"""One real suite that outlives many schedules: its evidence, undisturbed digests, state made afresh."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import psycopg

from cli.stella.supervise import ports
from cli.stella.supervise.credentials import issue, open_issuer, user_grant, write_token
from cli.stella.supervise.data_dir import DataDir
from cli.stella.supervise.suite import DATABASE
from tests.chaos import evidence
from tests.chaos.door import Door
from tests.chaos.programs import Programs
from tests.chaos.schedule import PROFILES
from tests.kit.suite import Suite, running_suite

EXPORTER, IMPORTER = "storm", "tide"  # tenants
RUNS = "/api/export/runs"
WAIT_SECONDS = 90.0
LOOK_SECONDS = 0.02
FEWEST_SHARDS = 3
ENDED = ("succeeded", "failed", "cancelled", "expired")
# One slot, so that a second run waits for it.
SETTINGS = {"shard_bytes": "1048576", "sweep_seconds": "1", "tenant_concurrent_runs": "1"}
# What a profile says beside its adapter; a level or a selection makes every segment be packed anew.
_PROFILES: Mapping[str, dict[str, Any]] = {
    "as-it-is": {},
    "packed-anew": {"compressionLevel": 4},
    "packed-tight": {"compressionLevel": 9},
    "chosen": {"include": ["RECORD_KIND_SBOM"], "selector": {"ids": ["*0*"]}},
}
TOKEN_LIFE = timedelta(days=1)
# What a run leaves; profiles, keys and evidence stay.
_KEPT = ("export_profiles", "export_profile_revisions", "signing_keys")

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class World:
    """A running suite; `undisturbed` has the digest of each profile's bundle."""

    suite: Suite
    points: Path
    exporter: Door
    importer: Door
    undisturbed: dict[str, str]

    @property
    def programs(self) -> Programs:
        """The suite's programs."""
        return Programs(self.suite.process.pid)

    @property
    def ports(self) -> dict[str, int]:
        """The suite's ports."""
        return dict(ports.load(self.suite.data / "ports.json"))

    def query(self, statement: str, *values: object) -> list[Any]:
        """Return the rows of a statement, as the superuser, whom no policy binds; wait for the database."""

        def ask() -> list[Any]:
            with self._connect() as connection:
                return connection.execute(statement.encode(), values).fetchall()

        return _patiently(ask)

    def _connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(
            host=ports.LOOPBACK,
            port=self.ports["postgres"],
            user="postgres",
            password=(self.suite.data / "secrets" / "postgres").read_text(encoding="ascii"),
            dbname=DATABASE,
            connect_timeout=2,
            autocommit=True,
            options="-c statement_timeout=5000",
        )

    def forget(self, tenant: str, *, with_evidence: bool) -> None:
        """Make a tenant new: what runs have left goes, so that no cache hides work; with it its evidence."""
        schemas = ["planner", "signer", "distributor"] + (["evidence"] if with_evidence else [])

        def clear() -> None:
            with self._connect() as connection, connection.transaction():
                # Some tables refuse deletions, whoever asks: by a trigger, which this switches off.
                connection.execute("SET LOCAL session_replication_role = replica")
                rows = connection.execute(
                    "SELECT table_schema, table_name FROM information_schema.columns "
                    "WHERE column_name = 'tenant' AND table_schema = ANY(%s)",
                    (schemas,),
                ).fetchall()
                tables = [f"{schema}.{table}" for schema, table in rows if table not in _KEPT]
                for table in [*tables, "evidence.snapshots"]:
                    connection.execute(
                        f"DELETE FROM {table} WHERE tenant = %s".encode(),  # noqa: S608 - names of the catalogue
                        (tenant,),
                    )

        _patiently(clear)
        for area in ("exports", *(["evidence"] if with_evidence else [])):
            shutil.rmtree(self.suite.data / "blobs" / area / tenant, ignore_errors=True)

    def follow(self, run: str, see: Callable[[str], None], attempt: int = 1) -> str:
        """Return the state in which an attempt of a run ends; `see` hears of every stage on the way."""
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            rows = self.query(
                "SELECT state FROM planner.export_runs WHERE tenant = %s AND run = %s AND attempt >= %s",
                EXPORTER, run, attempt,
            )  # fmt: skip
            if rows:
                see(rows[0][0])
                if rows[0][0] in ENDED:
                    return str(rows[0][0])
            time.sleep(LOOK_SECONDS)
        return "unended"

    def wait_until_up(self) -> None:
        """Return once every program is there and ready."""
        deadline = time.monotonic() + WAIT_SECONDS
        while not self.exporter.is_ready():
            if time.monotonic() > deadline:
                raise TimeoutError(f"the suite is not ready {WAIT_SECONDS:g} s after the last fault")
            time.sleep(LOOK_SECONDS)


def _patiently(ask: Callable[[], Answer]) -> Answer:
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            return ask()
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(LOOK_SECONDS)


@contextlib.contextmanager
def running_world(data: Path) -> Iterator[World]:
    """Run a suite with two adapter hosts, evidence and profiles, and export each profile undisturbed."""
    points = data / "points"
    settings = {**SETTINGS, "points_directory": str(points)}
    with (
        running_suite(data, hosts=2, settings=settings) as suite,
        _door(suite, EXPORTER) as exporter,
        _door(suite, IMPORTER) as importer,
    ):
        world = World(suite, points, exporter, importer, {})
        for feed in evidence.exported():
            exporter.import_until_done(feed)
        for name in PROFILES:
            spec = {"kind": "json", "variant": "raw", **_PROFILES[name]}
            exporter.write(f"/api/export/profiles?profileId={name}", {"spec": spec})
            world.undisturbed[name] = _export(world, name)
        yield world


def _door(suite: Suite, tenant: str) -> Door:
    data = DataDir(suite.data)
    token = issue(open_issuer(data), user_grant(tenant, "admin", "", TOKEN_LIFE), datetime.now(UTC))
    write_token(data.user_token(f"{tenant}-admin"), token)
    return Door(suite.url, token)


def _export(world: World, profile: str) -> str:
    """Export without any cache or disturbance, verify the bundle, and return the digest of its tar."""
    world.forget(EXPORTER, with_evidence=False)
    run = str(world.exporter.write(RUNS, {"profile": profile})["name"]).rpartition("/")[2]
    state = world.follow(run, lambda _: None)
    assert state == "succeeded", state
    [(shards,)] = world.query("SELECT shards_total FROM planner.export_runs WHERE tenant = %s", EXPORTER)
    assert shards >= FEWEST_SHARDS, f"{shards} shards leave little to disturb"
    world.suite.stella("export", "verify", run, tenant=EXPORTER)
    bundle = world.exporter.read(f"{RUNS}/{run}/bundle")
    return f"sha256:{hashlib.sha256(bundle).hexdigest()}"
