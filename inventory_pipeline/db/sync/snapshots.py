"""Coverage: what each published snapshot saw."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from inventory_pipeline.core.sync import Counts
from inventory_pipeline.db.tables.stock import snapshots as _table

_COUNTS = tuple(Counts.__slots__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One published read. `expected`, `read` and `gap` count the platform's own entities, the counts are lines."""

    id: int
    store_key: str
    run_id: str
    started_at: datetime
    ended_at: datetime
    published_at: datetime
    expected: int | None
    read: int
    gap: int
    how: str
    memo: Mapping[str, str]
    unchanged: bool
    accepted_shrink: bool
    api_calls: int
    excluded: Mapping[str, int]
    counts: Counts


def last_published(connection: sa.Connection, store_key: str) -> Snapshot | None:
    return next(iter(list_snapshots(connection, store_key, limit=1)), None)


def last_reads(connection: sa.Connection) -> dict[str, datetime]:
    """For every store that was ever published, when the read of its last snapshot ended. One query."""
    newest = sa.select(sa.func.max(_table.c.id)).group_by(_table.c.store_key)
    return dict(connection.execute(sa.select(_table.c.store_key, _table.c.ended_at).where(_table.c.id.in_(newest))).all())


def list_snapshots(connection: sa.Connection, store_key: str, *, limit: int = 100) -> list[Snapshot]:
    """The store's snapshots, newest first."""
    newest = sa.select(_table).where(_table.c.store_key == store_key).order_by(_table.c.id.desc()).limit(limit)
    return [_snapshot(dict(row)) for row in connection.execute(newest).mappings()]


def _snapshot(row: dict) -> Snapshot:
    return Snapshot(counts=Counts(**{name: row.pop(name) for name in _COUNTS}), **row)
