"""Threshold rules against current stock levels, in the database: a verdict for every target.

The one evaluation behind alerts, `stock --low`, `thresholds explain` and reports. The statements return only the targets
that are asked for; a million levels stay in the database.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from inventory_pipeline.core.cover import ENOUGH_EVENTS, ENOUGH_HOURS, WINDOW, Consumption
from inventory_pipeline.db.alerts import targets
from inventory_pipeline.db.alerts.candidate_lines import low_variants, variants_with_rules
from inventory_pipeline.db.alerts.monitored_stores import MonitoredStore, as_relation
from inventory_pipeline.db.alerts.sku_totals import sku_totals
from inventory_pipeline.db.alerts.targets import TARGET_COLUMNS, StoreRules
from inventory_pipeline.db.alerts.thresholds import default_rule
from inventory_pipeline.db.tables.alerts import thresholds
from inventory_pipeline.db.tables.stock import snapshots, stock_changes, stock_levels
from inventory_pipeline.db.types import Key, from_millionths

# An alert for cover days ends only when the stock lasts a quarter longer than the rule's days: cover moves with every sale.
_RECOVERED_COVER = (5, 4)

# The columns of an evaluated target. `item_id` and `item_store` are of a variant that stands for it.
RESULT_COLUMNS = (*TARGET_COLUMNS, "item_store", "ambiguous", "up_to", "sku", "verdict")


class Evaluation:
    """The statements that evaluate the stock of `stores` at `now` by today's rules.

    `levels` is `stock_levels`, or the relation `levels_as_of` for a past `now`. A statement returns one row per target, with
    RESULT_COLUMNS; `verdict` is a core.alerts.Verdict, but never `gone`. A stale store has no targets, and counts as unknown
    in the total of a SKU.

    Use it in this order:

    1. `candidate_variants` finds the variants that can be in alarm; a caller may add others.
    2. `with_pool_members` and `candidate_lines` (module `candidate_lines`) turn them into lines.
    3. `line_targets` evaluates these lines; `sku_targets` evaluates the SKU rules.

    `consumption`, where a rule has cover days, is a statement that both 1 and 3 need the rows of: fill a table with it, or
    make it a CTE, and pass that in.
    """

    def __init__(
        self,
        connection: sa.Connection,
        stores: Sequence[MonitoredStore],
        now: datetime,
        levels: sa.FromClause = stock_levels,
    ) -> None:
        has_cover = sa.func.max(sa.case((thresholds.c.cover_days.is_not(None), 1), else_=0))
        scopes = sa.select(thresholds.c.scope, has_cover.label("has_cover")).group_by(thresholds.c.scope)
        # The scopes that rules exist for, and whether any of them has cover days: what no rule uses is not computed.
        self._scopes = {row.scope: bool(row.has_cover) for row in connection.execute(scopes)}
        self._stores, self._levels = stores, levels
        self._rules = StoreRules(stores, default_rule(connection))
        needs_consumption = any(self._scopes.values()) or any(each.rule.cover_days for each in stores)
        self.consumption = decreases(now) if needs_consumption else None

    def candidate_variants(self, consumption: sa.FromClause | None) -> list[sa.Select]:
        """The variants that can be in alarm, some of them repeatedly; columns `store_key`, `item_id`."""
        parts = [low_variants(self._rules, self._levels), variants_with_rules()]
        if consumption is not None:
            with_cover = [each.key for each in self._stores if each.rule.cover_days]
            sold = sa.select(consumption.c.store_key, consumption.c.item_id).where(consumption.c.events >= ENOUGH_EVENTS)
            parts.append(sold.where(consumption.c.store_key.in_(with_cover)))
        return parts

    def line_targets(self, lines: sa.FromClause, consumption: sa.FromClause | None) -> list[sa.Select]:
        """The evaluated variants, pools and locations of these lines.

        One statement for each kind of target: databases plan these better than their union.
        """
        parts = [targets.variant_targets(self._rules, lines), targets.pool_targets(self._rules, lines)]
        if "location" in self._scopes:
            parts.append(targets.location_targets(self._rules, lines))
        return [_evaluated(part.subquery("target"), self._stores, consumption) for part in parts]

    def sku_targets(self, sku: str | None = None) -> list[sa.Select]:
        """The evaluated totals of all SKUs that have a rule, or of one SKU."""
        return [_evaluated_skus(as_relation(self._stores), sku)] if "sku" in self._scopes else []


def set_planner_options(connection: sa.Connection) -> None:
    """For PostgreSQL, until the transaction ends: it estimates a million sums as a few rows, and would loop over them."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("SET LOCAL enable_nestloop = off"))
        connection.execute(sa.text("SET LOCAL work_mem = '64MB'"))


