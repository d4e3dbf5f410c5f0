"""The overview: what to do now, every store's stock and age, open alerts, the last syncs."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from starlette.responses import Response

from inventory_pipeline.core.alerts import SEVERITIES, SEVERITY
from inventory_pipeline.core.stores import StoreIntegration, is_outdated, not_renewed
from inventory_pipeline.core.sync import StockTotals
from inventory_pipeline.db.alerts import records
from inventory_pipeline.db.alerts.monitored_stores import SnapshotRange, snapshot_ranges
from inventory_pipeline.web.view import Page, View

_STORES_SHOWN = 100
_SYNCS_SHOWN = 8
_KEPT = 20_000
# The more urgent, the earlier.
_URGENCY = ("quarantined", "credentials", "failed", "stale", "never", "inactive", "")


@dataclass(frozen=True, slots=True)
class StoreRow:
    """A store as lists show it. `trouble` is one of _URGENCY; `to_do` says in words what a person should do now."""

    store: StoreIntegration
    last_read: datetime | None
    is_stale: bool
    trouble: str
    to_do: str
    totals: StockTotals | None
    low: int


def store_rows(view: View, connection: sa.Connection, start: int = 0, count: int = _STORES_SHOWN) -> list[StoreRow]:
    """The user's stores, those that need a person first. Only those from `start` on have totals, `count` of them."""
    ranges = snapshot_ranges(connection)
    alerts = records.unresolved_of_stores(connection)
    low = records.low_by_store(connection)
    rows = [_row(view, store, ranges.get(store.key), alerts, low) for store in view.stores.values()]
    rows.sort(key=lambda row: (_URGENCY.index(row.trouble), row.store.key))
    shown = rows[start : start + count]
    return [_with_totals(view, connection, row, ranges.get(row.store.key)) for row in shown]


def _row(
    view: View, store: StoreIntegration, last: SnapshotRange | None, alerts: records.StoreAlerts, low: Counter[str]
) -> StoreRow:
    is_stale = view.site.figures.is_stale(store, last)
    sync = alerts.get(("sync", store.key))
    level = "" if sync is None else sync[1].level
    if not store.is_active:
        trouble, to_do = "inactive", "inactive: no sync starts"
    elif level == "quarantined":
        trouble, to_do = "quarantined", "quarantined: look and accept"
    elif store.needs_reauthorization:
        trouble, to_do = "credentials", "needs new credentials"
    elif level == "failed":
        trouble, to_do = "failed", "the last sync failed"
    elif last is None:
        trouble, to_do = "never", "never synced"
    elif last.last_modified is not None and is_outdated(store, last.last_modified, view.site.clock()):
        trouble, to_do = "stale", f"its file is {not_renewed(last.last_modified)}"
    elif is_stale:
        trouble, to_do = "stale", f"not synced for {_span(view.site.clock() - last.last_ended_at)}"
    else:
        trouble, to_do = "", ""
    return StoreRow(store, last and last.last_ended_at, is_stale, trouble, to_do, None, low[store.key])


def _with_totals(view: View, connection: sa.Connection, row: StoreRow, last: SnapshotRange | None) -> StoreRow:
    if last is None:
        return row
    totals = view.site.figures.totals(connection, row.store.key, last.last_id)
    return StoreRow(row.store, row.last_read, row.is_stale, row.trouble, row.to_do, totals, row.low)


def _span(age: timedelta) -> str:
    hours = int(age.total_seconds() // 3600)
    return f"{hours} h" if hours < 72 else f"{hours // 24} days"


def overview(view: View) -> Response:
    stores = view.stores
    with view.site.database.connect() as connection:
        rows = store_rows(view, connection)
        levels = records.count_unresolved_levels(connection, None if view.user.groups is None else view.user.groups)
    severities = Counter[str]()
    for level, number in levels.items():
        severities[SEVERITY[level]] += number
    return view.page(
        "overview.html",
        rows=rows,
        hidden=len(stores) - len(rows),
        to_do=[row for row in rows if row.trouble and row.trouble != "inactive"],
        severities=[(name, severities[name]) for name in reversed(SEVERITIES) if severities[name]],
        syncs=view.site.runs.latest(None if view.user.groups is None else list(stores), limit=_SYNCS_SHOWN),
        names={key: store.name for key, store in stores.items()},
    )


PAGES = (Page("/", overview, "look"),)
