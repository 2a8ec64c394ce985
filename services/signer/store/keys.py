"""Keeps the public half and the life of every key version."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.db.engine import Database
from libs.common.db.statement import sql
from services.signer.keys import KeyState, KeyVersion, NewKey

_LOCK = 0x5349474E4B4559  # "SIGNKEY": one change of keys at a time in a database


class KeyStore:
    """The table of key versions. Keys belong to the installation, so every tenant reads the same ones."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def versions(self, tenant: str) -> tuple[KeyVersion, ...]:
        """Return all versions, newest first."""
        async with self._database.tenant(tenant) as connection:
            return await versions(connection)

    @asynccontextmanager
    async def change(self, tenant: str | None) -> AsyncIterator[KeyChange]:
        """Begin a change that no other one overlaps, for a tenant's request or for the signer itself."""
        begin = self._database.system() if tenant is None else self._database.tenant(tenant)
        async with begin as connection:
            await connection.execute(sql("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            yield KeyChange(connection)


class KeyChange:
    """What can be done to key versions in one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def versions(self) -> tuple[KeyVersion, ...]:
        """Return all versions, newest first."""
        return await versions(self._connection)

    async def moment(self) -> datetime:
        """Return the database's time."""
        return await moment(self._connection)

    async def made_by(self, request: str) -> int | None:
        """Return the number of the version that a request made, if it made one."""
        found = await self._connection.execute(
            sql("SELECT version FROM signing_keys WHERE request = :request"), {"request": request}
        )
        return found.scalar_one_or_none()

    async def add(self, new: KeyVersion, request: str | None) -> None:
        """Add a version; `request` names who asked, so that asking again adds none."""
        await self._connection.execute(
            sql(
                "INSERT INTO signing_keys (version, hint, algorithm, public_key_pem, reference, state, "
                "valid_from, valid_until, request) VALUES (:version, :hint, :algorithm, :public_key_pem, "
                ":reference, :state, :valid_from, :valid_until, :request)"
            ),
            {
                "version": new.version,
                "hint": new.key.hint,
                "algorithm": new.key.algorithm,
                "public_key_pem": new.key.public_key_pem,
                "reference": new.key.reference,
                "state": new.state.value,
                "valid_from": new.valid_from,
                "valid_until": new.valid_until,
                "request": request,
            },
        )

    async def end(self, ended: KeyVersion) -> None:
        """Write state and end of a version that no longer signs."""
        await self._connection.execute(
            sql("UPDATE signing_keys SET state = :state, valid_until = :until WHERE version = :version"),
            {"state": ended.state.value, "until": ended.valid_until, "version": ended.version},
        )


async def versions(connection: AsyncConnection) -> tuple[KeyVersion, ...]:
    """Return all versions, newest first."""
    rows = await connection.execute(
        sql(
            "SELECT version, hint, algorithm, public_key_pem, reference, state, valid_from, valid_until "
            "FROM signing_keys ORDER BY version DESC"
        )
    )
    return tuple(_version(row) for row in rows)


async def moment(connection: AsyncConnection) -> datetime:
    """Return the database's time: the one clock that all signers share."""
    found: datetime = (await connection.execute(sql("SELECT clock_timestamp()"))).scalar_one()
    return found


async def hold(connection: AsyncConnection, version: int) -> KeyVersion:
    """Return a version that nobody changes before this transaction ends."""
    await connection.execute(
        sql("SELECT 1 FROM signing_keys WHERE version = :version FOR SHARE"), {"version": version}
    )
    return next(found for found in await versions(connection) if found.version == version)


def _version(row: Row[tuple[object, ...]]) -> KeyVersion:
    key = NewKey(row.hint, row.algorithm, row.public_key_pem, row.reference)
    return KeyVersion(row.version, key, KeyState(row.state), row.valid_from, row.valid_until)
