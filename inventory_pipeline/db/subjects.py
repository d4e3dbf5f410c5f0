"""What rules are held against: variants, pools and single locations, each with its stock and its most specific rule.

Every relation here has the columns of COLUMNS. `total` is the known part of the stock in millionths (null where no line
is tracked); `unknown` counts lines that may add to it; `free` lines that sell without being counted; `oversell` is 1
where the shop sells below zero. The numbers of one pool count once.
"""

from typing import Any

import sqlalchemy as sa

from inventory_pipeline.db.consumption import decreases
from inventory_pipeline.db.tables.alerts import thresholds
from inventory_pipeline.db.tables.stock import stock_levels
from inventory_pipeline.db.types import Key

COLUMNS = (
    *("kind", "store_key", "subject", "location_id", "item_id", "total", "unknown", "free", "oversell"),
    *("threshold", "margin", "cover_days", "scope", "rule_item"),
)
STOCK = ("total", "unknown", "free", "oversell")

_level = stock_levels
AMOUNT = sa.type_coerce(_level.c.available, sa.BigInteger)

# Drafts, archived and deleted lines are not judged. Missing ones are kept as unknown: whether they are gone is seen in
# the next read.
JUDGED = sa.and_(_level.c.presence != "deleted", _level.c.status == "active", _level.c.location_active)
TRACKED = _level.c.state == "tracked"
UNKNOWN = _level.c.state == "unknown"
FREE = sa.and_(_level.c.state == "untracked", _level.c.sellable.is_distinct_from(sa.false()))


