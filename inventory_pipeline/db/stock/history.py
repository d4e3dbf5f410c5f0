"""Stock over time: units after each snapshot, from the current levels and the ledger of changes."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from inventory_pipeline.core.quantity import Number
from inventory_pipeline.db.tables.stock import snapshots, stock_changes, stock_levels, trimmed
from inventory_pipeline.db.types import from_millionths

# The most points that a chart can show.
_POINTS = 500


class Point(NamedTuple):
    """Units available when one read ended, each pool once. `units` is None where no line had a number."""

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
    """The units of a store, or of some of its variants, or at one location, after each of its last 500 reads, oldest first.

    1. `_deltas`: each version of a line adds its units at the snapshot where it began, and takes them away at the one where
       it ended.
    2. The deltas are summed by snapshot, in the database.
    3. Running sums over the store's snapshots give the points.
    """
    deltas = sa.union_all(*_deltas(store_key, items, location_id)).subquery("deltas")
    sums = (sa.func.sum(deltas.c.amount), sa.func.sum(deltas.c.lines))
    summed = sa.select(deltas.c.snapshot, *sums).group_by(deltas.c.snapshot)
    by_snapshot = {number: (int(amount), int(lines)) for number, amount, lines in connection.execute(summed)}
    times = sa.select(snapshots.c.id, snapshots.c.ended_at).where(snapshots.c.store_key == store_key).order_by(snapshots.c.id)
    points: list[Point] = []
    units = lines = 0
    for number, ended_at in connection.execute(times):
        amount, more = by_snapshot.get(number, (0, 0))
        units, lines = units + amount, lines + more
        points.append(Point(ended_at, from_millionths(units) if lines else None))
    return points[-_POINTS:]


def _deltas(store_key: str, items: Sequence[str] | None, location_id: str | None) -> list[sa.Select]:
    levels, changes = stock_levels, stock_changes
    current = _counts(levels, store_key, items, location_id)
    ended = _counts(changes, store_key, items, location_id)
    return [
        _delta(levels, levels.c.since_snapshot, 1).where(*current),
        _delta(changes, changes.c.valid_from, 1).where(*ended),
        _delta(changes, changes.c.snapshot_id, -1).where(*ended),
    ]


def _delta(table: sa.Table, snapshot: sa.ColumnElement[int], sign: int) -> sa.Select:
    amount = sa.type_coerce(table.c.available, sa.BigInteger) * sign
    return sa.select(snapshot.label("snapshot"), amount.label("amount"), sa.literal(sign).label("lines"))


def _counts(
    table: sa.Table, store_key: str, items: Sequence[str] | None, location_id: str | None
) -> list[sa.ColumnElement[bool]]:
    """Conditions on the lines that count: those with a number, and of each pool only the lines of its first variant."""
    pool = stock_levels
    pooled = [pool.c.store_key == store_key, pool.c.shared_pool.is_not(None)]
    if items is not None:
        pooled.append(pool.c.item_id.in_(items))
    first = sa.select(pool.c.shared_pool, sa.func.min(pool.c.item_id)).where(*pooled).group_by(pool.c.shared_pool)
    once = sa.or_(table.c.shared_pool.is_(None), sa.tuple_(table.c.shared_pool, table.c.item_id).in_(first))
    conditions = [table.c.store_key == store_key, table.c.presence == "present", table.c.state == "tracked", once]
    if items is not None:
        conditions.append(table.c.item_id.in_(items))
    if location_id is not None:
        conditions.append(table.c.location_id == location_id)
    return conditions
