"""Targets of threshold rules: variants, pools and single locations, each with its stock and its most specific rule.

Targets are built from a relation `lines`, see `candidate_lines.candidate_lines`. Each is a row with TARGET_COLUMNS:

- `kind`, `store_key`, `subject`, `location_id` and `group_name` identify it, as in the table `alerts`; `subject` is the id
  of the variant or pool, `item_id` a variant that stands for it.
- `total` is the known part of the stock in millionths, null where no line has a number. `unknown` is how many lines of
  unknown quantity may add to it, `free` how many lines are for sale without being counted, `oversell` 1 where the store
  sells below zero. The lines of one pool count once.
- `threshold`, `margin` (both in millionths) and `cover_days` (0 without) are of the rule that decides, `scope` is the rule's
  scope and `rule_item` the variant that the rule is about.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from inventory_pipeline.core.thresholds import Scope, Threshold
from inventory_pipeline.db.alerts.monitored_stores import MonitoredStore
from inventory_pipeline.db.tables.alerts import thresholds
from inventory_pipeline.db.tables.stock import stock_levels
from inventory_pipeline.db.tables.stores import store_integrations
from inventory_pipeline.db.types import Key, to_millionths

Columns = dict[str, sa.ColumnElement[Any]]

TARGET_COLUMNS = (
    "kind",
    "store_key",
    "subject",
    "location_id",
    "item_id",
    "total",
    "unknown",
    "free",
    "oversell",
    "threshold",
    "margin",
    "cover_days",
    "scope",
    "rule_item",
    "group_name",
    "platform",
)
STOCK_COLUMNS = ("total", "unknown", "free", "oversell")

# A notice names at most this many variants of one pool.
_MEMBERS_NAMED = 20


def is_evaluated(levels: sa.FromClause) -> sa.ColumnElement[bool]:
    """Whether a line counts at all: drafts, archived and deleted lines do not, nor do lines at a closed location.

    A missing line counts, as unknown: only the next read shows whether it is deleted.
    """
    return sa.and_(levels.c.presence != "deleted", levels.c.status == "active", levels.c.location_active)


class LineColumns:
    """Columns computed from those of one line. `available` is in millionths; `unknown`, `free` and `oversell` are 0 or 1."""

    def __init__(self, line: sa.FromClause) -> None:
        self.available = _whole(line.c.available)
        self.tracked = line.c.state == "tracked"
        self.unknown = _flag(line.c.state == "unknown")
        self.free = _flag(sa.and_(line.c.state == "untracked", line.c.sellable.is_distinct_from(sa.false())))
        self.oversell = _flag(line.c.oversell_allowed.is_(sa.true()))


class StoreRules:
    """The stores that are evaluated, and the rule that applies in each where no more specific one does.

    Stores and their rules are joined by primary key with outer joins: so SQLite keeps the stock as the outer loop.
    `group_name` and `platform` are columns of the joined store; `threshold`, in millionths, is the one of its rule.
    """

    def __init__(self, found: Sequence[MonitoredStore], default: Threshold) -> None:
        self.fresh = [each.key for each in found if not each.stale]
        self.highest_threshold = to_millionths(max((each.rule.threshold for each in found), default=0))
        self._default = default
        self._store = store_integrations.alias("store")
        self._rule = thresholds.alias("store_rule")
        self.group_name = self._store.c.group_name
        self.platform = self._store.c.platform
        self.threshold = sa.func.coalesce(_whole(self._rule.c.threshold), to_millionths(default.threshold))

    def join_store_and_rule(self, stock: sa.FromClause, store_key: sa.ColumnElement[str]) -> sa.Join:
        """`stock` joined with the row and the rule of its store."""
        return self.join_rule(stock.outerjoin(self._store, self._store.c.key == store_key), store_key)

    def join_rule(self, stock: sa.FromClause, store_key: sa.ColumnElement[str]) -> sa.Join:
        """`stock` joined with the rule of its store."""
        return stock.outerjoin(self._rule, has_identity(self._rule, "store", store_key=store_key))

    def deciding_rule(self, scope: Scope, own: sa.FromClause) -> Columns:
        """The rule that decides: `own`, a joined rule with this scope; else the store's; else the default."""
        has_own, has_store_rule = own.c.threshold.is_not(None), self._rule.c.threshold.is_not(None)
        margin = sa.func.coalesce(_whole(own.c.margin), _whole(self._rule.c.margin), to_millionths(self._default.margin))
        cover_days = sa.case(
            (has_own, sa.func.coalesce(own.c.cover_days, 0)),
            (has_store_rule, sa.func.coalesce(self._rule.c.cover_days, 0)),
            else_=self._default.cover_days or 0,
        )
        return {
            "threshold": sa.func.coalesce(_whole(own.c.threshold), self.threshold),
            "margin": margin,
            "cover_days": cover_days,
            "scope": sa.case((has_own, scope), (has_store_rule, "store"), else_="global"),
        }


