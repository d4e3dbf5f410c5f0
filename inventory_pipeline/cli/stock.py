"""`inventory-pipeline stock`: what is in stock, now or then."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from itertools import chain, islice
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from inventory_pipeline.cli.options import Json, OnlyStore, Raw, read_instant
from inventory_pipeline.cli.output import print_csv, print_documents
from inventory_pipeline.cli.session import Session, session_of
from inventory_pipeline.cli.tables import Column, Table, print_table
from inventory_pipeline.cli.terminal import complain
from inventory_pipeline.core.clock import show_instant
from inventory_pipeline.core.errors import UsageError
from inventory_pipeline.core.quantity import show_total, total_mark
from inventory_pipeline.core.stores import StoreIntegration, is_outdated, not_renewed
from inventory_pipeline.core.text import one_line

if TYPE_CHECKING:
    from inventory_pipeline.core.quantity import Number
    from inventory_pipeline.core.stores import StoreIntegration
    from inventory_pipeline.db.alerts.buyability import Mismatch
    from inventory_pipeline.db.alerts.explanations import LowLines
    from inventory_pipeline.db.stock.levels import StockFilter, StockRow


_COLUMNS = (
    Column("SKU", 18),
    Column("title", 40, least=16),
    Column("location", 12, spare=1),
    Column("available", 10, right=True),
    Column("on hand", 8, right=True, spare=2),
    Column("as of", 20, spare=3),
    Column("", below=True),
)


def stock(
    context: typer.Context,
    store: OnlyStore = None,
    group: Annotated[str | None, typer.Option(metavar="G", help="Only stores of this group.")] = None,
    sku: Annotated[str | None, typer.Option(metavar="SKU", help="Only lines with this SKU.")] = None,
    location: Annotated[str | None, typer.Option(metavar="ID", help="Only this location.")] = None,
    low: Annotated[bool, typer.Option("--low", help="Only what today's thresholds call low.")] = False,
    elsewhere: Annotated[
        bool, typer.Option("--elsewhere", help="SKUs out here and left elsewhere, or for sale and nowhere.")
    ] = False,
    drift: Annotated[bool, typer.Option("--drift", help="Stores of one stock_pool that tell different numbers.")] = False,
    unbuyable: Annotated[bool, typer.Option("--unbuyable", help="In stock, but not for sale, a draft or archived.")] = False,
    still_open: Annotated[bool, typer.Option("--still-open", help="Sold out, but still for sale.")] = False,
    at: Annotated[str | None, typer.Option(metavar="ISO8601", help="As of a past instant: 2026-11-23T16:00:00Z.")] = None,
    history: Annotated[bool, typer.Option("--history", help="How the stock of one --sku went, newest first.")] = False,
    json: Json = False,
    csv: Annotated[bool, typer.Option("--csv", help="CSV with a header row.")] = False,
    raw: Raw = False,
) -> None:
    """List stock lines. A quantity is a number, not tracked, or unknown; stock that is too old is marked as stale."""
    from inventory_pipeline.cli.stock_lists import Form, print_drifts, print_shortages
    from inventory_pipeline.db.stock.levels import StockFilter, StockRow
    from inventory_pipeline.services.stock.across_stores import Scope

    session = session_of(context)
    if json and csv:
        raise UsageError("choose one of --json and --csv")
    if raw and not csv:
        raise UsageError("--raw is about --csv: JSON and the list show texts as they are")
    known = session.integrations.list()
    if store is not None:
        session.integrations.get(store)
    if group is not None and all(one.group != group for one in known):
        raise UsageError(f"no store is in group {group!r}; `inventory-pipeline stores list` shows the groups")
    chosen = {"--low": low, "--elsewhere": elsewhere, "--drift": drift, "--unbuyable": unbuyable, "--still-open": still_open}
    lists = [name for name, wanted in chosen.items() if wanted]
    if len(lists) > 1:
        raise UsageError(f"choose one of {' and '.join(lists)}: each is a list of its own")
    if (elsewhere or drift) and location is not None:
        raise UsageError(f"{lists[0]} is about a store's total: leave --location out")
    if at is not None and lists not in ([], ["--low"]):
        raise UsageError(f"{lists[0]} is about the stock of now: leave --at out")
    if elsewhere or drift:
        scope = Scope(groups=None if group is None else [group], store=store, sku=sku)
        (print_shortages if elsewhere else print_drifts)(session, scope, Form(json, csv, raw))
        return
    filters = StockFilter(stores=None if store is None else [store], group=group, sku=sku, location=location)
    if history:
        if sku is None or lists or at is not None:
            raise UsageError("--history shows how the stock of one SKU went: it takes --sku SKU, no other list and no --at")
        steps = list(_history(session, known, filters))
        if json:
            print_documents(step._asdict() | {"at": show_instant(step.at)} for step in steps)
        elif csv:
            print_csv(_Step._fields, (step._asdict() | {"at": show_instant(step.at)} for step in steps), raw=raw)
        else:
            cells = ((step.store, show_instant(step.at), step.available, step.change) for step in steps)
            print_table(("store", "as of", "available", "change"), cells, none="No stock line matches.")
        return
    mismatch: Mismatch | None = "unbuyable" if unbuyable else "still_open" if still_open else None
    with _rows(session, filters, at, low=low, mismatch=mismatch) as rows:
        if json:
            print_documents(_document(row) for row in rows)
        elif csv:
            print_csv(StockRow._fields, (_document(row) for row in rows), raw=raw)
        else:
            _print(rows, max((len(one.key) for one in known), default=5))
            if at is None:
                if sku is not None and store is None and location is None and not low:
                    _print_totals(session, sku, group)
                _print_states(session, [one for one in known if store in (None, one.key) and group in (None, one.group)])


def _print_totals(session: Session, sku: str, group: str | None) -> None:
    """Below the lines of a SKU: its total in each group, each quantity once; stock that is stale or drafted does not count."""
    from inventory_pipeline.db.alerts.monitored_stores import monitored_stores
    from inventory_pipeline.db.alerts.sku_totals import total_of_sku
    from inventory_pipeline.defs.sync.interval import sync_interval

    with session.services.database.connect() as connection:
        stores = monitored_stores(connection, session.services.clock(), sync_interval(session.environment))
        totals = total_of_sku(connection, stores, sku.strip())
    for total in totals:
        if group in (None, total.group):
            number = show_total(total.available, total.up_to, at_least=total.at_least) or "no number"
            mark = total_mark(total.up_to, ambiguous=total.ambiguous)
            typer.echo(f"Total of {one_line(sku, 40)} in group {total.group}: {number}" + (f"; {mark}" if mark else ""))


def _print_states(session: Session, stores: "Sequence[StoreIntegration]") -> None:
    """Below the lines: of each store what its numbers leave open."""
    from inventory_pipeline.db.sync.snapshots import last_of_each

    now = session.services.clock()
    with session.services.database.connect() as connection:
        last = last_of_each(connection)
    for store in stores:
        read = last.get(store.key)
        if read is None:
            continue
        if read.gap:
            typer.echo(f"{store.key}: {read.gap_told}; lines that later reads did not show are marked unverified.")
        if read.modified is not None:
            old = is_outdated(store, read.modified, now)
            typer.echo(
                f"{store.key}: its file is " + (not_renewed(read.modified) if old else f"of {show_instant(read.modified)}") + "."
            )


def print_stock(session: Session, limit: int) -> None:
    """The first lines of all stores' stock."""
    from inventory_pipeline.db.stock.levels import StockFilter

    with _rows(session, StockFilter(), None) as rows:
        _print(islice(rows, limit), max((len(one.key) for one in session.integrations.list()), default=5))


