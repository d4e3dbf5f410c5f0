"""Stock levels, now or as of a past instant, streamed line by line."""

from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple

import sqlalchemy as sa

from inventory_pipeline.core.quantity import Number, State
from inventory_pipeline.core.stock import Status
from inventory_pipeline.core.stores import SYNC_INTERVAL, StoreIntegration, freshness, is_stale, max_file_age
from inventory_pipeline.db.integrations import stores
from inventory_pipeline.db.tables.stock import NUMBERS, snapshots, stock_changes, stock_levels, trimmed

_ROWS_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class StockFilter:
    """Which lines to return; None stands for all. `location` is a location's id.

    `sku` is compared without surrounding spaces; upper and lower case differ. `text` is part of a SKU, title or barcode,
    or a variant's id, whatever the case. `items` are variants by store, for those stores that are in it. `after` is the
    store, SKU (trimmed, None for none), variant and location of the last line that was shown: the lines behind it are returned.
    """

    stores: Sequence[str] | None = None
    group: str | None = None
    sku: str | None = None
    location: str | None = None
    text: str | None = None
    status: Status | None = None
    state: State | None = None
    presence: Literal["present", "missing"] | None = None
    stale: bool | None = None
    items: Mapping[str, Collection[str]] | None = None
    after: tuple[str, str | None, str, str] | None = None


class StockRow(NamedTuple):
    """One line. `as_of` is when the last read that holds it began, `file_written_at` the own time of the file that it read.

    `stale` is true where that read ended longer ago than the store's freshness limit, or the file is older than its maximum
    age. `unverified` is true where later reads neither showed the line nor proved it gone: the platform hides entries.
    """

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
    file_written_at: datetime | None = None
    unverified: bool = False


# The fields of a StockRow that are columns of the level or change; the others come from its store and snapshot.
_FROM_STORE = ("store", "group", "platform")
_FROM_SNAPSHOT = ("as_of", "stale", "file_written_at", "unverified")
_LINE_COLUMNS = tuple(name for name in StockRow._fields if name not in (*_FROM_STORE, *_FROM_SNAPSHOT))
_UNKNOWN = {"state": "unknown"} | dict.fromkeys((*NUMBERS, "sellable"))


def stock_now(
    connection: sa.Connection,
    filters: StockFilter,
    *,
    now: datetime,
    interval: timedelta = SYNC_INTERVAL,
    among: Callable[[str], sa.Select] | None = None,
) -> Generator[StockRow]:
    """Current lines by store, SKU, item and location. `interval` is the schedule's, for stores without a limit of their own.

    `among` gives the statement, with a column `item_id`, of a store's variants that are wanted. A stale line keeps its last
    numbers. The connection must stay open while rows are taken.
    """
    verified = snapshots.alias("verified")
    for store, last in _stores(connection, filters):
        store_is_stale = is_stale(store, last.ended_at, last.modified, now, interval)
        if filters.stale is False and store_is_stale:
            continue
        lines = _select(stock_levels, store.key, filters, verified.c.started_at, verified.c.ended_at, verified.c.modified)
        lines = lines.select_from(stock_levels.outerjoin(verified, verified.c.id == stock_levels.c.last_verified_snapshot))
        if filters.stale is not None and not store_is_stale:
            unverified_since = sa.or_(
                verified.c.ended_at < now - freshness(store, interval),
                sa.func.coalesce(verified.c.modified < now - max_file_age(store), sa.false()),
            )
            lines = lines.where(unverified_since if filters.stale else sa.func.coalesce(~unverified_since, sa.true()))
        if among is not None:
            lines = lines.where(stock_levels.c.item_id.in_(sa.select(among(store.key).subquery().c.item_id)))
        after = None if filters.after is None or filters.after[0] != store.key else filters.after[1:]
        for line in _stream(connection, lines, after):
            # `last_verified_snapshot` is null for a line that the last read holds.
            if line.started_at is None:
                yield _row(store, line, last, store_is_stale)
            else:
                stale = is_stale(store, line.ended_at, line.modified, now, interval)
                yield _row(store, line, line, stale)._replace(unverified=True)


def stock_as_of(
    connection: sa.Connection, at: datetime, filters: StockFilter, *, interval: timedelta = SYNC_INTERVAL
) -> Generator[StockRow]:
    """Lines as of the last snapshot whose read had ended at `at`; stores that had none are left out.

    Where `at` is past the freshness limit of that snapshot, the stock is unknown: lines are stale and have no numbers.
    """
    for store, last in _stores(connection, filters, at):
        expired = is_stale(store, last.ended_at, last.modified, at, interval)
        levels, changes = stock_levels.c, stock_changes.c
        still_current = _select(stock_levels, store.key, filters).where(levels.since_snapshot <= last.id)
        changed_since = _select(stock_changes, store.key, filters)
        changed_since = changed_since.where(changes.valid_from <= last.id, changes.snapshot_id > last.id)
        for line in _stream(connection, sa.union_all(still_current, changed_since)):
            row = _row(store, line, last, expired)
            yield row._replace(**_UNKNOWN) if expired else row


