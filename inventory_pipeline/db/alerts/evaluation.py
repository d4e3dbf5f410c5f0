"""Thresholds × current levels, in the database: of every subject, whether its stock is low.

The one resolver behind alerts, `stock --low` and reports. Nothing is fetched but what is asked for: a million levels
stay in the database.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from inventory_pipeline.db.alerts import subjects
from inventory_pipeline.db.alerts.alert_stores import AlertStore, as_table, default_rule
from inventory_pipeline.db.alerts.asked_lines import low_lines, with_own_rule
from inventory_pipeline.db.alerts.consumption import decreases
from inventory_pipeline.db.alerts.sku_totals import group_totals
from inventory_pipeline.db.alerts.subjects import COLUMNS, Stores
from inventory_pipeline.db.tables.alerts import thresholds
from inventory_pipeline.db.tables.stock import stock_levels
from inventory_pipeline.db.types import Key

# Fewer figures than these are too little to say how quickly stock is used up.
ENOUGH_HOURS, ENOUGH_EVENTS = 72, 3
# Cover must be a quarter longer than the rule's before it counts as recovered: it moves with every sale.
_COVER_BAND = 4, 5

# Columns of the evaluation, in order.
# `item_store` is where `item_id`, which stands for the subject, is to be found.
FOUND = (*COLUMNS, "item_store", "ambiguous", "sku", "verdict")


class Evaluation:
    """One evaluation of the stores' stock by the rules of now.

    `levels` are `stock_levels`, or what they were at `now`, see `levels_as_of`. The statements yield one row per subject,
    with columns FOUND; `verdict` is core.alerts.Verdict, except "gone". Stock of stale stores is not judged: their subjects
    are left out, and in a SKU's total their lines are unknown.
    """

    def __init__(
        self, connection: sa.Connection, found: Sequence[AlertStore], now: datetime, levels: sa.FromClause = stock_levels
    ) -> None:
        covered = sa.func.max(sa.case((thresholds.c.cover_days.is_not(None), 1), else_=0))
        told = sa.select(thresholds.c.scope, covered).group_by(thresholds.c.scope)
        # Which kinds of rules exist, and which of them look at days of cover: what nobody uses costs nothing.
        self._covered = {row.scope: bool(row[1]) for row in connection.execute(told)}
        self._found, self._levels = found, levels
        self._stores = Stores(found, default_rule(connection))
        cover = any(self._covered.values()) or any(each.rule.cover_days for each in found)
        #: What was used up, where a rule asks; a relation like this is handed in below. It is needed more than once.
        self.consumption = decreases(now) if cover else None

    def suspects(self, used: sa.FromClause | None) -> list[sa.Select]:
        """The only variants that can be in alarm, each perhaps several times; columns `store_key`, `item_id`."""
        arms = [low_lines(self._stores, self._levels), with_own_rule()]
        if used is not None:
            covered = [each.key for each in self._found if each.rule.cover_days]
            sold = sa.select(used.c.store_key, used.c.item_id).where(used.c.events >= ENOUGH_EVENTS)
            arms.append(sold.where(used.c.store_key.in_(covered)))
        return arms

    def of(self, lines: sa.FromClause, used: sa.FromClause | None) -> list[sa.Select]:
        """The subjects that these lines (of `asked_lines.lines_of`) make up.

        One statement per kind of subject, which plans better than their union.
        """
        parts = [subjects.variants(self._stores, lines), subjects.pools(self._stores, lines)]
        if "location" in self._covered:
            parts.append(subjects.locations(self._stores, lines))
        return [_judged(part.subquery("subject"), self._found, used) for part in parts]

    def of_skus(self, sku: str | None = None) -> list[sa.Select]:
        """The totals that SKU rules look at, or those of one SKU."""
        return [_skus(as_table(self._found), sku)] if "sku" in self._covered else []


def planner_hints(connection: sa.Connection) -> None:
    """For the rest of the transaction. PostgreSQL takes a million sums for a few rows, and would look each up in turn."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("SET LOCAL enable_nestloop = off"))
        connection.execute(sa.text("SET LOCAL work_mem = '64MB'"))


def _judged(subject: sa.Subquery, found: Sequence[AlertStore], used: sa.FromClause | None) -> sa.Select:
    source: sa.FromClause = subject
    cover: _Cover | None = None
    if used is not None:
        same = sa.and_(used.c.store_key == subject.c.store_key, used.c.item_id == subject.c.item_id)
        source = source.outerjoin(used, sa.and_(same, subject.c.cover_days > 0))
        cover = _Cover(used, subject, found)
    beside = {
        "item_store": subject.c.store_key,
        "ambiguous": sa.literal(0),
        "sku": sa.null(),
        "verdict": _verdict(subject, cover),
    }
    columns = (beside[name].label(name) if name in beside else subject.c[name] for name in FOUND)
    return sa.select(*columns).select_from(source)


def _skus(stores: sa.CTE, sku: str | None) -> sa.Select:
    """SKU rules stand beside all others. Their alert belongs to the group, and to no store."""
    total = group_totals(stores, sku).subquery("totals")
    nothing = sa.literal("", Key)
    beside: dict[str, sa.ColumnElement[Any]] = {
        "kind": sa.literal("sku"),
        "store_key": nothing,
        "subject": total.c.sku,
        "location_id": nothing,
        "cover_days": sa.literal(0),
        "scope": sa.literal("sku"),
        "rule_item": nothing,
        "platform": nothing,
        "item_store": total.c.store_key,
        "verdict": _verdict(total, None),
    }
    return sa.select(*(beside[name].label(name) if name in beside else total.c[name] for name in FOUND))


class _Cover:
    """Whether the stock will be used up within the rule's days, in whole numbers only."""

    def __init__(self, used: sa.FromClause, subject: sa.Subquery, found: Sequence[AlertStore]) -> None:
        hours = {each.key: int(each.observed_days * 24) for each in found}
        usual = Counter(hours.values()).most_common(1)[0][0] if hours else 0
        unusual = {key: number for key, number in hours.items() if number != usual}
        observed = sa.case(unusual, value=subject.c.store_key, else_=usual) if unusual else sa.literal(usual)
        known = sa.and_(subject.c.cover_days > 0, used.c.events >= ENOUGH_EVENTS, observed >= ENOUGH_HOURS)
        lasts = subject.c.total * observed
        within = used.c.used * subject.c.cover_days * 24
        more, less = _COVER_BAND[1], _COVER_BAND[0]
        self.too_short = sa.and_(known, lasts <= within)
        self.nearly = sa.and_(known, lasts * less <= within * more)


def _verdict(subject: sa.Subquery, cover: _Cover | None) -> sa.ColumnElement[str]:
    total, limit = subject.c.total, subject.c.threshold
    recovered = total > limit + subject.c.margin
    cases: list[tuple[Any, Any]] = [
        (subject.c.free > 0, "fine"),
        (sa.and_(subject.c.unknown > 0, recovered), "fine"),
        (subject.c.unknown > 0, "held"),
        (total.is_(None), "out"),
        (sa.and_(total < 0, subject.c.oversell == 1), "backorder"),
        (total < 0, "oversold"),
        (total == 0, "out"),
        (total <= limit, "low"),
    ]
    if cover is not None:
        cases += [(cover.too_short, "runs_out"), (cover.nearly, "recovering")]
    return sa.case(*cases, (recovered, "fine"), else_="recovering")