def decreases(now: datetime) -> sa.Select:
    """What each variant used up in the WINDOW up to `now`: the decreases in the ledger of changes, without its increases.

    Columns `store_key`, `item_id`, `used` in millionths, and `events`, the number of snapshots with a decrease. A sale and
    a restock between the same two reads show only as their difference; a transfer between two locations shows as a decrease.
    """
    change = stock_changes
    before, after = (sa.type_coerce(column, sa.BigInteger) for column in (change.c.available, change.c.available_after))
    first = sa.select(sa.func.min(snapshots.c.id)).where(snapshots.c.ended_at >= now - WINDOW).scalar_subquery()
    last = sa.select(sa.func.max(snapshots.c.id)).where(snapshots.c.ended_at <= now).scalar_subquery()
    return (
        sa.select(
            change.c.store_key,
            change.c.item_id,
            sa.func.sum(before - after).label("used"),
            sa.func.count(change.c.snapshot_id.distinct()).label("events"),
        )
        .where(change.c.snapshot_id.between(first, last), after < before)
        .group_by(change.c.store_key, change.c.item_id)
    )


def consumption_of(connection: sa.Connection, store_key: str, items: Collection[str], now: datetime) -> dict[str, Consumption]:
    """The consumption of some variants of a store, by variant id; those that used up nothing are left out."""
    asked = stock_changes.c.store_key == store_key, stock_changes.c.item_id.in_(items)
    rows = connection.execute(decreases(now).where(*asked))
    return {row.item_id: Consumption(from_millionths(int(row.used)), row.events) for row in rows}


def _evaluated(target: sa.Subquery, stores: Sequence[MonitoredStore], consumption: sa.FromClause | None) -> sa.Select:
    joined: sa.FromClause = target
    cover: _CoverConditions | None = None
    if consumption is not None:
        same = sa.and_(consumption.c.store_key == target.c.store_key, consumption.c.item_id == target.c.item_id)
        joined = joined.outerjoin(consumption, sa.and_(same, target.c.cover_days > 0))
        cover = _CoverConditions(consumption, target, stores)
    columns = {
        **{name: target.c[name] for name in TARGET_COLUMNS},
        "item_store": target.c.store_key,
        "ambiguous": sa.literal(0),
        "up_to": sa.cast(sa.null(), sa.BigInteger),
        "sku": sa.null(),
        "verdict": _verdict(target, cover),
    }
    return sa.select(*(columns[name].label(name) for name in RESULT_COLUMNS)).select_from(joined)


def _evaluated_skus(stores: sa.CTE, sku: str | None) -> sa.Select:
    """An alert about a SKU belongs to a group and to no store."""
    total = sku_totals(stores, sku).subquery("totals")
    empty = sa.literal("", Key)
    columns: dict[str, sa.ColumnElement[Any]] = {
        **{name: total.c[name] for name in ("item_id", "sku", "group_name", "ambiguous", "up_to", "threshold", "margin")},
        **{name: total.c[name] for name in targets.STOCK_COLUMNS},
        "kind": sa.literal("sku"),
        "store_key": empty,
        "subject": total.c.sku,
        "location_id": empty,
        "cover_days": sa.literal(0),
        "scope": sa.literal("sku"),
        "rule_item": empty,
        "platform": empty,
        "item_store": total.c.store_key,
        "verdict": _verdict(total, None),
    }
    return sa.select(*(columns[name].label(name) for name in RESULT_COLUMNS))


class _CoverConditions:
    """Whether the stock is used up within the rule's cover days, in whole numbers only.

    Stock lasts `total / used × observed hours`. `too_short`: that is within the rule's days. `nearly`: it is longer, but not
    by the quarter that counts as recovered. Both are false without a rule, or with too little data.
    """

    def __init__(self, consumption: sa.FromClause, target: sa.Subquery, stores: Sequence[MonitoredStore]) -> None:
        hours = {each.key: int(each.observed_days * 24) for each in stores}
        # Most stores were observed for the same number of hours: only the others are written into the statement.
        usual = Counter(hours.values()).most_common(1)[0][0] if hours else 0
        unusual = {key: number for key, number in hours.items() if number != usual}
        observed = sa.case(unusual, value=target.c.store_key, else_=usual) if unusual else sa.literal(usual)
        known = sa.and_(target.c.cover_days > 0, consumption.c.events >= ENOUGH_EVENTS, observed >= ENOUGH_HOURS)
        lasts = target.c.total * observed
        needed = consumption.c.used * target.c.cover_days * 24
        numerator, denominator = _RECOVERED_COVER
        self.too_short = sa.and_(known, lasts <= needed)
        self.nearly = sa.and_(known, lasts * denominator <= needed * numerator)


def _verdict(target: sa.Subquery, cover: _CoverConditions | None) -> sa.ColumnElement[str]:
    """The first of these conditions that is true decides."""
    total, limit = target.c.total, target.c.threshold
    recovered = total > limit + target.c.margin
    cases: list[tuple[Any, Any]] = [
        (target.c.free > 0, "fine"),
        (sa.and_(target.c.unknown > 0, recovered), "fine"),
        (target.c.unknown > 0, "held"),
        (total.is_(None), "out"),
        (sa.and_(total < 0, target.c.oversell == 1), "backorder"),
        (total < 0, "oversold"),
        (total == 0, "out"),
        (total <= limit, "low"),
    ]
    if cover is not None:
        cases += [(cover.too_short, "runs_out"), (cover.nearly, "recovering")]
    return sa.case(*cases, (recovered, "fine"), else_="recovering")
