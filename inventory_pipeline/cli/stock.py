"""`inventory-pipeline stock`: what is in stock, now or then."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.cells import cell_len

from inventory_pipeline.cli.options import Json
from inventory_pipeline.cli.output import print_csv, print_documents, show
from inventory_pipeline.cli.session import Session, session_of
from inventory_pipeline.core.clock import parse_instant, show_instant
from inventory_pipeline.core.errors import UsageError
from inventory_pipeline.core.text import one_line

if TYPE_CHECKING:
    from inventory_pipeline.db.alerts.judgements import LowLines
    from inventory_pipeline.db.stock.stock import StockFilter, StockRow


def stock(
    context: typer.Context,
    store: Annotated[str | None, typer.Option(metavar="KEY", help="Only this store.")] = None,
    group: Annotated[str | None, typer.Option(metavar="G", help="Only stores of this group.")] = None,
    sku: Annotated[str | None, typer.Option(metavar="SKU", help="Only lines with this SKU.")] = None,
    location: Annotated[str | None, typer.Option(metavar="ID", help="Only this location.")] = None,
    low: Annotated[bool, typer.Option("--low", help="Only what today's thresholds call low.")] = False,
    at: Annotated[str | None, typer.Option(metavar="ISO8601", help="As of a past instant: 2026-11-23T16:00:00Z.")] = None,
    json: Json = False,
    csv: Annotated[bool, typer.Option("--csv", help="CSV with a header row.")] = False,
) -> None:
    """List stock lines. A quantity is a number, not tracked, or unknown; stock that is too old is marked as stale."""
    from inventory_pipeline.db.stock.stock import StockFilter, StockRow

    session = session_of(context)
    if json and csv:
        raise UsageError("choose one of --json and --csv")
    known = session.integrations.list()
    if store is not None:
        session.integrations.get(store)
    if group is not None and all(one.group != group for one in known):
        raise UsageError(f"no store is in group {group!r}; `inventory-pipeline stores list` shows the groups")
    filters = StockFilter(stores=None if store is None else [store], group=group, sku=sku, location=location)
    with _rows(session, filters, at, low=low) as rows:
        if json:
            print_documents(_document(row) for row in rows)
        elif csv:
            print_csv(StockRow._fields, (_document(row) for row in rows))
        else:
            _print(rows, max((len(one.key) for one in known), default=5))


def print_stock(session: Session, limit: int) -> None:
    """The first lines of all stores' stock."""
    from inventory_pipeline.db.stock.stock import StockFilter

    with _rows(session, StockFilter(), None) as rows:
        _print(islice(rows, limit), max((len(one.key) for one in session.integrations.list()), default=5))


@contextmanager
def _rows(session: Session, filters: "StockFilter", at: str | None, low: bool = False) -> "Iterator[Iterator[StockRow]]":
    from inventory_pipeline.db.alerts.judgements import low_now, low_then
    from inventory_pipeline.db.stock.stock import stock_as_of, stock_now
    from inventory_pipeline.defs.sync.interval import sync_interval

    interval = sync_interval(session.environment)
    now = session.services.clock()
    instant = None if at is None else _instant(at)
    if instant is not None and instant > now:
        raise UsageError(f"--at {show_instant(instant)} lies in the future; without --at it is the stock of now")
    with session.services.database.connect() as connection:
        if instant is None:
            found = stock_now(connection, filters, now=now, interval=interval)
        else:
            found = stock_as_of(connection, instant, filters, interval=interval)
        # Closed before its connection is, however early whoever reads on stops.
        with closing(found) as rows:
            if not low:
                yield rows
            elif instant is None:
                yield _only_low(rows, low_now(connection, now, interval))
            else:
                typer.echo("Low by the thresholds of today: those of then are not kept.", err=True)
                yield _only_low(rows, low_then(connection, instant, interval))


def _only_low(rows: "Iterator[StockRow]", low: "LowLines") -> "Iterator[StockRow]":
    return (
        row
        for row in rows
        if row.status == "active" and row.presence == "present" and low.holds(row.store, row.item_id, row.location_id)
    )


def _instant(text: str) -> Any:
    try:
        return parse_instant(text)
    except ValueError as error:
        raise UsageError(f"--at: {error}") from None


def _document(row: "StockRow") -> dict[str, Any]:
    return {**row._asdict(), "as_of": show_instant(row.as_of)}


def _print(rows: "Iterator[StockRow]", key_width: int) -> None:
    """Lines of fixed columns, printed as they come: a table would have to hold the whole catalogue first."""
    widths = (key_width, 18, 40, 12, -10, -8, 20, 0)  # of a negative width: to the right
    heading = ("store", "SKU", "title", "location", "available", "on hand", "as of", "")
    for row in rows:
        for cells in filter(None, (heading, _cells(row))):
            typer.echo("  ".join(_fitted(cell, width) for cell, width in zip(cells, widths, strict=True)).rstrip())
        heading = None
    if heading:
        typer.echo("No stock line matches.")


def _cells(row: "StockRow") -> tuple[str, ...]:
    words = (row.status if row.status != "active" else "", "missing" if row.presence == "missing" else "")
    words += ("stale" if row.stale else "", f"shared pool {row.shared_pool}" if row.shared_pool else "")
    return (
        row.store,
        one_line(row.sku or f"({row.item_id})", 40),
        one_line(row.title, 40),
        one_line(row.location or row.location_id, 40),
        show(row.available if row.state == "tracked" else row.state),
        show(row.on_hand),
        show_instant(row.as_of),
        ", ".join(filter(None, words)),
    )


def _fitted(text: str, width: int) -> str:
    """Padded by what a terminal shows: some characters take two places, some none."""
    padding = " " * max(abs(width) - cell_len(text), 0)
    return padding + text if width < 0 else text + padding
