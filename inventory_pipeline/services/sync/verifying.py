"""One item, asked for now: what its store says beside what is stored, and why they differ. Nothing is changed."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import sqlalchemy as sa

from inventory_pipeline.connectors.base import AskedItem, AsksForItems
from inventory_pipeline.core.clock import Clock, show_instant
from inventory_pipeline.core.errors import InventoryError, UsageError
from inventory_pipeline.core.quantity import Number, State
from inventory_pipeline.core.stock import Page, StockLine
from inventory_pipeline.core.stores import StoreIntegration
from inventory_pipeline.db.database import Database
from inventory_pipeline.db.integrations import stores
from inventory_pipeline.db.stock.levels import StockFilter, StockRow, stock_now
from inventory_pipeline.db.sync import snapshots
from inventory_pipeline.db.tables.stock import stock_levels
from inventory_pipeline.services.cancel import run_cancellable
from inventory_pipeline.services.sync.lines import checked_page
from inventory_pipeline.services.sync.service import Connect

# An SKU that more variants have is asked for by a variant's id.
MOST_ITEMS = 20


class Compared(NamedTuple):
    """One line, as stored and as the store says now; None where there is none. `why` is for a person."""

    item_id: str
    location_id: str
    sku: str | None
    title: str
    stored: StockRow | None
    now: StockLine | None
    same: bool
    why: str


class Verified(NamedTuple):
    """`as_of` is when the last published read began, None where there was none; `calls` are the requests it took."""

    store: str
    as_of: datetime | None
    calls: int
    lines: tuple[Compared, ...]


def verify(database: Database, connect: Connect, clock: Clock, interval: timedelta, key: str, sku: str) -> Verified:
    """Asks the store for the items that have the SKU, or the variant of that id. `interval` is the sync schedule's.

    Raises UsageError for an unknown store, for no SKU, for a platform that this program cannot ask for one item, and for an
    SKU that too many variants have; InventoryError where neither side has it; and what the store's answers mean.
    """
    sku = sku.strip()
    if not sku:
        raise UsageError("give an SKU or a variant's id: what has no SKU is asked for by its id")
    with database.connect() as connection:
        store = stores.get_store(connection, key)
        if store is None or store.purged_at is not None:
            raise UsageError(f"no store {key!r:.80} is registered; `inventory-pipeline stores list` shows them")
        last = snapshots.last_published(connection, key)
        stored = _stored(connection, store, sku, clock(), interval)
    items = sorted({AskedItem(row.item_id, row.product_id) for row in stored})
    if len(items) > MOST_ITEMS:
        raise UsageError(f"{len(items)} variants of store {key} have the SKU {sku!r:.60}; give one variant's id instead")
    connector = connect(store, last.memo if last else {})
    if not isinstance(connector, AsksForItems):
        raise UsageError(
            f"this program cannot ask {connector.info.title} for one item: `inventory-pipeline sync-all-stores --store {key}`"
            " reads the store whole"
        )
    page = checked_page(run_cancellable(connector.read_items(items, sku)))
    lines = tuple(_compared(stored, page))
    if not lines:
        raise InventoryError(f"neither store {key} nor its last snapshot has an item with the SKU or id {sku!r:.60}")
    return Verified(key, last and last.started_at, connector.api_calls, lines)


def _stored(connection: sa.Connection, store: StoreIntegration, sku: str, now: datetime, interval: timedelta) -> list[StockRow]:
    of_store = StockFilter(stores=[store.key], sku=sku)
    if rows := list(stock_now(connection, of_store, now=now, interval=interval)):
        return rows

    def of_id(key: str) -> sa.Select:
        return sa.select(stock_levels.c.item_id).where(stock_levels.c.store_key == key, stock_levels.c.item_id == sku)

    return list(stock_now(connection, StockFilter(stores=[store.key]), now=now, interval=interval, among=of_id))


def _compared(stored: Sequence[StockRow], page: Page) -> Iterator[Compared]:
    before = {(row.item_id, row.location_id): row for row in stored}
    now = {(line.item_id, line.location_id): line for line in page.lines}
    refused = {(line.item_id or "", line.location_id): line.reason for line in page.rejected}
    for identity in sorted(before.keys() | now.keys()):
        row, line = before.get(identity), now.get(identity)
        shown = line or row
        assert shown is not None
        reasons = list(_reasons(row, line, refused.get(identity) or refused.get((identity[0], None)), page.excluded))
        why = "; ".join(reasons) or "the same as stored"
        yield Compared(*identity, shown.sku, shown.title, row, line, not reasons, why)
    for (item, location), reason in refused.items():
        if (item, location or "") not in before and not any(known[0] == item for known in before):
            yield Compared(item, location or "", None, "", None, None, False, f"the store's answer cannot be read: {reason}")


def _reasons(row: StockRow | None, line: StockLine | None, refused: str | None, excluded: Mapping[str, int]) -> Iterator[str]:
    if refused:
        yield f"the store's answer cannot be read: {refused}; the next sync makes it unknown"
    elif line is None:
        kinds = f" as a line ({', '.join(excluded)})" if excluded else ": it was deleted, or the key may not see it"
        yield f"the store no longer shows it{kinds}; the next complete sync calls it missing"
    elif row is None:
        yield "not in the last snapshot; the next sync adds it"
    else:
        yield from _differences(row, line)


def _differences(row: StockRow, line: StockLine) -> Iterator[str]:
    since = f"since {show_instant(row.as_of)}"
    if (row.state, row.available) != line.quantity:
        pool = f", which it shares with others as {line.shared_pool}" if line.shared_pool else ""
        yield f"its stock changed {since}: {_amount(row.state, row.available)} → {_amount(*line.quantity)}{pool}"
    if row.shared_pool != line.shared_pool:
        yield f"it draws on the shared stock {line.shared_pool} now" if line.shared_pool else "it has a stock of its own now"
    if row.status != line.status:
        yield f"it is {line.status} now, and was {row.status}"
    if row.sellable != line.sellable:
        yield {True: "it is for sale now", False: "it is not for sale now", None: "nobody says any more whether it is for sale"}[
            line.sellable
        ]
    if (row.sku or "").strip() != (line.sku or "").strip():
        yield f"its SKU is {line.sku or 'empty'} now"
    if row.presence == "missing":
        yield "the last sync did not see it; the store shows it again"


def _amount(state: State, value: Number | None) -> str:
    return f"{value:,}" if state == "tracked" and value is not None else {"untracked": "not tracked"}.get(state, "unknown")
