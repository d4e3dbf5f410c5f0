"""One HTML page of all stores: unresolved alerts, and charts of stock. It opens offline and fetches nothing."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from html import escape

import sqlalchemy as sa

from inventory_pipeline.core.alerts import Alert
from inventory_pipeline.core.clock import show_instant
from inventory_pipeline.core.quantity import show_total, total_mark
from inventory_pipeline.core.redaction import redact
from inventory_pipeline.core.spreadsheets import guard
from inventory_pipeline.core.stores import not_renewed
from inventory_pipeline.core.text import one_line
from inventory_pipeline.db.alerts.monitored_stores import MonitoredStore, monitored_stores
from inventory_pipeline.db.alerts.records import count_unresolved, list_alerts
from inventory_pipeline.services.stock.charts import alert_charts, sku_charts, store_chart

_ALERTS = 200
_CHARTS = 20

_STYLE = (
    "body{font:15px/1.5 sans-serif;max-width:72em;margin:2em auto;padding:0 1em;color:#222}table{border-collapse:collapse}"
    "td,th{padding:.2em .8em .2em 0;text-align:left;vertical-align:top;border-bottom:1px solid #eee}.n{text-align:right}"
    ".i{white-space:nowrap}.critical{color:#b00}.warning{color:#a60}svg{display:block;max-width:100%;height:auto;margin:.5em 0}"
)


def html_report(connection: sa.Connection, now: datetime, interval: timedelta, skus: Sequence[str] = ()) -> Iterator[str]:
    """The page, in pieces to be joined. `interval` is the sync schedule's.

    Charts show every store, the SKUs asked for, and what the most urgent alerts are about.
    """
    stores = monitored_stores(connection, now, interval)
    alerts = list_alerts(connection, limit=_ALERTS)
    yield f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Stock, {show_instant(now)}</title><style>{_STYLE}</style>'
    yield f"<h1>Stock, as it was known at {show_instant(now)}</h1>"
    yield from _alert_table(alerts, sum(count_unresolved(connection).values()))
    charted = dict.fromkeys([*(sku.strip() for sku in skus), *(alert.sku or "" for alert in alerts if alert.kind == "sku")])
    for store in stores:
        yield from _store(connection, store)
        for sku in charted:
            yield from sku_charts(connection, store.key, sku)
        for alert in [alert for alert in alerts if alert.store_key == store.key][:_CHARTS]:
            yield from alert_charts(connection, alert)
    yield "</html>\n"


def _alert_table(alerts: Sequence[Alert], total: int) -> Iterator[str]:
    if not alerts:
        yield "<p>No alert is open.</p>"
        return
    yield f"<h2>Open alerts: {total:,}</h2>" + (f"<p>The gravest {len(alerts):,}.</p>" if len(alerts) < total else "")
    yield "<table><tr><th>level<th>store<th>SKU<th>title<th class=n>available<th>rule<th>status<th>since<th>as of</tr>"
    for alert in alerts:
        words = "; ".join(filter(None, (alert.words, total_mark(alert.up_to, ambiguous=alert.ambiguous))))
        cells = (alert.store_key or f"group {alert.group}", alert.sku or alert.item_id, words)
        number = show_total(alert.available, alert.up_to, at_least=alert.at_least) or "–"
        since, as_of = show_instant(alert.opened_at), show_instant(alert.as_of) if alert.as_of else "–"
        yield f'<tr><td class="{alert.severity}">{alert.level}' + "".join(f"<td>{_cell(cell)}" for cell in cells)
        yield f"<td class=n>{number}<td>{_cell(alert.because)}<td>{alert.status}<td class=i>{since}<td class=i>{as_of}</tr>"
    yield "</table>"


def _store(connection: sa.Connection, store: MonitoredStore) -> Iterator[str]:
    stale = " <span class=critical>stale</span>" if store.stale else ""
    yield f"<h2>{_text(store.store.name or store.key)}{stale}</h2>"
    as_of = show_instant(store.snapshots.last_started_at)
    if store.snapshots.last_modified is not None:
        as_of += f", its file {not_renewed(store.snapshots.last_modified)}"
    yield f"<p>Store {_text(store.key)}, {_text(store.store.platform)}, as of {as_of}.</p>"
    yield store_chart(connection, store.key)


def _cell(text: str) -> str:
    """Tables are opened in spreadsheets, or copied into one, which would execute a formula."""
    return _text(guard(text))


def _text(text: str) -> str:
    return escape(redact(one_line(text, 200)))
