"""How stock went: units after each snapshot, from the ledger of changes."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from inventory_pipeline.core.quantity import Number
from inventory_pipeline.db.tables.stock import snapshots, stock_changes, stock_levels, trimmed
from inventory_pipeline.db.types import from_millionths

# As many points as a chart can show.
_POINTS = 500


class Point(NamedTuple):
    """Units available at the end of one read, each pool once. None where no line had a number: that is not zero."""

    at: datetime
    units: Number | None


def items_with_sku(connection: sa.Connection, store_key: str, sku: str) -> list[str]:
    """The ids of the store's variants that have the SKU, deleted ones too."""
    level = stock_levels.c
    mine = sa.select(level.item_id).where(level.store_key == store_key, trimmed(level.sku) == sku).distinct()
    return sorted(connection.scalars(mine))


def stock_history(
    connection: sa.Connection, store_key: str, items: Sequence[str] | None = None, location_id: str | None = None
) -> list[Point]:
    """A store's units over time, or those of some of its variants, or at one location; oldest first.

    At most the last few hundred reads.
    """
    deltas = sa.union_all(*_versions(store_key, items, location_id)).subquery("deltas")
    sums = (sa.func.sum(deltas.c.amount), sa.func.sum(deltas.c.lines))
    moved = sa.select(deltas.c.snapshot, *sums).group_by(deltas.c.snapshot)
    by_snapshot = {number: (int(amount), int(lines)) for number, amount, lines in connection.execute(moved)}
    times = sa.select(snapshots.c.id, snapshots.c.ended_at).where(snapshots.c.store_key == store_key).order_by(snapshots.c.id)
    points: list[Point] = []
    units = lines = 0
    for number, ended_at in connection.execute(times):
        amount, more = by_snapshot.get(number, (0, 0))
        units, lines = units + amount, lines + more
        points.append(Point(ended_at, from_millionths(units) if lines else None))
    return points[-_POINTS:]


def _versions(store_key: str, items: Sequence[str] | None, location_id: str | None) -> list[sa.Select]:
    """What each version of a line added when it began, and took away when it ended."""
    levels, changes = stock_levels, stock_changes
    now, then = (_shown(table, store_key, items, location_id) for table in (levels, changes))
    return [
        _delta(levels, levels.c.since_snapshot, 1).where(*now),
        _delta(changes, changes.c.valid_from, 1).where(*then),
        _delta(changes, changes.c.snapshot_id, -1).where(*then),
    ]


def _delta(table: sa.Table, snapshot: sa.ColumnElement[int], sign: int) -> sa.Select:
    amount = sa.type_coerce(table.c.available, sa.BigInteger) * sign
    return sa.select(snapshot.label("snapshot"), amount.label("amount"), sa.literal(sign).label("lines"))


def _shown(table: sa.Table, store_key: str, items: Sequence[str] | None, location_id: str | None) -> list[sa.ColumnElement[bool]]:
    """Lines with a number; of a pool's lines only those of its first variant, so that it counts once."""
    pool = stock_levels
    mine = [pool.c.store_key == store_key, pool.c.shared_pool.is_not(None)]
    if items is not None:
        mine.append(pool.c.item_id.in_(items))
    first = sa.select(pool.c.shared_pool, sa.func.min(pool.c.item_id)).where(*mine).group_by(pool.c.shared_pool)
    alone = sa.or_(table.c.shared_pool.is_(None), sa.tuple_(table.c.shared_pool, table.c.item_id).in_(first))
    shown = [table.c.store_key == store_key, table.c.presence == "present", table.c.state == "tracked", alone]
    if items is not None:
        shown.append(table.c.item_id.in_(items))
    return shown if location_id is None else [*shown, table.c.location_id == location_id]
