"""The stock of a SKU over all stores of its group."""

from collections.abc import Sequence
from typing import NamedTuple

import sqlalchemy as sa

from inventory_pipeline.core.quantity import Number
from inventory_pipeline.core.stores import NEVER_ONE, ONE_STOCK
from inventory_pipeline.db.alerts.monitored_stores import MonitoredStore, as_relation
from inventory_pipeline.db.alerts.targets import (
    has_identity,
    is_evaluated,
    stock_unit,
    sums_of_units,
    unit_columns,
)
from inventory_pipeline.db.tables.alerts import thresholds
from inventory_pipeline.db.tables.evaluation import LINE_COLUMNS
from inventory_pipeline.db.tables.stock import stock_levels, trimmed
from inventory_pipeline.db.types import from_millionths


def sku_totals(stores: sa.CTE, sku: str | None = None) -> sa.Select:
    """One row for each SKU rule, or each rule about `sku`, that at least one line falls under.

    `stores` is `monitored_stores.as_relation`. Columns: `group_name`, `sku`, `store_key` and `item_id` of a variant that
    stands for the SKU, STOCK_COLUMNS (see `targets`), `up_to`, `ambiguous`, and `threshold` and `margin` of the rule. For
    `up_to` and `ambiguous` see `SkuTotal`.
    """
    with_rule = sa.select(thresholds.c.sku).where(thresholds.c.scope == "sku")
    if sku is not None:
        with_rule = with_rule.where(thresholds.c.sku == sku)
    totals = _totals(lines_of(trimmed(stock_levels.c.sku).in_(with_rule)), stores)
    rule = thresholds.alias("sku_rule")
    its_rule = has_identity(rule, "sku", group_name=totals.c.group_name, sku=totals.c.sku)
    return sa.select(
        *totals.c,
        sa.type_coerce(rule.c.threshold, sa.BigInteger).label("threshold"),
        sa.type_coerce(rule.c.margin, sa.BigInteger).label("margin"),
    ).select_from(totals.join(rule, its_rule))


class SkuTotal(NamedTuple):
    """The stock of a SKU over the stores of one group.

    `available` is None where no line has a number; `at_least` where lines of unknown quantity may add to it. `ambiguous`:
    several variants of one store have the SKU at one place and share no pool. Where their numbers are equal they may be one
    stock or several: `available` counts them as one, and `up_to`, else None, as several.
    """

    group: str
    available: Number | None
    up_to: Number | None
    at_least: bool
    ambiguous: bool


def total_of_sku(connection: sa.Connection, stores: Sequence[MonitoredStore], sku: str) -> list[SkuTotal]:
    """The total of a SKU in each group that has it, whether a rule is about it or not."""
    totals = _totals(lines_of(trimmed(stock_levels.c.sku) == sku), as_relation(stores))
    return [
        SkuTotal(row.group_name, _number(row.total), _number(row.up_to), row.unknown > 0, row.ambiguous > 0)
        for row in connection.execute(sa.select(totals).order_by(totals.c.group_name))
    ]


def _number(millionths: int | None) -> Number | None:
    return None if millionths is None else from_millionths(int(millionths))


def _totals(lines: sa.CTE, stores: sa.CTE) -> sa.Subquery:
    """The totals of all SKUs of these lines over each group: of stores that mirror one another the one read last counts."""
    store = store_totals(lines, stores)
    counted = sa.select(store).where(store.c.rank == 1).subquery("counted_stores")
    is_open = sa.func.max(counted.c.is_open) == 1
    return (
        sa.select(
            counted.c.group_name,
            counted.c.sku,
            sa.func.min(counted.c.store_key).label("store_key"),
            sa.func.min(counted.c.item_id).label("item_id"),
            *sums_of_units(counted),
            sa.case((is_open, sa.func.sum(counted.c.up_to)), else_=sa.null()).label("up_to"),
            sa.func.max(counted.c.ambiguous).label("ambiguous"),
        )
        .group_by(counted.c.group_name, counted.c.sku)
        .subquery("sku_totals")
    )


def lines_of(wanted: sa.ColumnElement[bool]) -> sa.CTE:
    """The evaluated lines of which `wanted` holds, a condition on `stock_levels`, each with its trimmed SKU."""
    level = stock_levels
    columns = (level.c[name] for name in ("store_key", "item_id", *LINE_COLUMNS))
    lines = sa.select(*columns, trimmed(level.c.sku).label("sku")).where(wanted, is_evaluated(level)).cte("sku_lines")
    # No index has trimmed SKUs: materialized, the levels are read once.
    return lines.prefix_with("MATERIALIZED")


