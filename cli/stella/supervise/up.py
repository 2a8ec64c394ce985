"""Brings the suite up in a data directory, keeps it up, and takes it down in order."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from cli.stella.failures import CommandFailed, wrong_file, wrong_usage
from cli.stella.files import PRIVATE_MODE, write_whole
from cli.stella.supervise import nats, ports, suite
from cli.stella.supervise.credentials import (
    FIRST_ROLE,
    FIRST_TENANT,
    FIRST_USER_LIFETIME,
    Renewal,
    make_issuer,
    make_password,
    service_grant,
    user_grant,
)
from cli.stella.supervise.data_dir import DataDir
from cli.stella.supervise.postgres import SUPERUSER, EmbeddedPostgres
from cli.stella.supervise.supervisor import Keeper, Observer, Supervisor
from libs.common.bus.subjects import PERMISSIONS

# How often tokens are looked at. After a clock's jump beyond their end, or where their files are gone, the
# services are strangers to each other for so long, which must be shorter than work is tried again.
RENEWAL_SECONDS = 2.0
# With less the bus would be full again at once: an export's messages need some hundred KiB.
BUS_ROOM_BYTES = 1 << 20
FIRST_TOKEN = f"{FIRST_TENANT}-{FIRST_ROLE}"


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user asks of `stella up`; empty means embedded."""

    data: Path
    http: int | None = None
    hosts: int = 1
    database_url: str = ""
    database_password_file: Path | None = None
    nats_url: str = ""
    blobs_url: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)


