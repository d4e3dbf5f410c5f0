"""How quickly stock is used up, by the ledger of changes: the sum of decreases, without what restocks brought."""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from inventory_pipeline.core.quantity import Number
from inventory_pipeline.db.alerts.alert_stores import WINDOW
from inventory_pipeline.db.tables.stock import snapshots, stock_changes
from inventory_pipeline.db.types import from_millionths

_change = stock_changes


class Used(NamedTuple):
    """What one variant used up within the window, over all its locations; `events` is in how many snapshots."""

    used: Number
    events: int


def decreases(now: datetime) -> sa.Select:
    """Per store and variant: `used` in millionths and the number of `events`, in the window up to `now`.

    A sale and a restock between the same two reads show only as their difference; a transfer between two locations
    shows as a decrease.
    """
    before, after = (sa.type_coerce(column, sa.BigInteger) for column in (_change.c.available, _change.c.available_after))
    number, ended = snapshots.c.id, snapshots.c.ended_at
    first = sa.select(sa.func.min(number)).where(ended >= now - WINDOW).scalar_subquery()
    last = sa.select(sa.func.max(number)).where(ended <= now).scalar_subquery()
    return (
        sa.select(
            _change.c.store_key,
            _change.c.item_id,
            sa.func.sum(before - after).label("used"),
            sa.func.count(_change.c.snapshot_id.distinct()).label("events"),
        )
        .where(_change.c.snapshot_id.between(first, last), after < before)
        .group_by(_change.c.store_key, _change.c.item_id)
    )


def used_by(connection: sa.Connection, store_key: str, items: Collection[str], now: datetime) -> dict[str, Used]:
    """The consumption of some variants of a store; those that used up nothing are left out."""
    mine = _change.c.store_key == store_key, _change.c.item_id.in_(items)
    rows = connection.execute(decreases(now).where(*mine))
    return {row.item_id: Used(from_millionths(int(row.used)), row.events) for row in rows}
