"""The list of stores, and one store: its stock over time, its syncs, what it could not tell, its alerts."""

from contextlib import closing
from itertools import islice
from urllib.parse import quote

import sqlalchemy as sa
from markupsafe import Markup
from starlette.responses import Response

from inventory_pipeline.core.alerts import SEVERITY
from inventory_pipeline.core.stores import StoreIntegration
from inventory_pipeline.db.alerts.monitored_stores import snapshot_ranges
from inventory_pipeline.db.alerts.records import list_alerts, low_by_store
from inventory_pipeline.db.stock.history import stock_history
from inventory_pipeline.db.stock.levels import StockFilter, StockRow, stock_now
from inventory_pipeline.db.stock.unread import unread_lines
from inventory_pipeline.db.sync.snapshots import list_snapshots
from inventory_pipeline.services.stock.charts import step_chart
from inventory_pipeline.web.pages.overview import store_rows
from inventory_pipeline.web.pages.syncs import sync_state
from inventory_pipeline.web.view import Page, View, numbers

_PER_PAGE = 100
_SYNCS, _LINES, _ALERTS, _POINTS = 20, 50, 20, 30


def store_path(key: str) -> str:
    return f"/stores/{quote(key, safe='')}"


def stores(view: View) -> Response:
    page = max(1, *numbers([view.query("page")]), 1)
    found = view.stores
    with view.site.database.connect() as connection:
        rows = store_rows(view, connection, (page - 1) * _PER_PAGE, _PER_PAGE)
    pages = max(1, -(-len(found) // _PER_PAGE))
    return view.page("stores.html", rows=rows, number=len(found), at=page, pages=pages)


def store(view: View) -> Response:
    one = view.store()
    with view.site.database.connect() as connection:
        snapshots = list_snapshots(connection, one.key, limit=_SYNCS)
        last = snapshots[0] if snapshots else None
        points = stock_history(connection, one.key) if last else []
        is_stale = view.site.figures.is_stale(one, snapshot_ranges(connection).get(one.key) if last else None)
        totals = view.site.figures.totals(connection, one.key, last.id) if last else None
        unread = unread_lines(connection, one.key, last.id, _LINES) if last else []
        alerts = list_alerts(connection, store_key=one.key, limit=_ALERTS)
        missing = _missing(view, connection, one)
        low = low_by_store(connection)[one.key]
    return view.page(
        "store.html",
        store=one,
        last=last,
        is_stale=is_stale,
        totals=totals,
        low=low,
        chart=Markup(step_chart("Units available", points)) if points else "",
        points=points[-_POINTS:],
        unread=unread,
        missing=missing,
        alerts=alerts,
        severity=SEVERITY,
        syncs=view.site.runs.latest([one.key], limit=_SYNCS),
        state=sync_state(view, one),
    )


def _missing(view: View, connection: sa.Connection, one: StoreIntegration) -> list[StockRow]:
    filters = StockFilter(stores=[one.key], presence="missing")
    found = stock_now(connection, filters, now=view.site.clock(), interval=view.site.interval)
    with closing(found) as rows:
        return list(islice(rows, _LINES))


def activate(view: View) -> Response:
    one = view.store()
    view.integrations.activate(one.key)
    return view.to(store_path(one.key), done=f"{one.name} is active: it is synced again.")


def deactivate(view: View) -> Response:
    one = view.store()
    view.integrations.deactivate(one.key)
    return view.to(
        store_path(one.key), done=f"{one.name} is inactive: no sync starts. Its stock and history stay, and grow stale."
    )


def ask_to_purge(view: View) -> Response:
    return view.page("purge.html", store=view.store(), wrong="")


def purge(view: View) -> Response:
    one = view.store()
    if view.typed("name") != one.name:
        return view.page("purge.html", 400, store=one, wrong="That is not the store's name. Nothing was deleted.")
    view.integrations.purge(one.key)
    return view.to("/stores", done=f"{one.name} is purged: its stock and history are gone for ever.")


PAGES = (
    Page("/stores", stores, "look"),
    Page("/stores/{key}", store, "look"),
    Page("/stores/{key}/activate", activate, "stores", "POST"),
    Page("/stores/{key}/deactivate", deactivate, "stores", "POST"),
    Page("/stores/{key}/purge", ask_to_purge, "purge"),
    Page("/stores/{key}/purge", purge, "purge", "POST"),
)
