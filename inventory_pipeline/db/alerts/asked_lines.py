"""The lines that an evaluation looks at: those of variants that can be in alarm, or that somebody asks about.

A million levels hold a few thousand that are low, and only these are worth summing. "Levels" are `stock_levels`, or a
relation with its columns LEVEL; "variants" is a relation with the columns `store_key` and `item_id`.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from inventory_pipeline.db.alerts.alert_stores import AlertStore
from inventory_pipeline.db.alerts.subjects import Line, Stores
from inventory_pipeline.db.tables.alerts import thresholds
from inventory_pipeline.db.tables.evaluating import LINE
from inventory_pipeline.db.tables.stock import stock_changes, stock_levels

LEVEL = ("store_key", "item_id", *LINE, "presence", "status", "location_active")


def judged(levels: sa.FromClause) -> sa.ColumnElement[bool]:
    """Drafts, archived and deleted lines are not judged.

    Missing ones are kept as unknown: whether they are gone is seen in the next read.
    """
    return sa.and_(levels.c.presence != "deleted", levels.c.status == "active", levels.c.location_active)


def low_lines(stores: Stores, levels: sa.FromClause) -> sa.Select:
    """The variants of which some line is not above its store's threshold, or not sellable: a row for each such line.

    A sum at or below a threshold has a part that is. Variants with a rule of their own are another matter.
    """
    line, untracked = Line(levels), levels.c.state == "untracked"
    # Cheapest first, and in two steps: most lines are above the highest threshold, and need no look at their store's.
    may = sa.or_(sa.and_(line.tracked, line.amount <= stores.highest), sa.and_(untracked, levels.c.sellable.is_(sa.false())))
    found = sa.select(levels.c.store_key, levels.c.item_id).select_from(stores.beside_rule(levels, levels.c.store_key))
    return found.where(may, sa.or_(untracked, line.amount <= stores.threshold), judged(levels))


def with_own_rule() -> sa.Select:
    """The variants that a rule names, or names at a place."""
    return sa.select(thresholds.c.store_key, thresholds.c.item_id).where(thresholds.c.scope.in_(("variant", "location")))


def whole_subjects(variants: sa.FromClause, levels: sa.FromClause) -> sa.CompoundSelect:
    """The variants and all others that they are judged with; columns `store_key`, `item_id`, `subject`.

    `subject` is the pool that a variant is judged with, null for one that is judged alone. A platform with locations has
    one pool per location: the pools of one variant are one subject, named by the least.
    """
    pooled = (
        sa.select(levels.c.store_key, levels.c.item_id, sa.func.min(levels.c.shared_pool).label("subject"))
        .where(levels.c.shared_pool.is_not(None), judged(levels))
        .group_by(levels.c.store_key, levels.c.item_id)
        .cte("pooled")
    )
    alone = sa.select(variants.c.store_key, variants.c.item_id, pooled.c.subject)
    named = sa.select(pooled.c.store_key, pooled.c.subject).join(variants, _same(variants, pooled)).distinct().cte("named_pools")
    members = sa.and_(named.c.store_key == pooled.c.store_key, named.c.subject == pooled.c.subject)
    return sa.union(
        alone.select_from(variants.outerjoin(pooled, _same(variants, pooled))), sa.select(pooled).join(named, members)
    )


def lines_of(asked: sa.FromClause, levels: sa.FromClause) -> sa.Select:
    """All judged lines of the variants of `whole_subjects`; columns `store_key`, `item_id`, those of LINE, `subject`.

    A variant without any has one row without location.
    """
    # An outer join and no condition: SQLite then looks up what is asked, and does not read the million levels.
    lines = asked.outerjoin(levels, sa.and_(_same(asked, levels), judged(levels)))
    columns: list[sa.ColumnElement[Any]] = [levels.c[name] for name in LINE]
    return sa.select(asked.c.store_key, asked.c.item_id, *columns, asked.c.subject).select_from(lines)


def levels_as_of(stores: Sequence[AlertStore]) -> sa.CTE:
    """The levels that the stores' newest snapshots among `stores` published; columns LEVEL."""
    told = sa.values(sa.column("key", sa.Text), sa.column("newest", sa.BigInteger), name="told_by", literal_binds=True)
    last = told.data([("", 0), *((each.key, each.reading.newest_id) for each in stores)]).cte("told_by")
    now, then = stock_levels.c, stock_changes.c
    standing = sa.select(*(now[name] for name in LEVEL)).join(last, last.c.key == now.store_key)
    ended = sa.select(*(then[name] for name in LEVEL)).join(last, last.c.key == then.store_key)
    held = then.valid_from <= last.c.newest, then.snapshot_id > last.c.newest
    return sa.union_all(standing.where(now.since_snapshot <= last.c.newest), ended.where(*held)).cte("levels_as_of")


def _same(variant: sa.FromClause, other: sa.FromClause) -> sa.ColumnElement[bool]:
    return sa.and_(variant.c.store_key == other.c.store_key, variant.c.item_id == other.c.item_id)
