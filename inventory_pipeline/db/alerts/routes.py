"""Rows of notification routes. Their addresses are secrets, kept encrypted under `notify/<name>`."""

from datetime import datetime

import sqlalchemy as sa

from inventory_pipeline.core.errors import UsageError
from inventory_pipeline.core.notices import Route
from inventory_pipeline.db.integrations import secrets
from inventory_pipeline.db.tables.alerts import notification_routes as _table

_LISTS = ("events", "groups", "stores", "platforms", "skus")


def secret_name(route: str) -> str:
    return f"notify/{route}"


def insert_route(connection: sa.Connection, route: Route, ciphertext: str, now: datetime) -> None:
    """Raises UsageError where the name is taken."""
    if get_route(connection, route.name) is not None:
        raise UsageError(f"a route {route.name!r} exists; `notify remove {route.name}` makes room")
    row = {name: list(getattr(route, name)) for name in _LISTS}
    row |= {name: getattr(route, name) for name in ("name", "kind", "shown", "severity")}
    connection.execute(_table.insert().values(**row, created_at=now))
    secrets.put_secret(connection, secret_name(route.name), ciphertext, now)


def list_routes(connection: sa.Connection) -> list[Route]:
    return [Route(**row) for row in connection.execute(sa.select(_table).order_by(_table.c.name)).mappings()]


def get_route(connection: sa.Connection, name: str) -> Route | None:
    row = connection.execute(sa.select(_table).where(_table.c.name == name)).mappings().first()
    return None if row is None else Route(**row)


def remove_route(connection: sa.Connection, name: str) -> bool:
    """False where there is none. What waits for it in the outbox goes to the next route of its name, if one is added."""
    secrets.remove_secret(connection, secret_name(name))
    return connection.execute(_table.delete().where(_table.c.name == name)).rowcount == 1
