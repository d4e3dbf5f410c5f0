"""Stock as people ask for it: now, or as of a past instant, streamed line by line."""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple

import sqlalchemy as sa

from inventory_pipeline.core.quantity import Number, State
from inventory_pipeline.core.stock import Status
from inventory_pipeline.core.stores import SYNC_INTERVAL, StoreIntegration, freshness
from inventory_pipeline.db.integrations import stores
from inventory_pipeline.db.tables.stock import NUMBERS, snapshots, stock_changes, stock_levels, trimmed

_ROWS_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class StockFilter:
    """Which lines to show; None shows all. Locations are ids.

    `sku` is compared without surrounding spaces, upper and lower case told apart.
    """

    stores: Sequence[str] | None = None
    group: str | None = None
    sku: str | None = None
    location: str | None = None


class StockRow(NamedTuple):
    """One line. `as_of` is the start of the read that last vouched for it; `stale` once that may no longer be believed."""

    store: str
    group: str
    platform: str
    product_id: str | None
    item_id: str
    sku: str | None
    title: str
    status: Status
    location_id: str
    location: str | None
    state: State
    available: Number | None
    on_hand: Number | None
    committed: Number | None
    incoming: Number | None
    sellable: bool | None
    oversell_allowed: bool | None
    shared_pool: str | None
    presence: Literal["present", "missing"]
    as_of: datetime
    stale: bool


# The part of a StockRow that its line says.
_LINE = StockRow._fields[3:-2]
_UNKNOWN = {"state": "unknown"} | dict.fromkeys((*NUMBERS, "sellable"))


def stock_now(
    connection: sa.Connection, filters: StockFilter, *, now: datetime, interval: timedelta = SYNC_INTERVAL
) -> Generator[StockRow]:
    """Current lines by store, item and location. `interval` is the schedule's, for stores without a limit of their own.

    A stale line keeps its last numbers and says so. The connection must stay open while rows are taken.
    """
    word = snapshots.alias("word")
    for store, last in _stores(connection, filters):
        lines = _select(stock_levels, store.key, filters, word.c.started_at, word.c.ended_at)
        lines = lines.select_from(stock_levels.outerjoin(word, word.c.id == stock_levels.c.last_verified_snapshot))
        limit = freshness(store, interval)
        for row in _stream(connection, lines):
            # A line that the last read had no proof of rests on an earlier one.
            vouching = last if row.started_at is None else row
            yield _row(store, row[: len(_LINE)], vouching.started_at, now > vouching.ended_at + limit)


def stock_as_of(
    connection: sa.Connection, at: datetime, filters: StockFilter, *, interval: timedelta = SYNC_INTERVAL
) -> Generator[StockRow]:
    """Lines as the last snapshot whose read had ended at `at` shows them; stores without one then are left out.

    Past the freshness limit the answer is unknown: the lines are listed, stale, with no numbers.
    """
    for store, last in _stores(connection, filters, at):
        expired = at > last.ended_at + freshness(store, interval)
        levels, changes = stock_levels.c, stock_changes.c
        standing = _select(stock_levels, store.key, filters).where(levels.since_snapshot <= last.id)
        ended = _select(stock_changes, store.key, filters).where(changes.valid_from <= last.id, changes.snapshot_id > last.id)
        for line in _stream(connection, sa.union_all(standing, ended)):
            row = _row(store, line, last.started_at, expired)
            yield row._replace(**_UNKNOWN) if expired else row


def _stores(connection: sa.Connection, filters: StockFilter, at: datetime | None = None) -> list[tuple[StoreIntegration, Any]]:
    """The stores asked for, each with its last snapshot (that had ended at `at`)."""
    newest = sa.select(sa.func.max(snapshots.c.id)).group_by(snapshots.c.store_key)
    if at is not None:
        newest = newest.where(snapshots.c.ended_at <= at)
    columns = (snapshots.c.store_key, snapshots.c.id, snapshots.c.started_at, snapshots.c.ended_at)
    last = {row.store_key: row for row in connection.execute(sa.select(*columns).where(snapshots.c.id.in_(newest)))}
    return [
        (store, last[store.key])
        for store in stores.list_stores(connection)
        if store.key in last
        and (filters.stores is None or store.key in filters.stores)
        and (filters.group is None or store.group == filters.group)
    ]


def _row(store: StoreIntegration, line: Sequence[Any], as_of: datetime, stale: bool) -> StockRow:
    return StockRow._make((store.key, store.group, store.platform, *line, as_of, stale))


def _select(table: sa.Table, store_key: str, filters: StockFilter, *more: sa.ColumnElement[Any]) -> sa.Select:
    lines = sa.select(*(table.c[name] for name in _LINE), *more)
    lines = lines.where(table.c.store_key == store_key, table.c.presence != "deleted")
    if filters.sku is not None:
        lines = lines.where(trimmed(table.c.sku) == filters.sku.strip())
    if filters.location is not None:
        lines = lines.where(table.c.location_id == filters.location)
    return lines


def _stream(connection: sa.Connection, lines: sa.Select | sa.CompoundSelect) -> Iterator[Any]:
    """Rows in the order of their identity, a bounded number of them in memory."""
    ordered = lines.order_by("item_id", "location_id").execution_options(yield_per=_ROWS_AT_ONCE)
    with connection.execute(ordered) as rows:
        yield from rows
