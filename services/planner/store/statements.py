"""Builds the statements whose columns are many, from the columns' names."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import TextClause

from libs.common.db.statement import sql


def insert(table: str, names: Iterable[str]) -> TextClause:
    """Return a statement that inserts one row with these columns, each from the parameter of its name."""
    listed = list(names)
    parameters = ", ".join(f":{name}" for name in listed)
    return sql(f"INSERT INTO {table} ({', '.join(listed)}) VALUES ({parameters})")  # noqa: S608 - names in code


def assignments(names: Iterable[str]) -> str:
    """Return what follows SET in an update of these columns."""
    return ", ".join(f"{name} = :{name}" for name in names)
