"""The outbox: what is to be told, written with what it tells of, and kept until it was delivered or given up."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import sqlalchemy as sa

from inventory_pipeline.core.notices import Payload
from inventory_pipeline.db.tables.alerts import notification_routes
from inventory_pipeline.db.tables.alerts import outbox as _table

# A removed route's notices wait unseen: for it to be added again, with its address mended, or to be forgotten.
HAS_ROUTE = _table.c.route.in_(sa.select(notification_routes.c.name))
_PENDING = sa.and_(_table.c.status == "pending", HAS_ROUTE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
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
    """Puts a notice into the outbox, under a key of its own or the one given; False where that key is there already."""
    if key is not None and connection.scalar(sa.select(_table.c.id).where(_table.c.key == key)) is not None:
        return False
    key = key or uuid4().hex
    row = {"key": key, "route": route, "created_at": now, "due_at": now, "status": "pending", "attempts": 0}
    connection.execute(_table.insert().values(**row, payload={**payload, "key": key}))
    return True


def claim(connection: sa.Connection, now: datetime, hold: timedelta) -> Letter | None:
    """The next notice that is due, for one deliverer alone until `now` + `hold`. None where nothing is due.

    Whoever dies while delivering leaves it to the next after that time, under the same key.
    """
    free = sa.or_(_table.c.claimed_until.is_(None), _table.c.claimed_until <= now)
    due = sa.select(_table.c.id).where(_PENDING, _table.c.due_at <= now, free).order_by(_table.c.id).limit(1)
    if connection.dialect.name == "postgresql":
        due = due.with_for_update(skip_locked=True)
    number = connection.scalar(due)
    if number is None:
        return None
    mine = _table.update().where(_table.c.id == number)
    connection.execute(mine.values(claimed_until=now + hold, attempts=_table.c.attempts + 1))
    return _letter(connection.execute(sa.select(_table).where(_table.c.id == number)).one())


def settle_sent(connection: sa.Connection, number: int, now: datetime) -> None:
    _settle(connection, number, status="sent", sent_at=now, error=None)


def settle_later(connection: sa.Connection, number: int, due_at: datetime, error: str) -> None:
    _settle(connection, number, due_at=due_at, error=error)


def settle_given_up(connection: sa.Connection, number: int, error: str) -> None:
    _settle(connection, number, status="given_up", error=error)


def _settle(connection: sa.Connection, number: int, **values: Any) -> None:
    connection.execute(_table.update().where(_table.c.id == number).values(claimed_until=None, **values))


def next_due(connection: sa.Connection, now: datetime) -> bool:
    """Whether anything is due. One indexed query, for a sensor."""
    due = sa.select(_table.c.id).where(_PENDING, _table.c.due_at <= now).limit(1)
    return connection.scalar(due) is not None


def list_letters(connection: sa.Connection, *, limit: int = 100) -> list[Letter]:
    """Newest first."""
    rows = sa.select(_table).order_by(_table.c.id.desc()).limit(limit)
    return [_letter(row) for row in connection.execute(rows)]


def undelivered(connection: sa.Connection, since: datetime, *, limit: int = 100) -> list[Letter]:
    """What waits after a failed attempt, and what was given up since then; newest first."""
    waiting = sa.and_(_table.c.status == "pending", _table.c.error.is_not(None))
    given_up = sa.and_(_table.c.status == "given_up", _table.c.due_at >= since)
    rows = sa.select(_table).where(HAS_ROUTE, sa.or_(waiting, given_up)).order_by(_table.c.id.desc()).limit(limit)
    return [_letter(row) for row in connection.execute(rows)]


def _letter(row: sa.Row[Any]) -> Letter:
    return Letter(**row._asdict())