def flag(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    return sa.case((condition, 1), else_=0)


def stock_sums() -> list[sa.ColumnElement[Any]]:
    """The columns STOCK, over lines of which none shares a pool."""
    return [
        sa.func.sum(AMOUNT).filter(TRACKED).label("total"),
        sa.func.sum(flag(UNKNOWN)).label("unknown"),
        sa.func.sum(flag(FREE)).label("free"),
        sa.func.max(flag(_level.c.oversell_allowed.is_(sa.true()))).label("oversell"),
    ]


def variants(stores: sa.CTE) -> sa.Select:
    """Each variant over its store's active locations, unless it is pooled or every location has a rule of its own."""
    # Grouped in the order of the primary key and before anything is joined: no sort, however many levels.
    stock = (
        sa.select(_level.c.store_key, _level.c.item_id, sa.func.count().label("lines"), *stock_sums())
        .where(JUDGED)
        .group_by(_level.c.store_key, _level.c.item_id)
        .having(sa.func.max(_level.c.shared_pool).is_(None))
        .subquery("variants")
    )
    own, ruled = thresholds.alias("own"), _ruled_lines()
    mine = sa.and_(own.c.scope == "variant", own.c.store_key == stock.c.store_key, own.c.item_id == stock.c.item_id)
    source = (
        stock.join(stores, stores.c.key == stock.c.store_key)
        .outerjoin(own, sa.and_(mine, own.c.location_id == "", own.c.group_name == "", own.c.sku == ""))
        .outerjoin(ruled, sa.and_(ruled.c.store_key == stock.c.store_key, ruled.c.item_id == stock.c.item_id))
    )
    identity = (sa.literal("variant"), stock.c.store_key, stock.c.item_id, _nothing(), stock.c.item_id)
    columns = [*identity, *(stock.c[name] for name in STOCK), *_rule(own, stores), stock.c.item_id]
    rest = sa.func.coalesce(ruled.c.lines, 0) < stock.c.lines
    return sa.select(*_named(columns)).select_from(source).where(stores.c.stale == 0, rest)


def pools(stores: sa.CTE) -> sa.Select:
    """Variants that draw on one quantity, judged together, under the highest of the rules that its variants have.

    A platform with locations has one pool per location: the pools of one variant are one subject, named by the least.
    """
    pooled = (
        sa.select(_level.c.store_key, _level.c.item_id, sa.func.min(_level.c.shared_pool).label("subject"))
        .where(JUDGED, _level.c.shared_pool.is_not(None))
        .group_by(_level.c.store_key, _level.c.item_id)
        .cte("pooled")
    )
    stock = _pool_stock(pooled)
    rule = _pool_rule(pooled)
    source = stock.join(stores, stores.c.key == stock.c.store_key).outerjoin(
        rule, sa.and_(rule.c.store_key == stock.c.store_key, rule.c.subject == stock.c.subject, rule.c.place == 1)
    )
    identity = (sa.literal("pool"), stock.c.store_key, stock.c.subject, _nothing(), stock.c.item_id)
    columns = [*identity, *(stock.c[name] for name in STOCK), *_rule(rule, stores), rule.c.item_id]
    return sa.select(*_named(columns)).select_from(source).where(stores.c.stale == 0)


def pool_units(*keys: sa.ColumnElement[Any]) -> list[sa.ColumnElement[Any]]:
    """The columns STOCK of one quantity, to be grouped by `unit`: where its lines disagree, the smallest word counts."""
    tracked = sa.func.max(flag(TRACKED))
    unknown = sa.case((tracked == 1, 0), else_=sa.func.max(flag(UNKNOWN)))
    return [
        *keys,
        sa.func.min(AMOUNT).filter(TRACKED).label("total"),
        unknown.label("unknown"),
        sa.case((tracked == 1, 0), (sa.func.max(flag(UNKNOWN)) == 1, 0), else_=sa.func.max(flag(FREE))).label("free"),
        sa.func.max(flag(_level.c.oversell_allowed.is_(sa.true()))).label("oversell"),
        sa.func.min(_level.c.item_id).label("item_id"),
    ]


def unit() -> sa.ColumnElement[str]:
    """What holds a line's quantity: its pool, or itself. (No pool id holds a line break.)"""
    return sa.func.coalesce(_level.c.shared_pool, _level.c.item_id + "\n" + _level.c.location_id)


def sums_of_units(units: sa.Subquery) -> list[sa.ColumnElement[Any]]:
    return [
        sa.func.sum(units.c.total).label("total"),
        sa.func.sum(units.c.unknown).label("unknown"),
        sa.func.sum(units.c.free).label("free"),
        sa.func.max(units.c.oversell).label("oversell"),
    ]


def _pool_stock(pooled: sa.CTE) -> sa.Subquery:
    same = sa.and_(pooled.c.store_key == _level.c.store_key, pooled.c.item_id == _level.c.item_id)
    units = (
        sa.select(*pool_units(_level.c.store_key, pooled.c.subject))
        .select_from(pooled.join(_level, same))
        .where(JUDGED)
        .group_by(_level.c.store_key, pooled.c.subject, unit())
        .subquery("pool_units")
    )
    return (
        sa.select(units.c.store_key, units.c.subject, *sums_of_units(units), sa.func.min(units.c.item_id).label("item_id"))
        .group_by(units.c.store_key, units.c.subject)
        .subquery("pools")
    )


def _pool_rule(pooled: sa.CTE) -> sa.Subquery:
    own = thresholds.alias("pool_rule")
    order = (own.c.threshold.desc(), own.c.item_id)
    place = sa.func.row_number().over(partition_by=(pooled.c.store_key, pooled.c.subject), order_by=order)
    return (
        sa.select(pooled.c.store_key, pooled.c.subject, *(own.c[name] for name in _RULE), own.c.item_id, place.label("place"))
        .select_from(
            pooled.join(
                own,
                sa.and_(own.c.scope == "variant", own.c.store_key == pooled.c.store_key, own.c.item_id == pooled.c.item_id),
            )
        )
        .subquery("pool_rules")
    )


def locations(stores: sa.CTE) -> sa.Select:
    """The places that have a rule of their own: the only rules that look at one location."""
    own = thresholds.alias("own")
    line = sa.and_(
        _level.c.store_key == own.c.store_key, _level.c.item_id == own.c.item_id, _level.c.location_id == own.c.location_id
    )
    stock = (
        sa.case((TRACKED, AMOUNT)),
        flag(UNKNOWN),
        flag(FREE),
        flag(_level.c.oversell_allowed.is_(sa.true())),
    )
    identity = (sa.literal("location"), own.c.store_key, own.c.item_id, own.c.location_id, own.c.item_id)
    columns = [*identity, *stock, *_rule(own, stores), own.c.item_id]
    source = own.join(_level, line).join(stores, stores.c.key == own.c.store_key)
    return sa.select(*_named(columns)).select_from(source).where(own.c.scope == "location", JUDGED, stores.c.stale == 0)


def consumption(since: Any) -> sa.CTE:
    return decreases(since).cte("consumption")


_RULE = ("threshold", "margin", "cover_days")


def _rule(own: sa.FromClause, stores: sa.CTE) -> list[sa.ColumnElement[Any]]:
    """The subject's own rule where it has one, else the store's, which may be the global default."""
    has_own = own.c.threshold.is_not(None)
    scope = sa.literal("variant") if own.name != "own" or "scope" not in own.c else own.c.scope
    return [
        sa.func.coalesce(sa.type_coerce(own.c.threshold, sa.BigInteger), stores.c.threshold),
        sa.func.coalesce(sa.type_coerce(own.c.margin, sa.BigInteger), stores.c.margin),
        sa.case((has_own, sa.func.coalesce(own.c.cover_days, 0)), else_=stores.c.cover_days),
        sa.case((has_own, scope), else_=stores.c.scope),
    ]


def _ruled_lines() -> sa.CTE:
    """How many of a variant's active locations have a rule of their own."""
    own = thresholds.alias("ruled")
    line = sa.and_(
        _level.c.store_key == own.c.store_key, _level.c.item_id == own.c.item_id, _level.c.location_id == own.c.location_id
    )
    counted = sa.select(own.c.store_key, own.c.item_id, sa.func.count().label("lines")).select_from(own.join(_level, line))
    return counted.where(own.c.scope == "location", JUDGED).group_by(own.c.store_key, own.c.item_id).cte("ruled_lines")


def _named(columns: list[sa.ColumnElement[Any]]) -> list[sa.ColumnElement[Any]]:
    return [column.label(name) for column, name in zip(columns, COLUMNS, strict=True)]


def _nothing() -> sa.ColumnElement[str]:
    return sa.literal("", Key)
