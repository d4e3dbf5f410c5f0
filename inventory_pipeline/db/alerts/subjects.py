"""What rules are held against: variants, pools and single locations, each with its stock and its most specific rule.

They are made of a relation `lines`, see `asked_lines.lines_of`. Every relation here has the columns of COLUMNS. `total` is the
known part of the stock in millionths (null where no line is tracked); `unknown` counts lines that may add to it; `free`
lines that sell without being counted; `oversell` is 1 where the shop sells below zero. The numbers of one pool count once.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from inventory_pipeline.core.thresholds import Scope, Threshold
from inventory_pipeline.db.alerts.alert_stores import AlertStore
from inventory_pipeline.db.tables.alerts import thresholds
from inventory_pipeline.db.tables.stores import store_integrations
from inventory_pipeline.db.types import Key, to_millionths

COLUMNS = (
    *("kind", "store_key", "subject", "location_id", "item_id", "total", "unknown", "free", "oversell"),
    *("threshold", "margin", "cover_days", "scope", "rule_item", "group_name", "platform"),
)
STOCK = ("total", "unknown", "free", "oversell")


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

    def __init__(self, found: Sequence[AlertStore], default: Threshold) -> None:
        self.judged = [each.key for each in found if not each.stale]
        self.highest = to_millionths(max((each.rule.threshold for each in found), default=0))
        self._store, self._rule = store_integrations.alias("store"), thresholds.alias("store_rule")
        self._default = to_millionths(default.threshold), to_millionths(default.margin), default.cover_days or 0
        self.told = (self._store.c.group_name, self._store.c.platform)
        self.threshold = sa.func.coalesce(_amount(self._rule.c.threshold), self._default[0])

    def beside(self, stock: sa.FromClause, key: sa.ColumnElement[str]) -> sa.Join:
        return self.beside_rule(stock.outerjoin(self._store, self._store.c.key == key), key)

    def beside_rule(self, stock: sa.FromClause, key: sa.ColumnElement[str]) -> sa.Join:
        return stock.outerjoin(self._rule, rule_about(self._rule, "store", store_key=key))

    def rule(self, scope: Scope, own: sa.FromClause) -> list[sa.ColumnElement[Any]]:
        """Threshold, margin, cover days and scope: of the subject's own rule, else of the store's, else the default."""
        wide = self._rule
        _, margin, cover_days = self._default
        return [
            sa.func.coalesce(_amount(own.c.threshold), self.threshold),
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


def rule_about(rule: sa.FromClause, scope: Scope, **parts: Any) -> sa.ColumnElement[bool]:
    """All of a rule's identity, so that the primary key finds it."""
    named = ("store_key", "item_id", "location_id", "group_name", "sku")
    return sa.and_(rule.c.scope == scope, *(rule.c[name] == parts.get(name, "") for name in named))


