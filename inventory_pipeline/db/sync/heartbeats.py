"""The heartbeats of runs. Each run's process writes here that it lives; whoever finds it dead bars the run, then writes its end.

A barred run can neither take a lease nor publish, however late its process comes back: both look here under lock. Times
are those of whoever writes; `services/run_life.py` says how they are compared.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from inventory_pipeline.core.clock import Clock
from inventory_pipeline.core.errors import RunClosed
from inventory_pipeline.db.database import Database
from inventory_pipeline.db.engine import upsert
from inventory_pipeline.db.tables.stores import run_heartbeats as _table
from inventory_pipeline.db.tables.stores import sync_leases

_FORGOTTEN_AT_ONCE = 1_000


class Process(NamedTuple):
    """Where a run is executed. `boot_id` names the machine's boot and its table of processes; empty where unknown."""

    host: str
    boot_id: str
    pid: int


class RunHeartbeat(NamedTuple):
    """A run's life. `heartbeat_at` is None for a run whose body never began, `ended_at` until its body has ended.

    `barred_at` is when somebody last set about writing down its end in its place.
    """

    run_id: str
    store_key: str | None
    host: str | None
    boot_id: str | None
    pid: int | None
    started_at: datetime
    heartbeat_at: datetime | None
    ended_at: datetime | None
    barred_at: datetime | None

    @property
    def process(self) -> Process | None:
        if self.host is None or self.boot_id is None or self.pid is None:
            return None
        return Process(self.host, self.boot_id, self.pid)


def begin(database: Database, run_id: str, store_key: str | None, process: Process, clock: Clock) -> None:
    """The run's body begins, or begins again after its retry wait. Raises RunClosed for a barred run."""
    with database.begin() as connection:
        # Asked for the time only now, since SQLite may have made it wait for another writer.
        now = clock()
        life = {**process._asdict(), "store_key": store_key, "heartbeat_at": now, "ended_at": None}
        begun = (
            upsert(connection.dialect, _table)
            .values(run_id=run_id, started_at=now, **life)
            .on_conflict_do_update(index_elements=["run_id"], set_=life, where=_table.c.barred_at.is_(None))
            .returning(_table.c.run_id)
        )
        if connection.execute(begun).first() is None:
            raise _closed(run_id)


def beat(database: Database, run_id: str, clock: Clock) -> bool:
    """Says that the run's process lives. False where there is nothing to say any more: ended, barred or forgotten."""
    alive = _table.c.run_id == run_id, _table.c.ended_at.is_(None), _table.c.barred_at.is_(None)
    with database.begin() as connection:
        return connection.execute(_table.update().where(*alive).values(heartbeat_at=clock())).rowcount == 1


def end(database: Database, run_id: str, now: datetime) -> None:
    """The run's body has ended; Dagster's own last words follow. Raises DatabaseBusy rather than wait for a lock."""
    with database.begin(wait=False) as connection:
        connection.execute(_table.update().where(_table.c.run_id == run_id).values(ended_at=now))


def of_runs(database: Database, run_ids: Sequence[str]) -> dict[str, RunHeartbeat]:
    """The lives of those runs whose body has begun."""
    if not run_ids:
        return {}
    with database.connect() as connection:
        rows = connection.execute(sa.select(_table).where(_table.c.run_id.in_(list(run_ids))))
        return {row.run_id: RunHeartbeat(*row) for row in rows}


def hold_open(connection: sa.Connection, run_id: str) -> None:
    """Keeps the run from being barred until the transaction ends; its heartbeats go on. Raises RunClosed where it is.

    A run without a row, as of a sync outside of Dagster, cannot be barred.
    """
    # FOR KEY SHARE: PostgreSQL lets it stand beside the update of another column, and holds off FOR UPDATE.
    mine = sa.select(_table.c.barred_at).where(_table.c.run_id == run_id).with_for_update(read=True, key_share=True)
    row = connection.execute(mine).first()
    if row is not None and row.barred_at is not None:
        raise _closed(run_id)


def bar(connection: sa.Connection, run_id: str, store_key: str | None, seen: RunHeartbeat | None, now: datetime) -> bool:
    """Bars the run under lock and takes its lease away, if its life is still as it was `seen` (None: no row).

    False where it has moved since, or somebody else bars it. Raises DatabaseBusy where the run, or on SQLite anybody, is
    writing at this moment. Called on a connection of `begin(wait=False)`.
    """
    locked = sa.select(_table).where(_table.c.run_id == run_id).with_for_update(nowait=True)
    row = connection.execute(locked).first()
    if (None if row is None else RunHeartbeat(*row)) != seen:
        return False
    if row is None:
        barred = upsert(connection.dialect, _table).values(run_id=run_id, store_key=store_key, started_at=now, barred_at=now)
        if connection.execute(barred.on_conflict_do_nothing().returning(_table.c.run_id)).first() is None:
            return False
    else:
        connection.execute(_table.update().where(_table.c.run_id == run_id).values(barred_at=now))
    connection.execute(sync_leases.delete().where(sync_leases.c.run_id == run_id))
    return True


def forget(database: Database, ended_before: datetime, barred_before: datetime, but: Sequence[str]) -> None:
    """Removes the rows of runs that ended, fell silent or were barred before the instants, `but` for these runs."""
    silent = sa.func.coalesce(_table.c.ended_at, _table.c.heartbeat_at) < ended_before
    old = sa.or_(_table.c.barred_at < barred_before, sa.and_(_table.c.barred_at.is_(None), silent))
    with database.connect() as connection:
        found = set(connection.scalars(sa.select(_table.c.run_id).where(old).limit(_FORGOTTEN_AT_ONCE))) - set(but)
    if found:
        with database.begin() as connection:
            connection.execute(_table.delete().where(_table.c.run_id.in_(found)))


def _closed(run_id: str) -> RunClosed:
    return RunClosed(
        f"run {run_id} was closed while its process stood still, and publishes nothing any more; the store's next sync takes over"
    )
