"""What the evaluation needs to know of each store: its rule, how fresh it is, and whose stock it mirrors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from inventory_pipeline.core.stores import MIRROR_SETTING, StoreIntegration, freshness
from inventory_pipeline.core.thresholds import BUILT_IN, Threshold
from inventory_pipeline.db.alerts.thresholds import threshold_of
from inventory_pipeline.db.integrations import stores
from inventory_pipeline.db.tables.alerts import thresholds
from inventory_pipeline.db.tables.stock import snapshots

# How far back consumption looks.
WINDOW = timedelta(days=28)


@dataclass(frozen=True, slots=True)
class Reading:
    """A store's snapshots in brief: begin and end of the newest read, end of the first, and how many."""

    newest_id: int
    as_of: datetime
    ended_at: datetime
    first_ended_at: datetime


@dataclass(frozen=True, slots=True)
class AlertStore:
    """An active store that has been read at least once. `rule` holds where nothing more specific does."""

    store: StoreIntegration
    rule: Threshold
    reading: Reading
    stale: bool
    observed_days: float

    @property
    def key(self) -> str:
        return self.store.key

    @property
    def mirror(self) -> str:
        return self.store.settings.get(MIRROR_SETTING, "")


def alert_stores(connection: sa.Connection, now: datetime, interval: timedelta, *, past: bool = False) -> list[AlertStore]:
    """The stores that an evaluation at `now` looks at, by key. `interval` is the sync schedule's.

    With `past`, `now` is an instant gone by, and what was read later is left out.
    """
    readings = read_stores(connection, now if past else None)
    rules = _store_rules(connection)
    default = rules.get("", BUILT_IN)
    found: list[AlertStore] = []
    for store in stores.list_stores(connection):
        reading = readings.get(store.key)
        if reading is None or not store.is_active:
            continue
        observed = min(now - reading.first_ended_at, WINDOW) / timedelta(days=1)
        stale = reading.ended_at + freshness(store, interval) < now
        found.append(AlertStore(store, rules.get(store.key, default), reading, stale, max(observed, 0.0)))
    return found


def read_stores(connection: sa.Connection, until: datetime | None = None) -> dict[str, Reading]:
    """Each store's readings (that had ended by then), in one query over the index of snapshots."""
    # Not even those of the future are left out unless asked for: another machine's clock may be ahead.
    ended = sa.true() if until is None else snapshots.c.ended_at <= until
    ids = (
        sa.select(sa.func.min(snapshots.c.id).label("first"), sa.func.max(snapshots.c.id).label("newest"))
        .where(ended)
        .group_by(snapshots.c.store_key)
        .subquery()
    )
    first, newest = snapshots.alias(), snapshots.alias()
    rows = sa.select(newest.c.store_key, newest.c.id, newest.c.started_at, newest.c.ended_at, first.c.ended_at).select_from(
        ids.join(newest, newest.c.id == ids.c.newest).join(first, first.c.id == ids.c.first)
    )
    return {key: Reading(*values) for key, *values in connection.execute(rows)}


def _store_rules(connection: sa.Connection) -> Mapping[str, Threshold]:
    """Store rules by store key; the global default, where it was set, under the empty key."""
    wide = sa.select(thresholds).where(thresholds.c.scope.in_(("store", "global")))
    return {row.store_key: threshold_of(row) for row in connection.execute(wide)}


def default_rule(connection: sa.Connection) -> Threshold:
    """What holds where nothing more specific does."""
    return _store_rules(connection).get("", BUILT_IN)


def as_table(found: Sequence[AlertStore]) -> sa.CTE:
    """The stores as a relation for SKU totals: group, staleness, mirror, and when they were read (in seconds).

    Written into the statement's text, because the number of bound values is limited.
    """
    rows = [(each.key, each.store.group, int(each.stale), each.mirror, int(each.reading.ended_at.timestamp())) for each in found]
    columns = [
        sa.column("key", sa.Text),
        sa.column("group_name", sa.Text),
        sa.column("stale", sa.BigInteger),
        sa.column("mirror", sa.Text),
        sa.column("freshness", sa.BigInteger),
    ]
    # One store that no line belongs to, so that the relation is never empty: VALUES needs a row.
    nobody = ("", "", 1, "", 0)
    return sa.values(*columns, name="read_stores", literal_binds=True).data([nobody, *rows]).cte("read_stores")
