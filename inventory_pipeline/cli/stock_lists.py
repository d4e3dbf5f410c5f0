"""`stock --elsewhere` and `stock --drift`: what several stores have of one SKU, for people, as JSON, as CSV."""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa
import typer

from inventory_pipeline.cli.output import print_csv, print_documents
from inventory_pipeline.cli.session import Session
from inventory_pipeline.cli.tables import Column, Table
from inventory_pipeline.core.clock import show_instant
from inventory_pipeline.core.stores import MIRROR_SETTING
from inventory_pipeline.core.text import one_line
from inventory_pipeline.services.stock.across_stores import Drift, Place, Scope, Shortage, drifts, shortages

_SHORTAGE_COLUMNS = (
    Column("SKU", 18),
    Column("title", 30, least=12, spare=2),
    Column("here", 6, right=True),
    Column("group", 6, right=True),
    Column("finding", 14),
    Column("", below=True),
)
_DRIFT_COLUMNS = (
    Column(MIRROR_SETTING, 14),
    Column("SKU", 18),
    Column("title", 30, least=12, spare=1),
    Column("apart", 6, right=True),
    Column("since", 20),
    Column("", below=True),
)

# A list of services/stock: its rows, streamed.
_Find = Callable[[sa.Connection, datetime, timedelta, Scope], Generator[Any]]


class Form(NamedTuple):
    """How a list is printed: for people unless one of the first two is set."""

    json: bool
    csv: bool
    raw: bool


def print_shortages(session: Session, scope: Scope, form: Form) -> None:
    """SKUs out in one store and left in another, and SKUs for sale that the group has none of."""
    none = "None: no SKU is out in one store and left in another, and none is for sale that its group has none of."
    width = max((len(store.key) for store in session.integrations.list()), default=5)
    table = Table([Column("store", width), *_SHORTAGE_COLUMNS])
    _print(session, shortages, scope, form, Shortage._fields, table, _shortage_cells, none)


def print_drifts(session: Session, scope: Scope, form: Form) -> None:
    """Stores of one stock that tell different numbers."""
    none = f"No drift: the stores of each {MIRROR_SETTING} tell the same numbers, as far as they are fresh and known."
    if not any(store.settings.get(MIRROR_SETTING) for store in session.integrations.list()):
        none = f"No stores share a stock: `stores set KEY --setting {MIRROR_SETTING}=NAME` says of each that it does."
    _print(session, drifts, scope, form, Drift._fields, Table(_DRIFT_COLUMNS), _drift_cells, none)


def _print(
    session: Session,
    find: _Find,
    scope: Scope,
    form: Form,
    fields: Sequence[str],
    table: Table,
    cells: Callable[[Any], Sequence[object]],
    none: str,
) -> None:
    from inventory_pipeline.defs.sync.interval import sync_interval

    now, interval = session.services.clock(), sync_interval(session.environment)
    # Closed before its connection is, however early whoever reads on stops.
    with session.services.database.connect() as connection, closing(find(connection, now, interval, scope)) as rows:
        if form.json:
            print_documents(_document(row) for row in rows)
        elif form.csv:
            print_csv(fields, (_flat(row) for row in rows), raw=form.raw)
        else:
            _print_table(table, map(cells, rows), none)


def _print_table(table: Table, rows: Iterator[Sequence[object]], none: str) -> None:
    is_first = True
    for row in rows:
        if is_first and table.heading:
            typer.echo(table.heading)
        is_first = False
        typer.echo(table.text(row))
    if is_first:
        typer.echo(none)
    else:
        table.print_left_out()


def _document(row: Shortage | Drift | Place) -> dict[str, Any]:
    """The row as JSON values."""
    return {name: _value(value) for name, value in row._asdict().items()}


def _value(value: object) -> object:
    if isinstance(value, datetime):
        return show_instant(value)
    if isinstance(value, tuple):
        return [_document(each) if isinstance(each, Place) else each for each in value]
    return value


def _flat(row: Shortage | Drift) -> dict[str, Any]:
    """The row as cells of a CSV file: several stores stand in one cell, separated by commas."""
    flat = {name: _value(value) for name, value in row._asdict().items()}
    for name, value in row._asdict().items():
        if isinstance(value, tuple):
            flat[name] = ", ".join(_place(each) if isinstance(each, Place) else each for each in value)
    return flat


def _place(place: Place) -> str:
    if place.available is None:
        return f"{place.store} not counted"
    return f"{place.store} {'at least ' if place.at_least else ''}{place.available:,}"


def _shortage_cells(row: Shortage) -> tuple[object, ...]:
    here = {"left_elsewhere": "left elsewhere", "oversell_risk": "oversell risk"}[row.finding]
    told = [f"left in {', '.join(map(_place, row.elsewhere))}"] if row.elsewhere else []
    if row.finding == "oversell_risk":
        told = ["on backorder, as the store allows" if row.backorder else "for sale, though the group has none to sell"]
    if row.ambiguous:
        told.append("ambiguous: several variants of one store have the SKU")
    total = "–" if row.total is None else f"{'≥ ' if row.at_least else ''}{row.total:,}"
    return row.store, one_line(row.sku, 40), one_line(row.title, 40), row.available, total, here, "; ".join(told)


def _drift_cells(row: Drift) -> tuple[object, ...]:
    told = ", ".join(f"{place.store} {place.available:,}" for place in row.stores)
    if row.waits_for:
        told += f"; not read since: {', '.join(row.waits_for)}, which may agree again after its next sync"
    since = show_instant(row.since) if row.since else "before the history"
    return row.pool, one_line(row.sku, 40), one_line(row.title, 40), row.by, since, told
