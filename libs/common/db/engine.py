"""Transactions: one for a tenant, where row-level security shows that tenant alone, or one for the system."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
from sqlalchemy import event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, InvalidatePoolError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from libs.common.db.statement import sql
from libs.common.errors import StorageFault, Unavailable
from libs.common.names import TENANT
from libs.common.settings import ServiceSettings, read_secret

POOL_SIZE = 8  # connections a process may hold; five services stay well under PostgreSQL's default of 100
POOL_WAIT_SECONDS = 10.0  # who waits longer for a connection had better come back
IDLE_SECONDS = 1.0  # a server that ends takes about as long to serve again
STATEMENT_TIMEOUT_MS = 30_000  # no statement of ours is near it: what is over it is stuck
TENANT_SETTING = "app.tenant"
DISK_FULL = "53100"  # SQLSTATE disk_full
_NO_CONNECTION = "there is no connection to it"
# What a server says, by SQLSTATE, when it is no fault of a statement that it does not go on.
_REASONS = {
    # Whether a server that ends or starts still says so, or nothing, is a matter of milliseconds.
    "57P01": _NO_CONNECTION,
    "57P02": _NO_CONNECTION,
    "57P03": _NO_CONNECTION,
    "53300": "it has no connection left",
}

_USED = "used"  # when a connection was last given back

_log = logging.getLogger(__name__)


class Database:
    """One service's database, as its runtime role.

    `tenant(t)` begins a transaction in which policies let through the rows of `t` alone. `system()` begins
    one as the service's `<role>_system`, which policies of a few tables (outbox, shard release) let see all
    tenants; it is for background work, never for a request.
    """

    def __init__(self, url: str, password: str, service: str, idle_seconds: float = IDLE_SECONDS) -> None:
        """Take where it is; a connection that lay idle for longer is looked at before it is used."""
        self._idle_seconds = idle_seconds
        parsed = make_url(url).set(drivername="postgresql+psycopg", password=password or None)
        self._service = service
        self.engine: AsyncEngine = create_async_engine(
            parsed,
            pool_size=POOL_SIZE,
            max_overflow=0,
            pool_timeout=POOL_WAIT_SECONDS,
            connect_args={"connect_timeout": 5, "application_name": f"export-{service}"},
        )
        event.listen(self.engine.sync_engine, "connect", self._set_session)
        event.listen(self.engine.sync_engine, "checkin", _note_use)
        event.listen(self.engine.sync_engine, "checkout", self._check_idle)

    @classmethod
    def open(cls, configuration: ServiceSettings, service: str) -> Database:
        """Open the database that the settings name."""
        password = read_secret("database_password_file", configuration.database_password_file)
        return cls(configuration.database_url, password, service)

    def _set_session(self, connection: object, _record: object) -> None:
        cursor = connection.cursor()  # type: ignore[attr-defined] # a DB-API connection, which has no public type
        cursor.execute(f"SET search_path TO {self._service}")
        cursor.execute(f"SET statement_timeout TO {STATEMENT_TIMEOUT_MS}")
        cursor.close()
        connection.commit()  # type: ignore[attr-defined] # the same

    def _check_idle(self, connection: DBAPIConnection, record: ConnectionPoolEntry, _proxy: object) -> None:
        """Ask the server before a connection is used that lay idle: it may be gone, and a new one is made.

        One that was used a moment ago is not asked, for that would be the most frequent statement of all.
        """
        if time.monotonic() - record.info.get(_USED, 0.0) > self._idle_seconds:
            try:
                self.engine.dialect.do_ping(connection)
            except psycopg.Error as error:
                raise InvalidatePoolError from error

    @asynccontextmanager
    async def tenant(self, tenant: str) -> AsyncIterator[AsyncConnection]:
        """Begin a transaction that sees `tenant` alone; it commits at the end or rolls back on an error."""
        if not TENANT.fullmatch(tenant):
            raise ValueError(f"not a tenant: {tenant!r}")
        async with self._begin() as connection:
            await connection.execute(
                sql("SELECT set_config(:name, :value, true)"), {"name": TENANT_SETTING, "value": tenant}
            )
            yield connection

    @asynccontextmanager
    async def system(self, *, durable: bool = True) -> AsyncIterator[AsyncConnection]:
        """Begin a transaction as the system role; what is not `durable` may be undone by a power cut."""
        settings = {"role": f"{self._service}_system", "commit": "on" if durable else "off"}
        async with self._begin() as connection:
            await connection.execute(
                sql(
                    "SELECT set_config('role', :role, true), set_config('synchronous_commit', :commit, true)"
                ),
                settings,
            )
            yield connection

    @asynccontextmanager
    async def _begin(self) -> AsyncIterator[AsyncConnection]:
        try:
            async with self.engine.begin() as connection:
                yield connection
        except PoolTimeoutError as error:
            reason = f"all {POOL_SIZE} connections are in use"
            raise Unavailable(dependency="the database", reason=reason) from error
        except OperationalError as error:
            raise _away(error) from error
        except DBAPIError as error:
            if error.connection_invalidated:
                raise _away(error) from error
            raise

    async def check(self) -> None:
        """Raise `Unavailable` unless the database answers."""
        async with self._begin() as connection:
            await connection.execute(sql("SELECT 1"))

    async def close(self) -> None:
        """Close all connections."""
        await self.engine.dispose()


def _note_use(_connection: object, record: ConnectionPoolEntry) -> None:
    record.info[_USED] = time.monotonic()


def _away(error: DBAPIError) -> Unavailable:
    """Log what the driver says, and return what a caller may read: no host, port, role or statement."""
    said = str(error.orig).strip().split("\n", 1)[0][:200]
    _log.warning("database fails", extra={"fields": {"error": said}})
    state = getattr(error.orig, "sqlstate", None)
    if state == DISK_FULL:
        return StorageFault(dependency="the database", reason="its disk is full")
    reason = _REASONS.get(state, f"it says {state}") if state else _NO_CONNECTION
    return Unavailable(dependency="the database", reason=reason)
