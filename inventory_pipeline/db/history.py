"""How stock went: units after each snapshot, from the ledger of changes."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from inventory_pipeline.core.quantity import Number
from inventory_pipeline.db.tables.stock import snapshots, stock_changes, stock_levels
from inventory_pipeline.db.types import from_millionths

# As many points as a chart can show.
_POINTS = 500


class Point(NamedTuple):
    """Units available at the end of one read, each pool once; lines without a number count nothing."""

    at: datetime
    units: Number


def stock_history(connection: sa.Connection, store_key: str, items: Sequence[str] | None = None) -> list[Point]:
    """A store's units over time, or those of some of its variants; oldest first, at most the last few hundred reads."""
    deltas = sa.union_all(*_versions(store_key, items)).subquery("deltas")
    moved = sa.select(deltas.c.snapshot, sa.func.sum(deltas.c.amount)).group_by(deltas.c.snapshot)
    by_snapshot = {row.snapshot: int(row[1] or 0) for row in connection.execute(moved)}
    times = sa.select(snapshots.c.id, snapshots.c.ended_at).where(snapshots.c.store_key == store_key).order_by(snapshots.c.id)
    points: list[Point] = []
    units = 0
    for number, ended_at in connection.execute(times):
        units += by_snapshot.get(number, 0)
        points.append(Point(ended_at, from_millionths(units)))
    return points[-_POINTS:]


def _versions(store_key: str, items: Sequence[str] | None) -> list[sa.Select]:
    """What each version of a line added when it began, and took away when it ended."""
    levels, changes = stock_levels, stock_changes
    now, then = _shown(levels, store_key, items), _shown(changes, store_key, items)
    return [
        _delta(levels, levels.c.since_snapshot, 1).where(*now),
        _delta(changes, changes.c.valid_from, 1).where(*then),
        _delta(changes, changes.c.snapshot_id, -1).where(*then),
    ]


def _delta(table: sa.Table, snapshot: sa.ColumnElement[int], sign: int) -> sa.Select:
    amount = sa.type_coerce(table.c.available, sa.BigInteger) * sign
    return sa.select(snapshot.label("snapshot"), amount.label("amount"))


def _shown(table: sa.Table, store_key: str, items: Sequence[str] | None) -> list[sa.ColumnElement[bool]]:
    """Lines with a number; of a pool's lines only those of its first variant, so that it counts once."""
    pool = stock_levels
    mine = [pool.c.store_key == store_key, pool.c.shared_pool.is_not(None)]
    if items is not None:
        mine.append(pool.c.item_id.in_(items))
    first = sa.select(pool.c.shared_pool, sa.func.min(pool.c.item_id)).where(*mine).group_by(pool.c.shared_pool)
    alone = sa.or_(table.c.shared_pool.is_(None), sa.tuple_(table.c.shared_pool, table.c.item_id).in_(first))
    shown = [table.c.store_key == store_key, table.c.presence == "present", table.c.state == "tracked", alone]
    return shown if items is None else [*shown, table.c.item_id.in_(items)]
