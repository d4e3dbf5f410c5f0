"""The lines that an evaluation reads: those of variants that can be in alarm, or that somebody asks about.

Of a million stock levels a few thousand are low, and only their variants need sums. In this module `levels` is
`stock_levels` or a relation with LEVEL_COLUMNS, and `variants` is a relation with the columns `store_key` and `item_id`.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from inventory_pipeline.db.alerts.monitored_stores import MonitoredStore
from inventory_pipeline.db.alerts.targets import LineColumns, StoreRules, is_evaluated
from inventory_pipeline.db.tables.alerts import thresholds
from inventory_pipeline.db.tables.evaluation import LINE_COLUMNS
from inventory_pipeline.db.tables.stock import stock_changes, stock_levels

LEVEL_COLUMNS = ("store_key", "item_id", *LINE_COLUMNS, "presence", "status", "location_active")


def low_variants(rules: StoreRules, levels: sa.FromClause) -> sa.Select:
    """The variants with a line at or below its store's threshold, or neither counted nor sellable; one row for each line.

    A sum at or below a threshold has a part at or below it, so no other variant can be low by its store's rule. For
    variants with rules of their own see `variants_with_rules`.
    """
    line, untracked = LineColumns(levels), levels.c.state == "untracked"
    # In two steps, the cheaper first: most lines are above the highest threshold of all stores.
    may_be_low = sa.and_(line.tracked, line.available <= rules.highest_threshold)
    not_sellable = sa.and_(untracked, levels.c.sellable.is_(sa.false()))
    low = sa.or_(untracked, line.available <= rules.threshold)
    joined = rules.join_rule(levels, levels.c.store_key)
    rows = sa.select(levels.c.store_key, levels.c.item_id).select_from(joined)
    return rows.where(sa.or_(may_be_low, not_sellable), low, is_evaluated(levels))


def variants_with_rules() -> sa.Select:
    """The variants that have a rule with scope `variant` or `location`."""
    return sa.select(thresholds.c.store_key, thresholds.c.item_id).where(thresholds.c.scope.in_(("variant", "location")))


def with_pool_members(variants: sa.FromClause, levels: sa.FromClause) -> sa.CompoundSelect:
    """The variants, and all variants that share a pool with them; columns `store_key`, `item_id`, `pool`.

    `pool` identifies the pool target that a variant belongs to, null for a variant without `shared_pool`. Where a platform
    has one pool per location, the pools of one variant are one target, which has the least of their ids.
    """
    pooled = (
        sa.select(levels.c.store_key, levels.c.item_id, sa.func.min(levels.c.shared_pool).label("pool"))
        .where(levels.c.shared_pool.is_not(None), is_evaluated(levels))
        .group_by(levels.c.store_key, levels.c.item_id)
        .cte("pooled")
    )
    asked = sa.select(variants.c.store_key, variants.c.item_id, pooled.c.pool).select_from(
        variants.outerjoin(pooled, _same_variant(variants, pooled))
    )
    pools = sa.select(pooled.c.store_key, pooled.c.pool).join(variants, _same_variant(variants, pooled)).distinct().cte("pools")
    same_pool = sa.and_(pools.c.store_key == pooled.c.store_key, pools.c.pool == pooled.c.pool)
    return sa.union(asked, sa.select(pooled).join(pools, same_pool))


def candidate_lines(candidates: sa.FromClause, levels: sa.FromClause) -> sa.Select:
    """The evaluated lines of the candidates, a relation as `with_pool_members` returns it.

    Columns `store_key`, `item_id`, LINE_COLUMNS and `pool`. A candidate without such a line gives one row of nulls.
    """
    # An outer join without a WHERE: so SQLite looks up the lines of each candidate, and does not read all levels.
    joined = candidates.outerjoin(levels, sa.and_(_same_variant(candidates, levels), is_evaluated(levels)))
    columns: list[sa.ColumnElement[Any]] = [levels.c[name] for name in LINE_COLUMNS]
    return sa.select(candidates.c.store_key, candidates.c.item_id, *columns, candidates.c.pool).select_from(joined)


def levels_as_of(stores: Sequence[MonitoredStore], name: str = "levels_as_of") -> sa.CTE:
    """The stock levels as they were after each store's last snapshot in `stores`; LEVEL_COLUMNS."""
    rows = [("", 0)]  # VALUES needs at least one row
    rows += [(each.key, each.snapshots.last_id) for each in stores]
    columns = (sa.column("key", sa.Text), sa.column("last_id", sa.BigInteger))
    last = sa.values(*columns, name="last_snapshots", literal_binds=True).data(rows).cte(f"{name}_snapshots")
    levels, changes = stock_levels.c, stock_changes.c
    still_current = (
        sa.select(*(levels[name] for name in LEVEL_COLUMNS))
        .join(last, last.c.key == levels.store_key)
        .where(levels.since_snapshot <= last.c.last_id)
    )
    changed_since = (
        sa.select(*(changes[name] for name in LEVEL_COLUMNS))
        .join(last, last.c.key == changes.store_key)
        .where(changes.valid_from <= last.c.last_id, changes.snapshot_id > last.c.last_id)
    )
    return sa.union_all(still_current, changed_since).cte(name)


def _same_variant(first: sa.FromClause, second: sa.FromClause) -> sa.ColumnElement[bool]:
    return sa.and_(first.c.store_key == second.c.store_key, first.c.item_id == second.c.item_id)