def has_identity(rule: sa.FromClause, scope: Scope, **parts: Any) -> sa.ColumnElement[bool]:
    """Whether the rule has this scope and these parts. All parts are compared, so that the primary key finds the rule."""
    names = ("store_key", "item_id", "location_id", "group_name", "sku")
    return sa.and_(rule.c.scope == scope, *(rule.c[name] == parts.get(name, "") for name in names))


def variant_targets(rules: StoreRules, lines: sa.FromClause) -> sa.Select:
    """Each variant over its store's active locations, unless it is in a pool or every location has a rule of its own."""
    location_rule, own, line = thresholds.alias("location_rule"), thresholds.alias("own"), LineColumns(lines)
    location = {name: lines.c[name] for name in ("store_key", "item_id", "location_id")}
    stock = (
        sa.select(
            lines.c.store_key,
            lines.c.item_id,
            sa.func.sum(line.available).filter(line.tracked).label("total"),
            sa.func.sum(line.unknown).label("unknown"),
            sa.func.sum(line.free).label("free"),
            sa.func.max(line.oversell).label("oversell"),
        )
        .select_from(lines.outerjoin(location_rule, has_identity(location_rule, "location", **location)))
        .where(lines.c.pool.is_(None))
        .group_by(lines.c.store_key, lines.c.item_id)
        .having(sa.func.count(lines.c.location_id) > sa.func.count(location_rule.c.threshold))
        .subquery("variants")
    )
    own_rule = has_identity(own, "variant", store_key=stock.c.store_key, item_id=stock.c.item_id)
    columns = {
        "kind": sa.literal("variant"),
        "store_key": stock.c.store_key,
        "subject": stock.c.item_id,
        "location_id": sa.literal("", Key),
        "item_id": stock.c.item_id,
        **{name: stock.c[name] for name in STOCK_COLUMNS},
        **rules.deciding_rule("variant", own),
        "rule_item": stock.c.item_id,
    }
    joined = rules.join_store_and_rule(stock, stock.c.store_key).outerjoin(own, own_rule)
    return _select(columns, rules).select_from(joined).where(stock.c.store_key.in_(rules.fresh))


def pool_targets(rules: StoreRules, lines: sa.FromClause) -> sa.Select:
    """The variants that share a pool, as one target, under the highest of the rules that its variants have.

    1. `units`: the lines of each pool, of which the smallest number counts.
    2. `stock`: the units of each target, summed, since a variant may have one pool per location.
    3. The highest rule among the target's variants is joined, see `_pool_rules`.
    """
    units = (
        sa.select(lines.c.store_key, lines.c.pool, *unit_columns(lines))
        .where(lines.c.pool.is_not(None))
        .group_by(lines.c.store_key, lines.c.pool, stock_unit(lines))
        .subquery("pool_units")
    )
    stock = (
        sa.select(units.c.store_key, units.c.pool, *sums_of_units(units), sa.func.min(units.c.item_id).label("item_id"))
        .group_by(units.c.store_key, units.c.pool)
        .subquery("pools")
    )
    rule = _pool_rules(lines)
    highest = sa.and_(rule.c.store_key == stock.c.store_key, rule.c.pool == stock.c.pool, rule.c.rank == 1)
    columns = {
        "kind": sa.literal("pool"),
        "store_key": stock.c.store_key,
        "subject": stock.c.pool,
        "location_id": sa.literal("", Key),
        "item_id": stock.c.item_id,
        **{name: stock.c[name] for name in STOCK_COLUMNS},
        **rules.deciding_rule("variant", rule),
        "rule_item": rule.c.item_id,
    }
    joined = rules.join_store_and_rule(stock, stock.c.store_key).outerjoin(rule, highest)
    return _select(columns, rules).select_from(joined).where(stock.c.store_key.in_(rules.fresh))


def location_targets(rules: StoreRules, lines: sa.FromClause) -> sa.Select:
    """The single lines that have a rule with scope `location`."""
    own, line = thresholds.alias("own"), LineColumns(lines)
    location = {name: lines.c[name] for name in ("store_key", "item_id", "location_id")}
    columns = {
        "kind": sa.literal("location"),
        **location,
        "subject": lines.c.item_id,
        "total": sa.case((line.tracked, line.available)),
        "unknown": line.unknown,
        "free": line.free,
        "oversell": line.oversell,
        **rules.deciding_rule("location", own),
        "rule_item": lines.c.item_id,
    }
    joined = rules.join_store_and_rule(lines.outerjoin(own, has_identity(own, "location", **location)), lines.c.store_key)
    # Written so that SQLite keeps the outer join: it would reverse an inner one, and read every line for each rule.
    has_rule = sa.func.coalesce(_whole(own.c.threshold), -1) >= 0
    return _select(columns, rules).select_from(joined).where(lines.c.store_key.in_(rules.fresh), has_rule)