class _Step(NamedTuple):
    """The stock of a SKU in one store, over all its variants and locations, from the read that ended `at` until the next step."""

    store: str
    at: datetime
    available: "Number | None"
    change: "Number | None"


def _history(session: Session, known: "Sequence[StoreIntegration]", filters: "StockFilter") -> "Iterator[_Step]":
    """Each store's steps, newest first; a read that changed nothing is none."""
    from inventory_pipeline.db.stock.history import items_with_sku, stock_history

    for store in known:
        if (filters.stores and store.key not in filters.stores) or filters.group not in (None, store.group):
            continue
        with session.services.database.connect() as connection:
            items = items_with_sku(connection, store.key, (filters.sku or "").strip())
            points = stock_history(connection, store.key, items, filters.location) if items else []
        steps: list[_Step] = []
        before: Number | None = None
        for point in points:
            if point.units != before:
                change = None if point.units is None or before is None else point.units - before
                steps.append(_Step(store.key, point.at, point.units, change))
            before = point.units
        yield from reversed(steps)


@contextmanager
def _rows(
    session: Session, filters: "StockFilter", at: str | None, low: bool = False, mismatch: "Mismatch | None" = None
) -> "Iterator[Iterator[StockRow]]":
    from inventory_pipeline.db.alerts.explanations import low_now, low_then
    from inventory_pipeline.db.stock.levels import stock_as_of, stock_now
    from inventory_pipeline.defs.sync.interval import sync_interval
    from inventory_pipeline.services.stock.across_stores import mismatched_lines

    interval = sync_interval(session.environment)
    now = session.services.clock()
    instant = None if at is None else read_instant("--at", at, session)
    if instant is not None and instant > now:
        raise UsageError(f"--at {show_instant(instant)} lies in the future; without --at it is the stock of now")
    with session.services.database.connect() as connection:
        if mismatch is not None:
            found = mismatched_lines(connection, mismatch, filters, now, interval)
        elif instant is None:
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
                complain("low by the thresholds of today: those of then are not kept")
                yield _only_low(rows, low_then(connection, instant, interval))


def _only_low(rows: "Iterator[StockRow]", low: "LowLines") -> "Iterator[StockRow]":
    return (
        row
        for row in rows
        if row.status == "active" and row.presence == "present" and low.holds(row.store, row.item_id, row.location_id)
    )


def _document(row: "StockRow") -> dict[str, Any]:
    written = row.file_written_at and show_instant(row.file_written_at)
    return {**row._asdict(), "as_of": show_instant(row.as_of), "file_written_at": written}


def _print(rows: "Iterator[StockRow]", key_width: int) -> None:
    """Columns of fixed widths, printed as they come: one fitted to its cells would have to hold the whole catalogue first."""
    table = Table([Column("store", key_width), *_COLUMNS])
    first = next(rows, None)
    if first is None:
        typer.echo("No stock line matches.")
        return
    if table.heading:
        typer.echo(table.heading)
    for row in chain([first], rows):
        typer.echo(table.text(_cells(row)))
    table.print_left_out()


def _cells(row: "StockRow") -> tuple[object, ...]:
    words = (row.status if row.status != "active" else "", "missing" if row.presence == "missing" else "")
    words += ("unverified" if row.unverified else "",)
    words += ("stale" if row.stale else "", f"shared pool {row.shared_pool}" if row.shared_pool else "")
    return (
        row.store,
        one_line(row.sku or f"({row.item_id})", 200),
        one_line(row.title, 200),
        one_line(row.location or row.location_id, 200),
        row.available if row.state == "tracked" else row.state,
        row.on_hand,
        show_instant(row.as_of),
        ", ".join(filter(None, words)),
    )
