"""The stock of a SKU over all stores of its group."""

import sqlalchemy as sa

from inventory_pipeline.db.alerts.targets import (
    STOCK_COLUMNS,
    has_identity,
    is_evaluated,
    stock_unit,
    sums_of_units,
    unit_columns,
)
from inventory_pipeline.db.tables.alerts import thresholds
from inventory_pipeline.db.tables.evaluation import LINE_COLUMNS
from inventory_pipeline.db.tables.stock import stock_levels, trimmed


def sku_totals(stores: sa.CTE, sku: str | None = None) -> sa.Select:
    """One row for each SKU rule, or each rule about `sku`, that at least one line falls under.

    `stores` is `monitored_stores.as_relation`. Columns: `group_name`, `sku`, `store_key` and `item_id` of a variant that
    stands for the SKU, STOCK_COLUMNS (see `targets`), `ambiguous`, and `threshold` and `margin` of the rule. `ambiguous` is 1
    where several variants of one store have the SKU and do not share a pool.

    1. `lines_of`: the lines with a SKU that a rule is about, read in one pass.
    2. `store_totals`: what each store has of the SKU.
    3. Of stores that mirror one another only the one read last counts: `rank` 1.
    4. The stores of a group are summed, and joined with the rule.
    """
    with_rule = sa.select(thresholds.c.sku).where(thresholds.c.scope == "sku")
    if sku is not None:
        with_rule = with_rule.where(thresholds.c.sku == sku)
    store = store_totals(lines_of(trimmed(stock_levels.c.sku).in_(with_rule)), stores)
    counted = sa.select(store).where(store.c.rank == 1).subquery("counted_stores")
    totals = (
        sa.select(
            counted.c.group_name,
            counted.c.sku,
            *sums_of_units(counted),
            sa.func.max(counted.c.ambiguous).label("ambiguous"),
            sa.func.min(counted.c.item_id).label("item_id"),
            sa.func.min(counted.c.store_key).label("store_key"),
        )
        .group_by(counted.c.group_name, counted.c.sku)
        .subquery("sku_totals")
    )
    rule = thresholds.alias("sku_rule")
    its_rule = has_identity(rule, "sku", group_name=totals.c.group_name, sku=totals.c.sku)
    return sa.select(
        totals.c.group_name,
        totals.c.sku,
        totals.c.store_key,
        totals.c.item_id,
        *(totals.c[name] for name in STOCK_COLUMNS),
        totals.c.ambiguous,
        sa.type_coerce(rule.c.threshold, sa.BigInteger).label("threshold"),
        sa.type_coerce(rule.c.margin, sa.BigInteger).label("margin"),
    ).select_from(totals.join(rule, its_rule))


def lines_of(wanted: sa.ColumnElement[bool]) -> sa.CTE:
    """The evaluated lines of which `wanted` holds, a condition on `stock_levels`, each with its trimmed SKU."""
    level = stock_levels
    columns = (level.c[name] for name in ("store_key", "item_id", *LINE_COLUMNS))
    lines = sa.select(*columns, trimmed(level.c.sku).label("sku")).where(wanted, is_evaluated(level)).cte("sku_lines")
    # No index has trimmed SKUs: materialized, the levels are read once.
    return lines.prefix_with("MATERIALIZED")


def store_totals(lines: sa.CTE, stores: sa.CTE) -> sa.Subquery:
    """What each store has of each SKU: `group_name`, `sku`, `store_key`, STOCK_COLUMNS, `offered` (1 where the store says
    that it can be bought), `item_id`, `ambiguous`, `read_at`, `mirror`, and `rank`, 1 for the store of a mirror that counts.

    The lines of one pool become one quantity; the quantities are summed. All lines of a stale store count as unknown.
    """
    return _store_totals(_units(lines, stores))


def _units(lines: sa.CTE, stores: sa.CTE) -> sa.Subquery:
    keys = (stores.c.group_name, lines.c.sku, lines.c.store_key)
    return (
        sa.select(
            *keys,
            *unit_columns(lines),
            sa.func.max(sa.case((lines.c.sellable.is_(sa.true()), 1), else_=0)).label("offered"),
            sa.func.max(stores.c.stale).label("stale"),
            sa.func.max(stores.c.read_at).label("read_at"),
            sa.func.max(stores.c.mirror).label("mirror"),
        )
        .select_from(lines.join(stores, stores.c.key == lines.c.store_key))
        .group_by(*keys, stock_unit(lines))
        .subquery("sku_units")
    )


def _store_totals(units: sa.Subquery) -> sa.Subquery:
    stale = sa.func.max(units.c.stale) == 1
    # A store that mirrors no other is a mirror of its own; a line break cannot stand in the setting.
    mirror = sa.func.coalesce(sa.func.nullif(sa.func.max(units.c.mirror), ""), "\n" + units.c.store_key)
    # Cheaper than a distinct count, which sorts.
    several_variants = sa.func.min(units.c.item_id) != sa.func.max(units.c.item_id)
    totals = (
        sa.select(
            units.c.group_name,
            units.c.sku,
            units.c.store_key,
            sa.case((stale, sa.null()), else_=sa.func.sum(units.c.total)).label("total"),
            sa.case((stale, sa.func.count()), else_=sa.func.sum(units.c.unknown)).label("unknown"),
            sa.case((stale, 0), else_=sa.func.sum(units.c.free)).label("free"),
            sa.func.max(units.c.oversell).label("oversell"),
            sa.func.max(units.c.offered).label("offered"),
            sa.func.min(units.c.item_id).label("item_id"),
            sa.case((several_variants, 1), else_=0).label("ambiguous"),
            sa.func.max(units.c.read_at).label("read_at"),
            mirror.label("mirror"),
        )
        .group_by(units.c.group_name, units.c.sku, units.c.store_key)
        .subquery("sku_stores")
    )
    mirrors = (totals.c.group_name, totals.c.sku, totals.c.mirror)
    rank = sa.func.row_number().over(partition_by=mirrors, order_by=(totals.c.read_at.desc(), totals.c.store_key))
    return sa.select(totals, rank.label("rank")).subquery("ranked_stores")
