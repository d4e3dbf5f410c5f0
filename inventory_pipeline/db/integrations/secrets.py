"""Encrypted secrets under their names, and where references may be sent. This room never sees a key or a plain value."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from inventory_pipeline.db.tables.stores import credential_bindings as _bindings
from inventory_pipeline.db.tables.stores import secrets as _table
from inventory_pipeline.http.hosts import Host


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


class Binding(NamedTuple):
    """The hosts that `reference` (`secret:NAME`, `env:NAME`) may be sent to, by connectors of `platform` (None: of any)."""

    reference: str
    platform: str | None
    hosts: tuple[Host, ...]
    bound_at: datetime


def put_binding(connection: sa.Connection, reference: str, platform: str | None, hosts: Iterable[Host], now: datetime) -> None:
    """Binds the reference, in the place of an earlier binding."""
    remove_binding(connection, reference)
    texts = sorted({str(host) for host in hosts})
    connection.execute(_bindings.insert().values(reference=reference, platform=platform, hosts=texts, bound_at=now))


def get_binding(connection: sa.Connection, reference: str) -> Binding | None:
    """None where the reference is bound to no host, so that it may be sent nowhere."""
    row = connection.execute(sa.select(_bindings).where(_bindings.c.reference == reference)).first()
    return None if row is None else _binding(row)


def list_bindings(connection: sa.Connection) -> list[Binding]:
    return [_binding(row) for row in connection.execute(sa.select(_bindings).order_by(_bindings.c.reference))]


def remove_binding(connection: sa.Connection, reference: str) -> bool:
    """False where there is none."""
    return connection.execute(_bindings.delete().where(_bindings.c.reference == reference)).rowcount == 1


def _binding(row: sa.Row) -> Binding:
    return Binding(row.reference, row.platform, tuple(map(Host.of_text, row.hosts)), row.bound_at)