def store_totals(lines: sa.CTE, stores: sa.CTE) -> sa.Subquery:
    """What each store has of each SKU: `group_name`, `sku`, `store_key`, STOCK_COLUMNS, `up_to` and `is_open` (1 where equal
    numbers may be one stock, as `total` counts them, or several, which `up_to` adds up), `offered` (1 where the store says
    that it can be bought), `item_id`, `ambiguous`, `read_at`, `mirror`, and `rank`, 1 for the store of a mirror that counts.

    1. `_units`: the lines of one pool become one quantity.
    2. `_places`: the quantities of one store at one place are summed, or counted once where they may be one stock.
    3. `_store_totals`: the places are summed; all lines of a stale store count as unknown.
    """
    return _store_totals(_places(_units(lines, stores)))


def _units(lines: sa.CTE, stores: sa.CTE) -> sa.Subquery:
    keys = (stores.c.group_name, lines.c.sku, lines.c.store_key)
    unit = sa.case((stores.c.same_sku == ONE_STOCK, "\n" + lines.c.location_id), else_=stock_unit(lines))
    return (
        sa.select(
            *keys,
            *unit_columns(lines),
            sa.func.max(sa.case((lines.c.sellable.is_(sa.true()), 1), else_=0)).label("offered"),
            sa.func.min(lines.c.location_id).label("location_id"),
            *(sa.func.max(stores.c[name]).label(name) for name in ("stale", "read_at", "mirror", "same_sku")),
        )
        .select_from(lines.join(stores, stores.c.key == lines.c.store_key))
        .group_by(*keys, unit)
        .subquery("sku_units")
    )


def _places(units: sa.Subquery) -> sa.Subquery:
    """Equal numbers n of k variants may be one stock or k: counted as one in `total`, as k in `up_to`, and `is_open` is 1."""
    low, total = sa.func.min(units.c.total), sa.func.sum(units.c.total)
    # Cheaper than a distinct count, which sorts.
    several = sa.and_(sa.func.min(units.c.item_id) != sa.func.max(units.c.item_id), sa.func.max(units.c.same_sku) != NEVER_ONE)
    equal = sa.and_(several, sa.func.count(units.c.total) > 1, low == sa.func.max(units.c.total), low != 0)
    return (
        sa.select(
            units.c.group_name,
            units.c.sku,
            units.c.store_key,
            sa.case((equal, low), else_=total).label("total"),
            total.label("up_to"),
            sa.case((equal, 1), else_=0).label("is_open"),
            sa.case((several, 1), else_=0).label("ambiguous"),
            sa.func.count().label("units"),
            sa.func.sum(units.c.unknown).label("unknown"),
            sa.func.sum(units.c.free).label("free"),
            *(sa.func.max(units.c[name]).label(name) for name in ("oversell", "offered", "stale", "read_at", "mirror")),
            sa.func.min(units.c.item_id).label("item_id"),
        )
        .group_by(units.c.group_name, units.c.sku, units.c.store_key, units.c.location_id)
        .subquery("sku_places")
    )


def _store_totals(places: sa.Subquery) -> sa.Subquery:
    stale = sa.func.max(places.c.stale) == 1
    # A store that mirrors no other is a mirror of its own; a line break cannot stand in the setting.
    mirror = sa.func.coalesce(sa.func.nullif(sa.func.max(places.c.mirror), ""), "\n" + places.c.store_key)
    totals = (
        sa.select(
            places.c.group_name,
            places.c.sku,
            places.c.store_key,
            *(sa.case((stale, sa.null()), else_=sa.func.sum(places.c[name])).label(name) for name in ("total", "up_to")),
            sa.case((stale, 0), else_=sa.func.max(places.c.is_open)).label("is_open"),
            sa.case((stale, 0), else_=sa.func.max(places.c.ambiguous)).label("ambiguous"),
            sa.case((stale, sa.func.sum(places.c.units)), else_=sa.func.sum(places.c.unknown)).label("unknown"),
            sa.case((stale, 0), else_=sa.func.sum(places.c.free)).label("free"),
            sa.func.max(places.c.oversell).label("oversell"),
            sa.func.max(places.c.offered).label("offered"),
            sa.func.min(places.c.item_id).label("item_id"),
            sa.func.max(places.c.read_at).label("read_at"),
            mirror.label("mirror"),
        )
        .group_by(places.c.group_name, places.c.sku, places.c.store_key)
        .subquery("sku_stores")
    )
    mirrors = (totals.c.group_name, totals.c.sku, totals.c.mirror)
    rank = sa.func.row_number().over(partition_by=mirrors, order_by=(totals.c.read_at.desc(), totals.c.store_key))
    return sa.select(totals, rank.label("rank")).subquery("ranked_stores")
