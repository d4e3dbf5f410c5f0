"""What rules are held against: variants, pools and single locations, each with its stock and its most specific rule.

Every relation here has the columns of COLUMNS. `total` is the known part of the stock in millionths (null where no line
is tracked); `unknown` counts lines that may add to it; `free` lines that sell without being counted; `oversell` is 1
where the shop sells below zero. The numbers of one pool count once.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from inventory_pipeline.core.thresholds import Scope, Threshold
from inventory_pipeline.db.tables.alerts import thresholds
from inventory_pipeline.db.tables.stock import stock_levels
from inventory_pipeline.db.tables.stores import store_integrations
from inventory_pipeline.db.types import Key, to_millionths

COLUMNS = (
    *("kind", "store_key", "subject", "location_id", "item_id", "total", "unknown", "free", "oversell"),
    *("threshold", "margin", "cover_days", "scope", "rule_item", "group_name", "platform"),
)
STOCK = ("total", "unknown", "free", "oversell")

_level = stock_levels

# Drafts, archived and deleted lines are not judged. Missing ones are kept as unknown: whether they are gone is seen in
# the next read.
JUDGED = sa.and_(_level.c.presence != "deleted", _level.c.status == "active", _level.c.location_active)


class Line:
    """What the columns of levels, or of a relation that has them, say of one line."""

    def __init__(self, line: sa.FromClause) -> None:
        self.amount = sa.type_coerce(line.c.available, sa.BigInteger)
        self.tracked = line.c.state == "tracked"
        self.unknown = flag(line.c.state == "unknown")
        self.free = flag(sa.and_(line.c.state == "untracked", line.c.sellable.is_distinct_from(sa.false())))
        self.oversell = flag(line.c.oversell_allowed.is_(sa.true()))


class Stores:
    """The stores whose stock is judged, and the rule that holds there where nothing more specific does.

    Joined by primary key and from outside: SQLite then keeps the stock as the outer loop.
    """

    def __init__(self, judged: Sequence[str], default: Threshold) -> None:
        self.judged = judged
        self._store, self._rule = store_integrations.alias("store"), thresholds.alias("store_rule")
        self._default = to_millionths(default.threshold), to_millionths(default.margin), default.cover_days or 0
        self.told = (self._store.c.group_name, self._store.c.platform)

    def beside(self, stock: Any, key: sa.ColumnElement[str] | None = None) -> sa.Join:
        key = stock.c.store_key if key is None else key
        joined = sa.outerjoin(stock, self._store, self._store.c.key == key)
        return joined.outerjoin(self._rule, _rule_about(self._rule, "store", store_key=key))

    def rule(self, scope: Scope, own: sa.FromClause) -> list[sa.ColumnElement[Any]]:
        """Threshold, margin, cover days and scope: of the subject's own rule, else of the store's, else the default."""
        wide = self._rule
        threshold, margin, cover_days = self._default
        return [
            sa.func.coalesce(_amount(own.c.threshold), _amount(wide.c.threshold), threshold),
            sa.func.coalesce(_amount(own.c.margin), _amount(wide.c.margin), margin),
            sa.case(
                (own.c.threshold.is_not(None), sa.func.coalesce(own.c.cover_days, 0)),
                (wide.c.threshold.is_not(None), sa.func.coalesce(wide.c.cover_days, 0)),
                else_=cover_days,
            ),
            sa.case((own.c.threshold.is_not(None), scope), (wide.c.threshold.is_not(None), "store"), else_="global"),
        ]


def _amount(column: sa.ColumnElement[Any]) -> sa.ColumnElement[int]:
    return sa.type_coerce(column, sa.BigInteger)


def _rule_about(rule: sa.FromClause, scope: Scope, **parts: Any) -> sa.ColumnElement[bool]:
    """All of a rule's identity, so that the primary key finds it."""
    named = ("store_key", "item_id", "location_id", "group_name", "sku")
    return sa.and_(rule.c.scope == scope, *(rule.c[name] == parts.get(name, "") for name in named))


