"""What the stores of a group have of one SKU, side by side: where some are left, and which stores disagree."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from inventory_pipeline.core.quantity import Number
from inventory_pipeline.db.alerts.evaluation import set_planner_options
from inventory_pipeline.db.alerts.monitored_stores import MonitoredStore, as_relation
from inventory_pipeline.db.alerts.sku_totals import lines_of, store_totals
from inventory_pipeline.db.alerts.targets import is_evaluated
from inventory_pipeline.db.tables.evaluation import LINE_COLUMNS
from inventory_pipeline.db.tables.stock import stock_changes, stock_levels, trimmed
from inventory_pipeline.db.types import from_millionths

_ROWS_AT_ONCE = 2_000


class StoreTotal(NamedTuple):
    """One store's stock of one SKU over its lines, each pool once.

    `available` is the known part, None where no line has a number; `unknown` is how many lines may add to it, `uncounted`
    how many are sold without being counted. `offered`: the store says that it can be bought. `pool` is the setting by which
    stores show one stock, empty without; of such stores only the one read last `counts` in a sum.
    """

    group: str
    sku: str
    title: str
    store: str
    available: Number | None
    unknown: int
    uncounted: int
    oversell: bool
    offered: bool
    ambiguous: bool
    pool: str
    counts: bool


def totals_with_one_out(connection: sa.Connection, stores: Sequence[MonitoredStore], sku: str | None) -> Iterator[StoreTotal]:
    """Every store's total of each SKU of which one store has none, by group and SKU; streamed. `sku` asks for that one."""
    total = _totals(connection, stores, sku)
    least = sa.func.min(total.c.total).over(partition_by=(total.c.group_name, total.c.sku))
    ranked = sa.select(total, least.label("least")).subquery("with_least")
    yield from _read(connection, ranked, ranked.c.least <= 0, order=("group_name", "sku", "store_key"))


def totals_of(connection: sa.Connection, stores: Sequence[MonitoredStore], skus: Sequence[str]) -> Iterator[StoreTotal]:
    """Every store's total of each of these SKUs, by group and SKU, in one reading of the stock."""
    set_planner_options(connection)
    total = store_totals(lines_of(trimmed(stock_levels.c.sku).in_(skus)), as_relation(stores))
    yield from _read(connection, total, sa.true(), order=("group_name", "sku", "store_key"))


def left_elsewhere(store: str, totals: Sequence[StoreTotal]) -> list[StoreTotal]:
    """The other stores that have some of a SKU, given all totals of it in one group. One stock that several show counts once,
    and is not elsewhere for any of them. What is sold without being counted is left too."""
    pool = next((total.pool for total in totals if total.store == store), "")
    return [
        total
        for total in totals
        if total.counts
        and total.store != store
        and not (pool and total.pool == pool)
        and ((total.available or 0) > 0 or total.uncounted)
    ]


def totals_that_differ(connection: sa.Connection, stores: Sequence[MonitoredStore], sku: str | None) -> Iterator[StoreTotal]:
    """The totals of stores that show one stock (`stock_pool`) and tell different numbers, by group, pool and SKU; streamed.

    Only totals that are wholly known are compared: no stale store, no line of unknown quantity, no equal
    numbers that may be one stock or several.
    """
    total = _totals(connection, [store for store in stores if store.mirror and not store.stale], sku)
    sure = total.c.unknown == 0, total.c.free == 0, total.c.is_open == 0, total.c.total.is_not(None)
    known = sa.select(total).where(*sure).subquery("known")
    same = (known.c.group_name, known.c.mirror, known.c.sku)
    least, most = (function(known.c.total).over(partition_by=same) for function in (sa.func.min, sa.func.max))
    compared = sa.select(known, least.label("least"), most.label("most")).subquery("compared")
    yield from _read(connection, compared, compared.c.least < compared.c.most, order=("group_name", "mirror", "sku", "store_key"))


