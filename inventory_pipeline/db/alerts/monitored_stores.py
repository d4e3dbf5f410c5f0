"""The stores whose stock is evaluated: the rule of each, its last snapshot, and whose stock it mirrors."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from inventory_pipeline.core.cover import WINDOW
from inventory_pipeline.core.stores import MIRROR_SETTING, SAME_SKU_SETTING, StoreIntegration, is_stale
from inventory_pipeline.core.thresholds import Threshold
from inventory_pipeline.db.alerts.thresholds import default_rule, store_rules
from inventory_pipeline.db.integrations import stores
from inventory_pipeline.db.tables.stock import snapshots


@dataclass(frozen=True, slots=True)
class SnapshotRange:
    """A store's first and last published snapshot: the last one's id, and when their reads began and ended.

    `last_modified` is the own time of the file that was read last, `last_gap` how many entries the platform hid.
    """

    last_id: int
    last_started_at: datetime
    last_ended_at: datetime
    first_ended_at: datetime
    last_modified: datetime | None = None
    last_gap: int = 0


@dataclass(frozen=True, slots=True)
class MonitoredStore:
    """An active store with at least one snapshot.

    `rule` applies where no more specific rule does. `stale` is true where the last snapshot may not be believed any more
    (see core.stores.is_stale). `observed_days` is how long its consumption is known: since its first snapshot, at most WINDOW.
    """

    store: StoreIntegration
    rule: Threshold
    snapshots: SnapshotRange
    stale: bool
    observed_days: float

    @property
    def key(self) -> str:
        return self.store.key

    @property
    def mirror(self) -> str:
        """The setting that stores with one common stock agree in; empty for a store with a stock of its own."""
        return self.store.settings.get(MIRROR_SETTING, "")


def monitored_stores(
    connection: sa.Connection, now: datetime, interval: timedelta, *, past: bool = False
) -> list[MonitoredStore]:
    """The stores that an evaluation at `now` looks at, by key. `interval` is the sync schedule's.

    With `past`, `now` is a past instant, and snapshots whose reads ended later are left out.
    """
    ranges = snapshot_ranges(connection, now if past else None)
    rules, default = store_rules(connection), default_rule(connection)
    found: list[MonitoredStore] = []
    for store in stores.list_stores(connection):
        snapshot_range = ranges.get(store.key)
        if snapshot_range is None or not store.is_active:
            continue
        observed = min(now - snapshot_range.first_ended_at, WINDOW) / timedelta(days=1)
        stale = is_stale(store, snapshot_range.last_ended_at, snapshot_range.last_modified, now, interval)
        found.append(MonitoredStore(store, rules.get(store.key, default), snapshot_range, stale, max(observed, 0.0)))
    return found


def snapshot_ranges(connection: sa.Connection, until: datetime | None = None) -> dict[str, SnapshotRange]:
    """The snapshots of every store that has any, by store key. With `until`, only those whose reads had ended by then.

    One query, which the index of snapshots answers.
    """
    # Without `until` not even the future is left out: the clock of the machine that synced may be ahead of this one.
    ended = sa.true() if until is None else snapshots.c.ended_at <= until
    ids = (
        sa.select(sa.func.min(snapshots.c.id).label("first"), sa.func.max(snapshots.c.id).label("last"))
        .where(ended)
        .group_by(snapshots.c.store_key)
        .subquery()
    )
    first, last = snapshots.alias(), snapshots.alias()
    rows = sa.select(
        last.c.store_key,
        last.c.id,
        last.c.started_at,
        last.c.ended_at,
        last.c.modified,
        last.c.gap,
        first.c.ended_at.label("first_ended_at"),
    ).select_from(ids.join(last, last.c.id == ids.c.last).join(first, first.c.id == ids.c.first))
    return {
        row.store_key: SnapshotRange(row.id, row.started_at, row.ended_at, row.first_ended_at, row.modified, row.gap)
        for row in connection.execute(rows)
    }


def as_relation(found: Sequence[MonitoredStore]) -> sa.CTE:
    """The stores as a relation: `key`, `group_name`, `stale` (0 or 1), `mirror`, `same_sku` (the settings), `read_at` (Unix
    seconds of the last read).

    The values stand in the statement's text, because the number of bound parameters is limited.
    """
    columns = [
        sa.column("key", sa.Text),
        sa.column("group_name", sa.Text),
        sa.column("stale", sa.BigInteger),
        sa.column("mirror", sa.Text),
        sa.column("same_sku", sa.Text),
        sa.column("read_at", sa.BigInteger),
    ]
    # VALUES needs at least one row: this one is of a store that no line belongs to.
    rows = [("", "", 1, "", "", 0)]
    for each in found:
        same_sku = each.store.settings.get(SAME_SKU_SETTING, "").strip().lower()
        read_at = int(each.snapshots.last_ended_at.timestamp())
        rows.append((each.key, each.store.group, int(each.stale), each.mirror, same_sku, read_at))
    return sa.values(*columns, name="monitored_stores", literal_binds=True).data(rows).cte("monitored_stores")
