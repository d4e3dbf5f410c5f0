"""The lease: one sync per store at a time, whoever starts it. Each change is one atomic statement."""

from datetime import datetime, timedelta
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from inventory_pipeline.core.clock import show_instant
from inventory_pipeline.core.errors import LeaseHeld, LeaseLost
from inventory_pipeline.db.database import Database
from inventory_pipeline.db.tables.stores import sync_leases as _table


class Lease(NamedTuple):
    store_key: str
    run_id: str
    acquired_at: datetime
    heartbeat_at: datetime
    expires_at: datetime


def acquire(database: Database, store_key: str, run_id: str, now: datetime, ttl: timedelta) -> None:
    """Takes the store's lease, or takes it over from a run whose heartbeat stopped more than its ttl ago.

    Raises LeaseHeld naming the run that holds it. The same run cannot hold it twice.
    """
    insert = sqlite_insert if database.dialect == "sqlite" else postgresql_insert
    times = {"acquired_at": now, "heartbeat_at": now, "expires_at": now + ttl}
    taken = (
        insert(_table)
        .values(store_key=store_key, run_id=run_id, **times)
        .on_conflict_do_update(index_elements=["store_key"], set_={"run_id": run_id, **times}, where=_table.c.expires_at < now)
        .returning(_table.c.run_id)
    )
    with database.begin() as connection:
        if connection.execute(taken).first() is not None:
            return
        holder = _current(connection, store_key)
    if holder is None:  # released between the two statements
        acquire(database, store_key, run_id, now, ttl)
        return
    raise LeaseHeld(
        f"store {store_key!r} is being synced by run {holder.run_id} since {show_instant(holder.acquired_at)};"
        " wait for it to end, or cancel it",
        holder.run_id,
    )


def heartbeat(database: Database, store_key: str, run_id: str, now: datetime, ttl: timedelta) -> bool:
    """Extends the run's lease; False where it is no longer this run's."""
    beat = _table.update().where(_mine(store_key, run_id)).values(heartbeat_at=now, expires_at=now + ttl)
    with database.begin() as connection:
        return connection.execute(beat).rowcount == 1


def release(database: Database, store_key: str, run_id: str) -> None:
    """Frees the store. Does nothing where the lease is another run's."""
    with database.begin() as connection:
        connection.execute(_table.delete().where(_mine(store_key, run_id)))


def current(database: Database, store_key: str) -> Lease | None:
    """The store's lease, expired or not."""
    with database.connect() as connection:
        return _current(connection, store_key)


def stale(database: Database, now: datetime) -> list[Lease]:
    """Leases whose heartbeat has stopped, oldest first."""
    late = sa.select(_table).where(_table.c.expires_at < now).order_by(_table.c.expires_at)
    with database.connect() as connection:
        return [Lease(*row) for row in connection.execute(late)]


def hold(connection: sa.Connection, store_key: str, run_id: str) -> None:
    """Locks the run's lease until the transaction ends, so that nobody takes it over. Raises LeaseLost."""
    mine = sa.select(_table.c.run_id).where(_mine(store_key, run_id)).with_for_update()
    if connection.execute(mine).first() is None:
        raise LeaseLost(
            f"run {run_id} no longer holds the lease of store {store_key!r} (its heartbeat had stopped, or the store was"
            " purged): nothing was published, the last good snapshot stays"
        )


def _mine(store_key: str, run_id: str) -> sa.ColumnElement[bool]:
    return sa.and_(_table.c.store_key == store_key, _table.c.run_id == run_id)


def _current(connection: sa.Connection, store_key: str) -> Lease | None:
    row = connection.execute(sa.select(_table).where(_table.c.store_key == store_key)).first()
    return None if row is None else Lease(*row)