def differ_since(
    connection: sa.Connection, stores: Sequence[MonitoredStore], skus: Sequence[str]
) -> dict[tuple[str, str, str], int]:
    """By group, pool and SKU: the id of the snapshot after which the totals of these stores never agreed again.

    The totals after each snapshot that changed one of the SKU's lines are computed by the one function that computes today's;
    the snapshot's id stands before the SKU. A snapshot after which a total was unknown, or only one store had the SKU, decides
    nothing. An item counts under the SKU that it had then, provided that it has it now.
    """
    versions = _versions([store.key for store in stores], skus)
    points = sa.union(sa.select(versions.c.sku, versions.c.began), sa.select(versions.c.sku, versions.c.ended))
    point = points.subquery("change_points")
    stood = sa.and_(
        versions.c.sku == point.c.sku,
        versions.c.began <= point.c.began,
        sa.or_(versions.c.ended.is_(None), versions.c.ended > point.c.began),
    )
    at_point = sa.cast(point.c.began, sa.Text) + "\n" + versions.c.sku
    columns = (versions.c[name] for name in ("store_key", "item_id", *LINE_COLUMNS))
    lines = sa.select(*columns, at_point.label("sku")).select_from(versions.join(point, stood)).where(is_evaluated(versions))
    total = store_totals(lines.cte("sku_lines"), as_relation(stores))
    compared = (
        sa.select(total.c.group_name, total.c.mirror, total.c.sku, sa.func.min(total.c.total), sa.func.max(total.c.total))
        .group_by(total.c.group_name, total.c.mirror, total.c.sku)
        .having(
            sa.func.count() > 1,
            sa.func.sum(total.c.unknown + total.c.free + total.c.is_open) == 0,
            sa.func.count(total.c.total) > 1,
        )
    )
    told: dict[tuple[str, str, str], list[tuple[int, bool]]] = {}
    for group, pool, at_sku, least, most in connection.execute(compared):
        snapshot, _, sku = at_sku.partition("\n")
        told.setdefault((group, pool, sku), []).append((int(snapshot), least == most))
    return {key: since for key, points in told.items() if (since := _last_time_they_parted(points)) is not None}


def _last_time_they_parted(points: list[tuple[int, bool]]) -> int | None:
    since = None
    for snapshot, agreed in sorted(points):
        since = None if agreed else since or snapshot
    return since


def _versions(store_keys: Sequence[str], skus: Sequence[str]) -> sa.CTE:
    """Every version of the lines that have one of the SKUs now: the snapshots by which it `began` and `ended`."""
    levels, changes = stock_levels, stock_changes
    names = ("store_key", "item_id", *LINE_COLUMNS, "presence", "status", "location_active")
    mine = levels.c.store_key.in_(store_keys), trimmed(levels.c.sku).in_(skus)
    items = sa.select(levels.c.store_key, levels.c.item_id).where(*mine).distinct().cte("items_now")
    current = sa.select(
        *(levels.c[name] for name in names),
        trimmed(levels.c.sku).label("sku"),
        levels.c.since_snapshot.label("began"),
        sa.cast(sa.null(), sa.BigInteger).label("ended"),
    ).where(*mine)
    same = sa.and_(items.c.store_key == changes.c.store_key, items.c.item_id == changes.c.item_id)
    former = (
        sa.select(*(changes.c[name] for name in names), trimmed(changes.c.sku), changes.c.valid_from, changes.c.snapshot_id)
        .select_from(items.join(changes, same))
        .where(trimmed(changes.c.sku).in_(skus))
    )
    return sa.union_all(current, former).cte("versions").prefix_with("MATERIALIZED")


def _totals(connection: sa.Connection, stores: Sequence[MonitoredStore], sku: str | None) -> sa.Subquery:
    set_planner_options(connection)
    its_sku = trimmed(stock_levels.c.sku)
    wanted = its_sku != "" if sku is None else its_sku == sku.strip()
    return store_totals(lines_of(wanted), as_relation(stores))


def _read(
    connection: sa.Connection, total: sa.Subquery, wanted: sa.ColumnElement[bool], order: tuple[str, ...]
) -> Iterator[StoreTotal]:
    line = stock_levels
    same = line.c.store_key == total.c.store_key, line.c.item_id == total.c.item_id
    title = sa.select(line.c.title).where(*same).order_by(line.c.location_id).limit(1).scalar_subquery()
    rows = sa.select(total, title.label("title")).where(wanted).order_by(*(total.c[name] for name in order))
    with connection.execute(rows.execution_options(yield_per=_ROWS_AT_ONCE)) as found:
        for row in found:
            yield _store_total(row)


def _store_total(row: sa.Row[Any]) -> StoreTotal:
    return StoreTotal(
        group=row.group_name,
        sku=row.sku,
        title=row.title or "",
        store=row.store_key,
        available=None if row.total is None else from_millionths(int(row.total)),
        unknown=int(row.unknown),
        uncounted=int(row.free),
        oversell=row.oversell > 0,
        offered=row.offered > 0,
        ambiguous=row.ambiguous > 0,
        # A store without the setting is a mirror of its own, see `sku_totals`.
        pool="" if row.mirror.startswith("\n") else row.mirror,
        counts=row.rank == 1,
    )