def flag(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    return sa.case((condition, 1), else_=0)


def variants(stores: Stores, lines: sa.FromClause) -> sa.Select:
    """Each variant over its store's active locations, unless it is pooled or every location has a rule of its own."""
    place, own, line = thresholds.alias("place_rule"), thresholds.alias("own"), Line(lines)
    here = {name: lines.c[name] for name in ("store_key", "item_id", "location_id")}
    stock = (
        sa.select(
            *(lines.c.store_key, lines.c.item_id),
            sa.func.sum(line.amount).filter(line.tracked).label("total"),
            sa.func.sum(line.unknown).label("unknown"),
            sa.func.sum(line.free).label("free"),
            sa.func.max(line.oversell).label("oversell"),
        )
        .select_from(lines.outerjoin(place, rule_about(place, "location", **here)))
        .where(lines.c.subject.is_(None))
        .group_by(lines.c.store_key, lines.c.item_id)
        .having(sa.func.count(lines.c.location_id) > sa.func.count(place.c.threshold))
        .subquery("variants")
    )
    mine = rule_about(own, "variant", store_key=stock.c.store_key, item_id=stock.c.item_id)
    source = stores.beside(stock, stock.c.store_key).outerjoin(own, mine)
    identity = (sa.literal("variant"), stock.c.store_key, stock.c.item_id, _nothing(), stock.c.item_id)
    columns = [*identity, *(stock.c[name] for name in STOCK), *stores.rule("variant", own), stock.c.item_id, *stores.told]
    return sa.select(*_named(columns)).select_from(source).where(stock.c.store_key.in_(stores.judged))


def pools(stores: Stores, lines: sa.FromClause) -> sa.Select:
    """Variants that draw on one quantity, judged together, under the highest of the rules that its variants have."""
    units = (
        sa.select(*pool_units(lines, lines.c.store_key, lines.c.subject))
        .where(lines.c.subject.is_not(None))
        .group_by(lines.c.store_key, lines.c.subject, unit(lines))
        .subquery("pool_units")
    )
    stock = (
        sa.select(units.c.store_key, units.c.subject, *sums_of_units(units), sa.func.min(units.c.item_id).label("item_id"))
        .group_by(units.c.store_key, units.c.subject)
        .subquery("pools")
    )
    rule = _pool_rule(lines)
    same = sa.and_(rule.c.store_key == stock.c.store_key, rule.c.subject == stock.c.subject, rule.c.place == 1)
    identity = (sa.literal("pool"), stock.c.store_key, stock.c.subject, _nothing(), stock.c.item_id)
    columns = [*identity, *(stock.c[name] for name in STOCK), *stores.rule("variant", rule), rule.c.item_id, *stores.told]
    source = stores.beside(stock, stock.c.store_key).outerjoin(rule, same)
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


def _pool_rule(lines: sa.FromClause) -> sa.Subquery:
    """Of each pool, first in `place`, its highest rule; nulls where none of its variants has one."""
    own = thresholds.alias("pool_rule")
    highest = (own.c.threshold.desc().nulls_last(), own.c.item_id)
    place = sa.func.row_number().over(partition_by=(lines.c.store_key, lines.c.subject), order_by=highest)
    mine = rule_about(own, "variant", store_key=lines.c.store_key, item_id=lines.c.item_id)
    figures = (own.c[name] for name in ("threshold", "margin", "cover_days"))
    ranked = sa.select(lines.c.store_key, lines.c.subject, *figures, own.c.item_id, place.label("place"))
    return ranked.select_from(lines.outerjoin(own, mine)).where(lines.c.subject.is_not(None)).subquery("pool_rules")


def locations(stores: Stores, lines: sa.FromClause) -> sa.Select:
    """The places that have a rule of their own: the only rules that look at one location."""
    own, said = thresholds.alias("own"), Line(lines)
    here = {name: lines.c[name] for name in ("store_key", "item_id", "location_id")}
    stock = (sa.case((said.tracked, said.amount)), said.unknown, said.free, said.oversell)
    identity = (sa.literal("location"), lines.c.store_key, lines.c.item_id, lines.c.location_id, lines.c.item_id)
    columns = [*identity, *stock, *stores.rule("location", own), lines.c.item_id, *stores.told]
    source = stores.beside(lines.outerjoin(own, rule_about(own, "location", **here)), lines.c.store_key)
    # Said so that SQLite keeps the outer join: an inner one it may turn round, to look at every line for each rule.
    ruled = sa.func.coalesce(_amount(own.c.threshold), -1) >= 0
    return sa.select(*_named(columns)).select_from(source).where(lines.c.store_key.in_(stores.judged), ruled)


def _named(columns: list[sa.ColumnElement[Any]]) -> list[sa.ColumnElement[Any]]:
    return [column.label(name) for column, name in zip(columns, COLUMNS, strict=True)]


def _nothing() -> sa.ColumnElement[str]:
    return sa.literal("", Key)
