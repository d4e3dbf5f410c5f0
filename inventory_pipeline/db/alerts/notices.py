"""Routes of notices, and the outbox that notices wait in. A route's address is a secret, kept under `notify/<name>`.

A notice is written in the transaction that changes the alerts it tells of, and kept until it was delivered or given up.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import sqlalchemy as sa

from inventory_pipeline.core.errors import UsageError
from inventory_pipeline.core.notices import Payload, Route
from inventory_pipeline.db.integrations import secrets
from inventory_pipeline.db.tables.alerts import notification_routes as _routes
from inventory_pipeline.db.tables.alerts import outbox as _outbox

# The notices of a removed route stay, and are not tried: they are delivered if a route of that name is added again.
HAS_ROUTE = _outbox.c.route.in_(sa.select(_routes.c.name))
_PENDING = sa.and_(_outbox.c.status == "pending", HAS_ROUTE)


def route_secret(route: str) -> str:
    """The name of the stored secret that holds the route's address."""
    return f"notify/{route}"


def insert_route(connection: sa.Connection, route: Route, ciphertext: str, now: datetime) -> None:
    """Stores a route with its encrypted address. Raises UsageError where the name is taken."""
    if get_route(connection, route.name) is not None:
        raise UsageError(f"a route {route.name!r} exists; `notify remove {route.name}` makes room")
    row = {
        "name": route.name,
        "kind": route.kind,
        "shown": route.shown,
        "allow_private": route.allow_private,
        "severity": route.severity,
        "events": list(route.events),
        "groups": list(route.groups),
        "stores": list(route.stores),
        "platforms": list(route.platforms),
        "skus": list(route.skus),
        "created_at": now,
    }
    connection.execute(_routes.insert().values(row))
    secrets.put_secret(connection, route_secret(route.name), ciphertext, now)


def list_routes(connection: sa.Connection) -> list[Route]:
    """All routes, by name."""
    return [Route(**row) for row in connection.execute(sa.select(_routes).order_by(_routes.c.name)).mappings()]


def get_route(connection: sa.Connection, name: str) -> Route | None:
    """The route; None where there is none of this name."""
    row = connection.execute(sa.select(_routes).where(_routes.c.name == name)).mappings().first()
    return None if row is None else Route(**row)


def remove_route(connection: sa.Connection, name: str) -> bool:
    """Removes the route and its address; False where there is none. Its notices in the outbox stay, see HAS_ROUTE."""
    secrets.remove_secret(connection, route_secret(name))
    return connection.execute(_routes.delete().where(_routes.c.name == name)).rowcount == 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One notice to one route. `key` is the same in every attempt. `error` is why the last attempt failed."""

    id: int
    key: str
    route: str
    created_at: datetime
    payload: Payload
    status: str  # pending, sent, given_up
    attempts: int
    due_at: datetime
    claimed_until: datetime | None
    sent_at: datetime | None
    error: str | None


def enqueue(connection: sa.Connection, route: str, payload: Mapping[str, Any], now: datetime, key: str | None = None) -> bool:
    """Puts a notice into the outbox, under `key` or a new key; False where the outbox has that key already."""
    if key is not None and connection.scalar(sa.select(_outbox.c.id).where(_outbox.c.key == key)) is not None:
        return False
    key = key or uuid4().hex
    row = {"key": key, "route": route, "created_at": now, "due_at": now, "status": "pending", "attempts": 0}
    connection.execute(_outbox.insert().values(**row, payload={**payload, "key": key}))
    return True


def claim(connection: sa.Connection, now: datetime, hold: timedelta) -> Notice | None:
    """Claims the next due notice for one deliverer until `now` + `hold`, and counts the attempt. None where none is due.

    Where the deliverer dies, another one may claim the notice after that time.
    """
    free = sa.or_(_outbox.c.claimed_until.is_(None), _outbox.c.claimed_until <= now)
    due = sa.select(_outbox.c.id).where(_PENDING, _outbox.c.due_at <= now, free).order_by(_outbox.c.id).limit(1)
    if connection.dialect.name == "postgresql":
        due = due.with_for_update(skip_locked=True)
    notice_id = connection.scalar(due)
    if notice_id is None:
        return None
    claimed = _outbox.update().where(_outbox.c.id == notice_id)
    connection.execute(claimed.values(claimed_until=now + hold, attempts=_outbox.c.attempts + 1))
    return _notice(connection.execute(sa.select(_outbox).where(_outbox.c.id == notice_id)).one())


def mark_sent(connection: sa.Connection, notice_id: int, now: datetime) -> None:
    """The notice was delivered."""
    _end_attempt(connection, notice_id, status="sent", sent_at=now, error=None)


def mark_for_retry(connection: sa.Connection, notice_id: int, due_at: datetime, error: str) -> None:
    """The attempt failed with `error`; the next one is due at `due_at`."""
    _end_attempt(connection, notice_id, due_at=due_at, error=error)


def mark_given_up(connection: sa.Connection, notice_id: int, error: str) -> None:
    """The last attempt failed with `error`; no more are made."""
    _end_attempt(connection, notice_id, status="given_up", error=error)


def _end_attempt(connection: sa.Connection, notice_id: int, **values: Any) -> None:
    connection.execute(_outbox.update().where(_outbox.c.id == notice_id).values(claimed_until=None, **values))


def has_due(connection: sa.Connection, now: datetime) -> bool:
    """Whether any notice is due. One indexed query, for a sensor."""
    due = sa.select(_outbox.c.id).where(_PENDING, _outbox.c.due_at <= now).limit(1)
    return connection.scalar(due) is not None


def list_notices(connection: sa.Connection, *, limit: int = 100) -> list[Notice]:
    """At most `limit` notices, the newest first."""
    rows = sa.select(_outbox).order_by(_outbox.c.id.desc()).limit(limit)
    return [_notice(row) for row in connection.execute(rows)]


def undelivered(connection: sa.Connection, since: datetime, *, limit: int = 100) -> list[Notice]:
    """Notices that wait after a failed attempt, and those given up since `since`; the newest first."""
    waiting = sa.and_(_outbox.c.status == "pending", _outbox.c.error.is_not(None))
    given_up = sa.and_(_outbox.c.status == "given_up", _outbox.c.due_at >= since)
    rows = sa.select(_outbox).where(HAS_ROUTE, sa.or_(waiting, given_up)).order_by(_outbox.c.id.desc()).limit(limit)
    return [_notice(row) for row in connection.execute(rows)]


def _notice(row: sa.Row[Any]) -> Notice:
    return Notice(**row._asdict())
