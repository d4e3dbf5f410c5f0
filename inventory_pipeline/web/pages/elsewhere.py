"""Lists that are worth a look: what is out here and left there, which stores of one stock disagree, what nobody can buy."""

from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from typing import Any, Literal, cast, get_args

import sqlalchemy as sa
from starlette.responses import Response

from inventory_pipeline.db.alerts.buyability import Mismatch
from inventory_pipeline.db.stock.levels import StockFilter
from inventory_pipeline.services.stock.across_stores import Scope, drifts, mismatched_lines, shortages
from inventory_pipeline.web.view import NotFound, Page, View

Kind = Literal["left_elsewhere", "oversell_risk", "drift", "unbuyable", "still_open"]
KINDS: tuple[Kind, ...] = get_args(Kind)
_SHOWN = 200


def elsewhere(view: View) -> Response:
    asked, key = view.query("list") or KINDS[0], view.query("store")
    if asked not in KINDS or (key and key not in view.stores):
        raise NotFound("there is no such list")
    kind = cast(Kind, asked)
    with view.site.database.connect() as connection, closing(_rows(view, connection, kind, key or None)) as found:
        rows = list(islice(found, _SHOWN + 1))
    names = {known: store.name for known, store in view.stores.items()}
    return view.page(
        "elsewhere.html", rows=rows[:_SHOWN], more=len(rows) > _SHOWN, kind=kind, kinds=KINDS, names=names, store=key, csv=""
    )


def _rows(view: View, connection: sa.Connection, kind: Kind, store: str | None) -> Any:
    now, interval = view.site.clock(), view.site.interval
    scope = Scope(groups=view.user.groups, store=store, sku=view.query("sku") or None)
    if kind == "drift":
        return drifts(connection, now, interval, scope)
    mismatch: Mismatch | None = "unbuyable" if kind == "unbuyable" else "still_open" if kind == "still_open" else None
    if mismatch is not None:
        stores = [store] if store else sorted(view.stores)
        return mismatched_lines(connection, mismatch, StockFilter(stores=stores, sku=scope.sku), now, interval)
    return _of_finding(shortages(connection, now, interval, scope), kind)


def _of_finding(found: Any, finding: str) -> Iterator[Any]:
    with closing(found) as rows:
        yield from (row for row in rows if row.finding == finding)


PAGES = (Page("/elsewhere", elsewhere, "look"),)