def stock_unit(lines: sa.FromClause) -> sa.ColumnElement[str]:
    """Identifies the quantity that a line draws on: its pool, or the line itself. (No pool id holds a line break.)"""
    return sa.func.coalesce(lines.c.shared_pool, sa.type_coerce(lines.c.item_id, sa.Text) + "\n" + lines.c.location_id)


def unit_columns(lines: sa.FromClause) -> list[sa.ColumnElement[Any]]:
    """STOCK_COLUMNS and `item_id` of one quantity, for lines grouped by `stock_unit`.

    Where the lines of a pool disagree, the smallest number counts, a number before unknown, and unknown before untracked.
    """
    line = LineColumns(lines)
    any_tracked, any_unknown = sa.func.max(_flag(line.tracked)) == 1, sa.func.max(line.unknown)
    return [
        sa.func.min(line.available).filter(line.tracked).label("total"),
        sa.case((any_tracked, 0), else_=any_unknown).label("unknown"),
        sa.case((sa.or_(any_tracked, any_unknown == 1), 0), else_=sa.func.max(line.free)).label("free"),
        sa.func.max(line.oversell).label("oversell"),
        sa.func.min(lines.c.item_id).label("item_id"),
    ]


def sums_of_units(units: sa.Subquery) -> list[sa.ColumnElement[Any]]:
    """STOCK_COLUMNS of several quantities, for units grouped by their target."""
    return [
        sa.func.sum(units.c.total).label("total"),
        sa.func.sum(units.c.unknown).label("unknown"),
        sa.func.sum(units.c.free).label("free"),
        sa.func.max(units.c.oversell).label("oversell"),
    ]


def _pool_rules(lines: sa.FromClause) -> sa.Subquery:
    """The rules of each pool's variants; the highest has `rank` 1. All nulls where none of the variants has a rule."""
    own = thresholds.alias("pool_rule")
    highest_first = (own.c.threshold.desc().nulls_last(), own.c.item_id)
    rank = sa.func.row_number().over(partition_by=(lines.c.store_key, lines.c.pool), order_by=highest_first)
    own_rule = has_identity(own, "variant", store_key=lines.c.store_key, item_id=lines.c.item_id)
    figures = (own.c.threshold, own.c.margin, own.c.cover_days, own.c.item_id)
    ranked = sa.select(lines.c.store_key, lines.c.pool, *figures, rank.label("rank"))
    return ranked.select_from(lines.outerjoin(own, own_rule)).where(lines.c.pool.is_not(None)).subquery("pool_rules")


def pool_members(connection: sa.Connection, store_key: str, items: Sequence[str]) -> dict[str, list[str]]:
    """For each of the variants, itself and those that share a pool with it: their SKUs, or their ids without one.

    At most 20 for each variant; a variant without a pool is left out.
    """
    if not items:
        return {}
    asked, member = stock_levels.alias("asked"), stock_levels.alias("member")
    same_pool = sa.and_(member.c.store_key == asked.c.store_key, member.c.shared_pool == asked.c.shared_pool)
    name = sa.func.coalesce(sa.func.nullif(member.c.sku, ""), member.c.item_id).label("name")
    rows = (
        sa.select(asked.c.item_id, name)
        .distinct()
        .select_from(asked.join(member, same_pool))
        .where(asked.c.store_key == store_key, asked.c.item_id.in_(items))
        .where(member.c.presence != "deleted", member.c.status == "active")
        .order_by(asked.c.item_id, name)
    )
    members: dict[str, list[str]] = {}
    for item, member_name in connection.execute(rows):
        if len(members.setdefault(item, [])) < _MEMBERS_NAMED:
            members[item].append(member_name)
    return members


def _select(columns: Columns, rules: StoreRules) -> sa.Select:
    """A select of TARGET_COLUMNS, in this order: one part's rows are compared with another's."""
    columns = {**columns, "group_name": rules.group_name, "platform": rules.platform}
    return sa.select(*(columns[name].label(name) for name in TARGET_COLUMNS))


def _whole(column: sa.ColumnElement[Any]) -> sa.ColumnElement[int]:
    """A column of millionths as the whole number that the database keeps."""
    return sa.type_coerce(column, sa.BigInteger)


def _flag(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    return sa.case((condition, 1), else_=0)
