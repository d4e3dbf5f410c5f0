"""Lists that are worth a look: what is out in one store and left in another, which stores of one stock disagree, and what is
in stock but not buyable. One service for the command line and the site; nothing here changes anything."""

from collections.abc import Collection, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import groupby, islice
from typing import Literal, NamedTuple

import sqlalchemy as sa

from inventory_pipeline.core.quantity import Number
from inventory_pipeline.db.alerts.across_stores import (
    StoreTotal,
    differ_since,
    left_elsewhere,
    totals_that_differ,
    totals_with_one_out,
)
from inventory_pipeline.db.alerts.buyability import Mismatch, mismatched_variants
from inventory_pipeline.db.alerts.monitored_stores import MonitoredStore, monitored_stores
from inventory_pipeline.db.stock.levels import StockFilter, StockRow, stock_now
from inventory_pipeline.db.tables.stock import snapshots

# SKUs whose histories are read at once.
_DRIFTS_AT_ONCE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Which findings to return; None stands for all. `groups` are those that the reader may see. `store`: about this store."""

    groups: Collection[str] | None = None
    store: str | None = None
    sku: str | None = None


class Place(NamedTuple):
    """What one store has of a SKU. `available` None: not counted, but for sale. `at_least`: lines of unknown quantity may
    add to it. `as_of` is when the store's last read began."""

    store: str
    available: Number | None
    at_least: bool
    as_of: datetime


class Shortage(NamedTuple):
    """A SKU that one store of a group is out of.

    `left_elsewhere`: other stores of the group have some, in `elsewhere`. `oversell_risk`: this store sells on, while the
    group's total is zero or less; `backorder` where the store says that it may. `total` is the group's, each stock that
    several stores show counted once; None where no store has a number. `ambiguous`: several variants of one store have the SKU;
    where their numbers are equal they count as one stock.
    """

    finding: Literal["left_elsewhere", "oversell_risk"]
    group: str
    sku: str
    title: str
    store: str
    available: Number
    total: Number | None
    at_least: bool
    ambiguous: bool
    backorder: bool
    elsewhere: tuple[Place, ...]
    as_of: datetime


class Drift(NamedTuple):
    """Stores that show one stock (`stock_pool`) and tell different numbers of one SKU.

    `by` is the largest difference. `since` is when the read ended after which they never agreed again, None where the history
    does not reach back. `waits_for` are stores that were not read since: they may agree again after their next sync.
    """

    group: str
    pool: str
    sku: str
    title: str
    by: Number
    since: datetime | None
    waits_for: tuple[str, ...]
    stores: tuple[Place, ...]


def shortages(connection: sa.Connection, now: datetime, interval: timedelta, scope: Scope = Scope()) -> Generator[Shortage]:
    """By group, SKU and store; streamed. `interval` is the sync schedule's. Stale and unknown stock counts as neither out nor
    left."""
    stores = {store.key: store for store in _stores(connection, now, interval, scope)}
    totals = totals_with_one_out(connection, list(stores.values()), scope.sku)
    for _, same_sku in groupby(totals, key=lambda total: (total.group, total.sku)):
        for shortage in _shortages(list(same_sku), stores):
            if scope.store in (None, shortage.store):
                yield shortage


def drifts(connection: sa.Connection, now: datetime, interval: timedelta, scope: Scope = Scope()) -> Generator[Drift]:
    """By group, pool and SKU; streamed, some SKUs at a time. Only stores whose stock is fresh are compared."""
    stores = {store.key: store for store in _stores(connection, now, interval, scope) if not store.stale}
    totals = totals_that_differ(connection, list(stores.values()), scope.sku)
    found = (list(same) for _, same in groupby(totals, key=lambda total: (total.group, total.pool, total.sku)))
    wanted = (same for same in found if scope.store is None or any(total.store == scope.store for total in same))
    while some := list(islice(wanted, _DRIFTS_AT_ONCE)):
        keys = sorted({total.store for same in some for total in same})
        since = differ_since(connection, [stores[key] for key in keys], sorted({same[0].sku for same in some}))
        ended = _ended(connection, since.values())
        for same in some:
            snapshot = since.get((same[0].group, same[0].pool, same[0].sku))
            yield _drift(same, stores, snapshot, None if snapshot is None else ended.get(snapshot))


def mismatched_lines(
    connection: sa.Connection, mismatch: Mismatch, filters: StockFilter, now: datetime, interval: timedelta
) -> Generator[StockRow]:
    """The lines of variants that are in stock and not buyable, or sold out and still open; see `Mismatch`."""
    among = partial(mismatched_variants, mismatch)
    with closing(stock_now(connection, filters, now=now, interval=interval, among=among)) as rows:
        for row in rows:
            if row.presence == "present":
                yield row


def _stores(connection: sa.Connection, now: datetime, interval: timedelta, scope: Scope) -> list[MonitoredStore]:
    found = monitored_stores(connection, now, interval)
    return [store for store in found if scope.groups is None or store.store.group in scope.groups]


def _shortages(totals: list[StoreTotal], stores: dict[str, MonitoredStore]) -> Iterator[Shortage]:
    counted = [total for total in totals if total.counts]
    numbers = [total.available for total in counted if total.available is not None]
    group_total = sum(numbers) if numbers else None
    open_ended = any(total.unknown or total.uncounted for total in counted)
    ambiguous = any(total.ambiguous for total in totals)
    for own in totals:
        out = own.available is not None and own.available <= 0 and not own.unknown and not own.uncounted
        left = tuple(_place(total, stores) for total in left_elsewhere(own.store, totals))
        if out and left:
            yield _shortage("left_elsewhere", own._replace(ambiguous=ambiguous), group_total, open_ended, left, stores)
        known_none = group_total is not None and group_total <= 0 and not open_ended
        if own.offered and known_none and own.available is not None:
            yield _shortage("oversell_risk", own._replace(ambiguous=ambiguous), group_total, False, left, stores)


def _shortage(
    finding: Literal["left_elsewhere", "oversell_risk"],
    own: StoreTotal,
    total: Number | None,
    at_least: bool,
    elsewhere: tuple[Place, ...],
    stores: dict[str, MonitoredStore],
) -> Shortage:
    assert own.available is not None
    return Shortage(
        finding=finding,
        group=own.group,
        sku=own.sku,
        title=own.title,
        store=own.store,
        available=own.available,
        total=total,
        at_least=at_least,
        ambiguous=own.ambiguous,
        backorder=own.oversell,
        elsewhere=elsewhere,
        as_of=stores[own.store].snapshots.last_started_at,
    )


def _place(total: StoreTotal, stores: dict[str, MonitoredStore]) -> Place:
    as_of = stores[total.store].snapshots.last_started_at
    return Place(total.store, total.available, total.unknown > 0, as_of)


def _drift(same: list[StoreTotal], stores: dict[str, MonitoredStore], snapshot: int | None, since: datetime | None) -> Drift:
    numbers = [total.available for total in same if total.available is not None]
    waits_for = [total.store for total in same if snapshot is not None and stores[total.store].snapshots.last_id < snapshot]
    return Drift(
        group=same[0].group,
        pool=same[0].pool,
        sku=same[0].sku,
        title=same[0].title,
        by=max(numbers) - min(numbers),
        since=since,
        waits_for=tuple(waits_for),
        stores=tuple(_place(total, stores) for total in same),
    )


def _ended(connection: sa.Connection, ids: Iterable[int]) -> dict[int, datetime]:
    rows = sa.select(snapshots.c.id, snapshots.c.ended_at).where(snapshots.c.id.in_(set(ids)))
    return {row.id: row.ended_at for row in connection.execute(rows)}