class Suite:
    """One suite in one data directory, whose lock the caller holds."""

    def __init__(
        self,
        wishes: Wishes,
        environment: Mapping[str, str],
        clock: Callable[[], datetime],
        observer: Observer,
        say: Callable[[str], None],
    ) -> None:
        self.data = DataDir(wishes.data)
        self.data.ready.unlink(missing_ok=True)  # of one that was killed
        self._wishes = wishes
        self._clock = clock
        self._say = say
        self._is_renewing = True
        self._is_bus_waiting = False
        self._claims = ports.Claims()
        self._issuer = make_issuer(self.data)
        self._renewal = self._make_renewal()
        self._renewal.renew(clock(), all_of_services=True)
        self.layout = self._lay_out(environment)
        self.supervisor = Supervisor(observer)
        self._stop = asyncio.Event()
        self._postgres: EmbeddedPostgres | None = None
        self._database = self._add_database()
        self._bus = self._add_bus()
        self._services = [self.supervisor.add(program) for program in suite.service_programs(self.layout)]
        self._gateway = self.supervisor.add(suite.gateway_program(self.layout))

    def _make_renewal(self) -> Renewal:
        services = [(self.data.service_token(name), service_grant(name)) for name in suite.SERVICES]
        first = user_grant(FIRST_TENANT, FIRST_ROLE, "", FIRST_USER_LIFETIME)
        return Renewal(self._issuer, [*services, (self.data.user_token(FIRST_TOKEN), first)])

    def _lay_out(self, environment: Mapping[str, str]) -> suite.Layout:
        wishes, data = self._wishes, self.data
        for service in suite.DATABASE_SERVICES:
            for role in (service, f"{service}_owner"):
                make_password(data.database_password(role))
        for user in PERMISSIONS:
            make_password(data.nats_password(user))
        make_password(data.secrets / "signing-key")
        names = suite.port_names(wishes.hosts, database=not wishes.database_url, bus=not wishes.nats_url)
        kept = ports.load(data.ports)
        chosen = ports.choose(names, kept, wishes.http, self._claims.is_free)
        write_whole(data.ports, ports.render({**kept, **chosen}))
        return suite.Layout(
            data,
            chosen,
            wishes.hosts,
            wishes.database_url or f"postgresql://{SUPERUSER}@{ports.LOOPBACK}:{chosen['postgres']}/postgres",
            self._admin_password_file(),
            wishes.nats_url or f"nats://{ports.LOOPBACK}:{chosen['nats']}",
            wishes.blobs_url or f"file://{data.blobs.absolute()}",
            environment,
            wishes.settings,
        )

    def _admin_password_file(self) -> Path:
        stated = self._wishes.database_password_file
        if stated is not None:
            if not stated.is_file():
                raise wrong_file(f"There is no file `{stated}`", "Name the file with the password.")
            return stated.absolute()
        if self._wishes.database_url:
            path = self.data.secrets / "no-password"
            write_whole(path, b"", PRIVATE_MODE)
            return path
        path = self.data.secrets / "postgres"
        make_password(path)
        return path

    def _add_database(self) -> Keeper | None:
        if self._wishes.database_url:
            return None
        password = self.layout.database_password_file.read_text(encoding="ascii")
        self._postgres = EmbeddedPostgres(self.data.postgres, self.layout.ports["postgres"], password)
        program = suite.postgres_program(self.layout, self._postgres.command(), self._postgres.user)
        return self.supervisor.add(program)

    def _add_bus(self) -> Keeper | None:
        if self._wishes.nats_url:
            return None
        config = self.data.nats / "nats.json"
        passwords = {user: make_password(self.data.nats_password(user)) for user in PERMISSIONS}
        nats.write_config(config, self.data.nats / "data", self.layout.ports["nats"], passwords)
        return self.supervisor.add(suite.nats_program(self.layout, nats.command(config)))

    async def start(self) -> None:
        """Start everything in order; return when all of it is ready."""
        await _together(self._start_database(), self._start_bus())
        await _together(*(keeper.start() for keeper in (*self._services, self._gateway)))
        document = {"pid": os.getpid(), "url": self.layout.url}
        write_whole(self.data.ready, json.dumps(document).encode() + b"\n")

    async def _start_database(self) -> None:
        if self._postgres is not None and self._database is not None:
            await asyncio.to_thread(self._postgres.initialise)
            await self._database.start()
        for job in suite.database_jobs(self.layout):
            await self.supervisor.do(job)

    async def _start_bus(self) -> None:
        if self._bus is not None:
            await self._bus.start()
        await self.supervisor.do(suite.bus_job(self.layout))

    async def keep(self) -> None:
        """Renew tokens until told to stop."""
        while not self._stop.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), RENEWAL_SECONDS)
            self._renew()
            await self._mend_bus()

    async def _mend_bus(self) -> None:
        """Give a bus whose disk was full a new start once there is room; before that it would not help."""
        if self._bus is None or not self._bus.needs_new_start:
            return
        try:
            has_room = shutil.disk_usage(self.data.nats).free >= BUS_ROOM_BYTES
        except OSError:  # a folder that is away must not end a suite that serves
            has_room = False
        if not self._is_bus_waiting:
            self._say(
                f"warning: the disk of `{self.data.nats}` is full: runs wait. Make room; nothing is lost."
            )
        self._is_bus_waiting = not has_room
        if has_room:
            await self._bus.start_again()

    def _renew(self) -> None:
        try:
            self._renewal.renew(self._clock())
            self._is_renewing = True
        except CommandFailed as failure:
            if self._is_renewing:
                # The tokens in place last for half of their life: this must not end a suite that serves.
                self._say(f"warning: tokens wait to be renewed: {failure.message}. {failure.hint}")
            self._is_renewing = False

    async def stop(self) -> None:
        """End everything: doors first, stores last, so that nothing loses what it stands on."""
        self.data.ready.unlink(missing_ok=True)
        stores = [keeper for keeper in (self._bus, self._database) if keeper is not None]
        await self.supervisor.stop([[self._gateway], self._services, stores])
        self._claims.close()

    def ask_to_stop(self) -> None:
        """Begin to stop; asked twice, end everything at once."""
        if self._stop.is_set():
            self.supervisor.kill()
        self._stop.set()

    async def run(self, on_ready: Callable[[], None]) -> None:
        """Start, keep and stop, on SIGINT or SIGTERM or when the start fails."""
        loop = asyncio.get_running_loop()
        with self.supervisor:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, self.ask_to_stop)
            start = asyncio.create_task(self.start())
            stop = asyncio.create_task(self._stop.wait())
            try:
                await asyncio.wait({start, stop}, return_when=asyncio.FIRST_COMPLETED)
                if start.done():
                    start.result()
                    on_ready()
                    await self.keep()
            finally:
                start.cancel()
                stop.cancel()
                await asyncio.gather(start, stop, return_exceptions=True)
                await self.stop()


async def _together(*work: Coroutine[Any, Any, None]) -> None:
    """Do several things at once; the first that fails ends the others and is the failure."""
    tasks = [asyncio.create_task(one) for one in work]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def check_wishes(wishes: Wishes) -> None:
    """Refuse URLs that would put a password where everybody can read it, and a port that all would share."""
    listen = wishes.settings.get("metrics_listen", "")
    if listen and not listen.endswith(":0"):
        raise wrong_usage(
            f"`{listen}` (--set metrics_listen) is one port, and each process of the suite needs its own.",
            "Write port 0; the line `serving` of each log names the port that was chosen.",
        )
    for name, url in (("--database-url", wishes.database_url), ("--nats-url", wishes.nats_url)):
        if "@" in url and ":" in url.partition("://")[2].rpartition("@")[0]:
            raise wrong_usage(
                f"{name} holds a password, which every user of this machine can read in the process list.",
                "Leave it out and name a file: --database-password-file FILE."
                if name == "--database-url"
                else "Leave it out; an external NATS takes the users of secrets/nats in the data directory.",
            )
