"""The stock of all stores, as the command `stock` prints it: searched, filtered, a page at a time, and as CSV."""

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import replace
from itertools import islice
from typing import Any, get_args
from urllib.parse import urlencode

import sqlalchemy as sa
from starlette.responses import Response, StreamingResponse

from inventory_pipeline.core.clock import show_instant
from inventory_pipeline.core.quantity import State
from inventory_pipeline.core.spreadsheets import csv_lines
from inventory_pipeline.core.stock import Status
from inventory_pipeline.db.alerts.explanations import LowLines, low_now
from inventory_pipeline.db.stock.levels import StockFilter, StockRow, stock_now
from inventory_pipeline.web.view import NotFound, Page, View

_PER_PAGE = 100
_CSV_ROWS = 500
# So many variants are asked for by name; of more, each line is looked at.
_NAMED = 5_000
_ASKED = ("q", "sku", "store", "group", "status", "state", "low", "stale")
STATUSES: tuple[Status, ...] = get_args(Status)
STATES: tuple[State, ...] = get_args(State)


def stock(view: View) -> Response:
    filters, low = _filters(view)
    with view.site.database.connect() as connection, closing(_rows(view, connection, filters, low)) as found:
        rows = list(islice(found, _PER_PAGE + 1))
    shown, more = rows[:_PER_PAGE], len(rows) > _PER_PAGE
    asked = {name: view.query(name) for name in _ASKED if view.query(name)}
    following = ""
    if more:
        last = shown[-1]
        sku = [] if last.sku is None else [last.sku.strip()]
        following = urlencode([*asked.items(), *(("after", part) for part in (last.store, last.item_id, last.location_id, *sku))])
    names = {key: store.name for key, store in view.stores.items()}
    values: dict[str, Any] = {"rows": shown, "following": following, "names": names, "csv": urlencode(asked)}
    values["asked"] = dict.fromkeys(_ASKED, "") | asked
    if view.is_fragment:
        return view.page("stock_rows.html", **values)
    return view.page("stock.html", **values, statuses=STATUSES, states=STATES)


def csv(view: View) -> Response:
    """The whole filter, as `stock --csv` writes it, row by row."""
    filters, low = _filters(view)

    def pieces() -> Iterator[str]:
        with view.site.database.connect() as connection, closing(_rows(view, connection, filters, low)) as found:
            documents = ({**row._asdict(), "as_of": show_instant(row.as_of)} for row in found)
            lines = csv_lines(StockRow._fields, documents)
            while piece := "".join(islice(lines, _CSV_ROWS)):
                yield piece

    name = f"stock-{view.site.clock():%Y-%m-%d}.csv"
    return StreamingResponse(pieces(), media_type="text/csv", headers={"content-disposition": f'attachment; filename="{name}"'})


def _filters(view: View) -> tuple[StockFilter, bool]:
    """What the address asks for. Raises NotFound for a store or group that the user does not see."""
    stores, key, group = view.stores, view.query("store"), view.query("group")
    if (key and key not in stores) or (group and group not in view.groups):
        raise NotFound("there is no such store or group")
    keys = [key] if key else [store.key for store in stores.values() if not group or store.group == group]
    after = view.request.query_params.getlist("after")
    status, state = view.query("status"), view.query("state")
    filters = StockFilter(
        stores=None if view.user.groups is None and not key and not group else keys,
        text=view.query("q") or None,
        sku=view.query("sku") or None,
        status=next((known for known in STATUSES if known == status), None),
        state=next((known for known in STATES if known == state), None),
        stale=True if view.query("stale") else None,
        after=_after(after),
    )
    return filters, bool(view.query("low"))


def _after(parts: list[str]) -> tuple[str, str | None, str, str] | None:
    """Store, SKU, variant and location of the last line of the page before; the SKU, if it has one, comes last."""
    if not 3 <= len(parts) <= 4:
        return None
    return parts[0], parts[3] if len(parts) == 4 else None, parts[1], parts[2]


def _rows(view: View, connection: sa.Connection, filters: StockFilter, low: bool) -> Generator[StockRow]:
    now, interval = view.site.clock(), view.site.interval
    lines: LowLines | None = low_now(connection, now, interval) if low else None
    if lines is not None:
        filters = _only_named(filters, lines)
    with closing(stock_now(connection, filters, now=now, interval=interval)) as rows:
        for row in rows:
            if lines is None or (
                row.status == "active" and row.presence == "present" and lines.holds(row.store, row.item_id, row.location_id)
            ):
                yield row


def _only_named(filters: StockFilter, lines: LowLines) -> StockFilter:
    """Only the variants that are low, where they are few enough to be named."""
    items: dict[str, set[str]] = {}
    for store, item, *_ in (*lines.variants, *lines.places):
        items.setdefault(store, set()).add(item)
    named = {store: its for store, its in items.items() if len(its) <= _NAMED}
    stores = sorted(items) if filters.stores is None else [key for key in filters.stores if key in items]
    return replace(filters, stores=stores, items=named)


PAGES = (Page("/stock", stock, "look"), Page("/stock.csv", csv, "look"))