def _stores(connection: sa.Connection, filters: StockFilter, at: datetime | None = None) -> list[tuple[StoreIntegration, Any]]:
    """The stores that the filters take, each with its last snapshot: with `at`, the last whose read had ended by then."""
    newest = sa.select(sa.func.max(snapshots.c.id)).group_by(snapshots.c.store_key)
    if at is not None:
        newest = newest.where(snapshots.c.ended_at <= at)
    columns = (snapshots.c.store_key, snapshots.c.id, snapshots.c.started_at, snapshots.c.ended_at)
    columns += (snapshots.c.modified,)
    last = {row.store_key: row for row in connection.execute(sa.select(*columns).where(snapshots.c.id.in_(newest)))}
    return [
        (store, last[store.key])
        for store in stores.list_stores(connection)
        if store.key in last
        and (filters.stores is None or store.key in filters.stores)
        and (filters.group is None or store.group == filters.group)
        and (filters.after is None or store.key >= filters.after[0])
    ]


def _row(store: StoreIntegration, line: Any, read: Any, stale: bool) -> StockRow:
    return StockRow(
        store=store.key,
        group=store.group,
        platform=store.platform,
        product_id=line.product_id,
        item_id=line.item_id,
        sku=line.sku,
        title=line.title,
        status=line.status,
        location_id=line.location_id,
        location=line.location,
        state=line.state,
        available=line.available,
        on_hand=line.on_hand,
        committed=line.committed,
        incoming=line.incoming,
        sellable=line.sellable,
        oversell_allowed=line.oversell_allowed,
        shared_pool=line.shared_pool,
        presence=line.presence,
        as_of=read.started_at,
        stale=stale,
        file_written_at=read.modified,
    )


def _select(table: sa.Table, store_key: str, filters: StockFilter, *more: sa.ColumnElement[Any]) -> sa.Select:
    lines = sa.select(*(table.c[name] for name in _LINE_COLUMNS), *more)
    lines = lines.where(table.c.store_key == store_key, table.c.presence != "deleted")
    if filters.sku is not None:
        lines = lines.where(trimmed(table.c.sku) == filters.sku.strip())
    if filters.location is not None:
        lines = lines.where(table.c.location_id == filters.location)
    if filters.text is not None:
        lines = lines.where(_holds(table, filters.text))
    for name in ("status", "state", "presence"):
        wanted = getattr(filters, name)
        if wanted is not None:
            lines = lines.where(table.c[name] == wanted)
    if filters.items is not None and store_key in filters.items:
        lines = lines.where(table.c.item_id.in_(filters.items[store_key]))
    return lines


def _holds(table: sa.Table, text: str) -> sa.ColumnElement[bool]:
    """SQLite knows upper and lower case of ASCII only, so other letters are looked for in both."""
    spellings = {text} if text.isascii() else {text, text.lower(), text.upper(), text.title()}
    parts = [table.c[name].icontains(each, autoescape=True) for name in ("sku", "title", "barcode") for each in spellings]
    return sa.or_(table.c.item_id == text, *parts)


def _stream(
    connection: sa.Connection, lines: sa.Select | sa.CompoundSelect, after: tuple[str | None, str, str] | None = None
) -> Iterator[Any]:
    """The rows by SKU, item and location, those without a SKU last; at most _ROWS_AT_ONCE of them are in memory.

    With `after` only those behind this SKU, item and location.
    """
    found = lines.subquery("found").c
    # Byte order on both databases, as `Key` has it.
    sku = trimmed(found.sku)
    sku = sku.collate("C") if connection.dialect.name == "postgresql" else sku
    ordered = sa.select(*found).order_by(sku.is_(None), sku, found.item_id, found.location_id)
    if after is not None:
        last_sku, *place = after
        behind = sa.tuple_(found.item_id, found.location_id) > sa.tuple_(*place)
        if last_sku is None:
            ordered = ordered.where(sku.is_(None), behind)
        else:
            ordered = ordered.where(sa.or_(sku.is_(None), sku > last_sku, sa.and_(sku == last_sku, behind)))
    with connection.execute(ordered.execution_options(yield_per=_ROWS_AT_ONCE)) as rows:
        yield from rows
