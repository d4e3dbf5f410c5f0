"""A SKU over its group: each pool once, of mirrored stores the freshest, unknown lines making the total "at least"."""

import sqlalchemy as sa

from inventory_pipeline.db.alerts.asked_lines import judged
from inventory_pipeline.db.alerts.subjects import STOCK, pool_units, rule_about, sums_of_units, unit
from inventory_pipeline.db.tables.alerts import thresholds
from inventory_pipeline.db.tables.evaluating import LINE
from inventory_pipeline.db.tables.stock import stock_levels, trimmed

_level = stock_levels


def group_totals(stores: sa.CTE, sku: str | None = None) -> sa.Select:
    """One row per SKU rule (or those about this SKU) that meets a line: its total and its rule's figures.

    Columns `group_name`, `sku`, those of STOCK, `ambiguous`, `threshold`, `margin`. A stale store's lines count as unknown.
    `ambiguous` is 1 where the SKU stands for several variants of one store that do not share a pool.
    """
    shop = _shops(stores, sku)
    chosen = sa.select(shop).where(shop.c.place == 1).subquery("chosen_shops")
    totals = (
        sa.select(
            chosen.c.group_name,
            chosen.c.sku,
            *sums_of_units(chosen),
            sa.func.max(chosen.c.ambiguous).label("ambiguous"),
            sa.func.min(chosen.c.item_id).label("item_id"),
            sa.func.min(chosen.c.store_key).label("store_key"),
        )
        .group_by(chosen.c.group_name, chosen.c.sku)
        .subquery("sku_totals")
    )
    rule = thresholds.alias("sku_rule")
    same = rule_about(rule, "sku", group_name=totals.c.group_name, sku=totals.c.sku)
    return sa.select(
        totals.c.group_name,
        totals.c.sku,
        totals.c.store_key,
        totals.c.item_id,
        *(totals.c[name] for name in STOCK),
        totals.c.ambiguous,
        sa.type_coerce(rule.c.threshold, sa.BigInteger).label("threshold"),
        sa.type_coerce(rule.c.margin, sa.BigInteger).label("margin"),
    ).select_from(totals.join(rule, same))


def _shops(stores: sa.CTE, sku: str | None) -> sa.Subquery:
    """The SKU's stock per store; `place` is 1 for the store that counts among its mirrors."""
    asked = sa.select(thresholds.c.sku).where(thresholds.c.scope == "sku")
    if sku is not None:
        asked = asked.where(thresholds.c.sku == sku)
    # First of all the few lines concerned, in one pass: no index has trimmed SKUs.
    line = (
        sa.select(*(_level.c[name] for name in ("store_key", "item_id", *LINE)), trimmed(_level.c.sku).label("trimmed"))
        .where(trimmed(_level.c.sku).in_(asked), judged(_level))
        .cte("asked_lines")
    )
    line = line.prefix_with("MATERIALIZED")
    keys = (stores.c.group_name, line.c.trimmed, line.c.store_key)
    units = (
        sa.select(
            *pool_units(line, *keys),
            sa.func.max(stores.c.stale).label("stale"),
            sa.func.max(stores.c.freshness).label("freshness"),
            sa.func.max(stores.c.mirror).label("mirror"),
        )
        .select_from(line.join(stores, stores.c.key == line.c.store_key))
        .group_by(*keys, unit(line))
        .subquery("sku_units")
    )
    stale = sa.func.max(units.c.stale) == 1
    mirror = sa.func.coalesce(sa.func.nullif(sa.func.max(units.c.mirror), ""), "\n" + units.c.store_key)
    # Several variants whose quantities are not one: their smallest and largest ids differ between units.
    several = sa.func.min(units.c.item_id) != sa.func.max(units.c.item_id)
    shops = (
        sa.select(
            *(units.c.group_name, units.c.trimmed.label("sku"), units.c.store_key),
            sa.case((stale, sa.null()), else_=sa.func.sum(units.c.total)).label("total"),
            sa.case((stale, sa.func.count()), else_=sa.func.sum(units.c.unknown)).label("unknown"),
            sa.case((stale, 0), else_=sa.func.sum(units.c.free)).label("free"),
            sa.func.max(units.c.oversell).label("oversell"),
            sa.func.min(units.c.item_id).label("item_id"),
            sa.case((several, 1), else_=0).label("ambiguous"),
            sa.func.max(units.c.freshness).label("freshness"),
            mirror.label("mirror"),
        )
        .group_by(units.c.group_name, units.c.trimmed, units.c.store_key)
        .subquery("sku_shops")
    )
    among = (shops.c.group_name, shops.c.sku, shops.c.mirror)
    place = sa.func.row_number().over(partition_by=among, order_by=(shops.c.freshness.desc(), shops.c.store_key))
    return sa.select(shops, place.label("place")).subquery("ranked_shops")
