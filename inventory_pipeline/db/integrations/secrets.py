"""Encrypted secrets under their names. This room never sees a key or a plain value."""

from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from inventory_pipeline.db.tables.stores import secrets as _table


class SecretEntry(NamedTuple):
    name: str
    created_at: datetime


def put_secret(connection: sa.Connection, name: str, ciphertext: str, now: datetime) -> None:
    """Stores the secret, replacing an earlier one of that name."""
    connection.execute(_table.delete().where(_table.c.name == name))
    connection.execute(_table.insert().values(name=name, ciphertext=ciphertext, created_at=now))


def get_secret(connection: sa.Connection, name: str) -> str | None:
    """The ciphertext, or None where there is no such secret."""
    return connection.execute(sa.select(_table.c.ciphertext).where(_table.c.name == name)).scalar()


def list_secrets(connection: sa.Connection) -> list[SecretEntry]:
    rows = connection.execute(sa.select(_table.c.name, _table.c.created_at).order_by(_table.c.name))
    return [SecretEntry(row.name, row.created_at) for row in rows]


def remove_secret(connection: sa.Connection, name: str) -> bool:
    """False where there is no such secret."""
    return connection.execute(_table.delete().where(_table.c.name == name)).rowcount == 1