def flag(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    return sa.case((condition, 1), else_=0)


def stock_sums() -> list[sa.ColumnElement[Any]]:
    """The columns STOCK, over levels of which none shares a pool."""
    line = Line(_level)
    return [
        sa.func.sum(line.amount).filter(line.tracked).label("total"),
        sa.func.sum(line.unknown).label("unknown"),
        sa.func.sum(line.free).label("free"),
        sa.func.max(line.oversell).label("oversell"),
    ]


def variants(stores: Stores) -> sa.Select:
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
    mine = _rule_about(own, "variant", store_key=stock.c.store_key, item_id=stock.c.item_id)
    source = stores.beside(stock).outerjoin(own, mine)
    source = source.outerjoin(ruled, sa.and_(ruled.c.store_key == stock.c.store_key, ruled.c.item_id == stock.c.item_id))
    identity = (sa.literal("variant"), stock.c.store_key, stock.c.item_id, _nothing(), stock.c.item_id)
    columns = [*identity, *(stock.c[name] for name in STOCK), *stores.rule("variant", own), stock.c.item_id, *stores.told]
    rest = sa.func.coalesce(ruled.c.lines, 0) < stock.c.lines
    return sa.select(*_named(columns)).select_from(source).where(stock.c.store_key.in_(stores.judged), rest)


def pools(stores: Stores) -> sa.Select:
    """Variants that draw on one quantity, judged together, under the highest of the rules that its variants have.

    A platform with locations has one pool per location: the pools of one variant are one subject, named by the least.
    """
    pooled = (
        sa.select(_level.c.store_key, _level.c.item_id, sa.func.min(_level.c.shared_pool).label("subject"))
        .where(JUDGED, _level.c.shared_pool.is_not(None))
        .group_by(_level.c.store_key, _level.c.item_id)
        .cte("pooled")
    )
    stock, rule = _pool_stock(pooled), _pool_rule(pooled)
    same = sa.and_(rule.c.store_key == stock.c.store_key, rule.c.subject == stock.c.subject, rule.c.place == 1)
    identity = (sa.literal("pool"), stock.c.store_key, stock.c.subject, _nothing(), stock.c.item_id)
    columns = [*identity, *(stock.c[name] for name in STOCK), *stores.rule("variant", rule), rule.c.item_id, *stores.told]
    source = stores.beside(stock).outerjoin(rule, same)
    return sa.select(*_named(columns)).select_from(source).where(stock.c.store_key.in_(stores.judged))


def pool_units(lines: sa.FromClause, *keys: sa.ColumnElement[Any]) -> list[sa.ColumnElement[Any]]:
    """The columns STOCK of one quantity, to be grouped by `unit`: where its lines disagree, the smallest word counts."""
    line = Line(lines)
    tracked, unknown = sa.func.max(flag(line.tracked)) == 1, sa.func.max(line.unknown)
    return [
        *keys,
        sa.func.min(line.amount).filter(line.tracked).label("total"),
        sa.case((tracked, 0), else_=unknown).label("unknown"),
        sa.case((sa.or_(tracked, unknown == 1), 0), else_=sa.func.max(line.free)).label("free"),
        sa.func.max(line.oversell).label("oversell"),
        sa.func.min(lines.c.item_id).label("item_id"),
    ]


def unit(lines: sa.FromClause) -> sa.ColumnElement[str]:
    """What holds a line's quantity: its pool, or itself. (No pool id holds a line break.)"""
    return sa.func.coalesce(lines.c.shared_pool, sa.type_coerce(lines.c.item_id, sa.Text) + "\n" + lines.c.location_id)


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
        sa.select(*pool_units(_level, _level.c.store_key, pooled.c.subject))
        .select_from(pooled.join(_level, same))
        .where(JUDGED)
        .group_by(_level.c.store_key, pooled.c.subject, unit(_level))
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


def locations(stores: Stores) -> sa.Select:
    """The places that have a rule of their own: the only rules that look at one location."""
    own = thresholds.alias("own")
    line = sa.and_(
        _level.c.store_key == own.c.store_key, _level.c.item_id == own.c.item_id, _level.c.location_id == own.c.location_id
    )
    said = Line(_level)
    stock = (sa.case((said.tracked, said.amount)), said.unknown, said.free, said.oversell)
    identity = (sa.literal("location"), own.c.store_key, own.c.item_id, own.c.location_id, own.c.item_id)
    columns = [*identity, *stock, *stores.rule("location", own), own.c.item_id, *stores.told]
    source = stores.beside(own.join(_level, line), own.c.store_key)
    return (
        sa.select(*_named(columns))
        .select_from(source)
        .where(own.c.scope == "location", JUDGED, own.c.store_key.in_(stores.judged))
    )


_RULE = ("threshold", "margin", "cover_days")


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
