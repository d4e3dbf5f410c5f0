"""The evaluation on request: what decides about one SKU (`thresholds explain`), and which lines are low (`stock --low`)."""

from collections.abc import Sequence, Set
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa

from inventory_pipeline.core.alerts import Verdict
from inventory_pipeline.core.quantity import Number
from inventory_pipeline.core.thresholds import Scope
from inventory_pipeline.db.alerts.candidate_lines import candidate_lines, levels_as_of, with_pool_members
from inventory_pipeline.db.alerts.evaluation import Evaluation, set_planner_options
from inventory_pipeline.db.alerts.monitored_stores import MonitoredStore, monitored_stores
from inventory_pipeline.db.tables.stock import stock_levels, trimmed
from inventory_pipeline.db.types import from_millionths

# The verdicts that `stock --low` lists.
_LOW = ("runs_out", "low", "backorder", "out", "oversold")


class EvaluatedTarget(NamedTuple):
    """One target with its stock, the rule that decides about it, and the verdict. For the fields see `targets`."""

    kind: str
    store_key: str
    group: str
    subject: str
    item_id: str
    item_store: str
    location_id: str
    available: Number | None
    at_least: bool
    up_to: Number | None
    ambiguous: bool
    threshold: Number
    margin: Number
    cover_days: int
    scope: Scope
    rule_item: str
    verdict: Verdict


def evaluated_targets(
    connection: sa.Connection, stores: Sequence[MonitoredStore], now: datetime, store_key: str, sku: str
) -> list[EvaluatedTarget]:
    """Every target that a SKU, or the variant with that id, of one store belongs to."""
    set_planner_options(connection)
    level = stock_levels
    asked = (
        sa.select(level.c.store_key, level.c.item_id)
        .where(level.c.store_key == store_key, sa.or_(trimmed(level.c.sku) == sku, level.c.item_id == sku))
        .distinct()
        .cte("asked")
    )
    group = next((store.store.group for store in stores if store.key == store_key), "")
    evaluation = Evaluation(connection, stores, now)
    parts = evaluation.line_targets(_lines(asked, level), _consumption(evaluation)) + evaluation.sku_targets(sku)
    found: list[EvaluatedTarget] = []
    for part in parts:
        target = part.subquery("target")
        # The lines of a pool are those of all its variants, of which only the asked ones' locations are wanted; the SKU
        # may have a total in other groups too.
        wanted = sa.or_(target.c.kind != "location", target.c.item_id.in_(sa.select(asked.c.item_id)))
        rows = connection.execute(sa.select(target).where(target.c.group_name == group, wanted))
        found += [_evaluated_target(row) for row in rows]
    return found


class LowLines(NamedTuple):
    """The lines that rules call low: all lines of variants by (store, item), and single ones by (store, item, location)."""

    variants: Set[tuple[str, str]]
    places: Set[tuple[str, str, str]]

    def holds(self, store_key: str, item_id: str, location_id: str) -> bool:
        return (store_key, item_id) in self.variants or (store_key, item_id, location_id) in self.places


def low_now(connection: sa.Connection, now: datetime, interval: timedelta) -> LowLines:
    """The lines that are low now; those of stale stores by their last numbers. `interval` is the sync schedule's."""
    stores = [replace(store, stale=False) for store in monitored_stores(connection, now, interval)]
    return _low_lines(connection, stores, now, stock_levels)


def low_then(connection: sa.Connection, at: datetime, interval: timedelta) -> LowLines:
    """The lines that were low at a past instant, by today's rules; those of stores that were stale then are left out."""
    stores = monitored_stores(connection, at, interval, past=True)
    return _low_lines(connection, stores, at, levels_as_of(stores))


def low_at(connection: sa.Connection, store: MonitoredStore, at: datetime) -> Set[str]:
    """The variants of one store that were low after its last snapshot in `store`, if only at one location; by today's rules."""
    low = _low_lines(connection, [replace(store, stale=False)], at, levels_as_of([store]))
    return {item for _, item in low.variants} | {item for _, item, _ in low.places}


def _low_lines(connection: sa.Connection, stores: Sequence[MonitoredStore], now: datetime, levels: sa.FromClause) -> LowLines:
    """SKU rules are left out: they are about a group's total and mark no single line."""
    set_planner_options(connection)
    evaluation = Evaluation(connection, stores, now, levels)
    consumption = _consumption(evaluation)
    lines = _lines(sa.union(*evaluation.candidate_variants(consumption)).cte("candidate_variants"), levels)
    variants: set[tuple[str, str]] = set()
    places: set[tuple[str, str, str]] = set()
    pools: set[tuple[str, str]] = set()
    for part in evaluation.line_targets(lines, consumption):
        target = part.subquery("target")
        columns = (target.c.kind, target.c.store_key, target.c.subject, target.c.location_id)
        for kind, store, subject, location in connection.execute(sa.select(*columns).where(target.c.verdict.in_(_LOW))):
            if kind == "location":
                places.add((store, subject, location))
            elif kind == "pool":
                pools.add((store, subject))
            else:
                variants.add((store, subject))
    if pools:
        members = sa.select(lines.c.store_key, lines.c.item_id, lines.c.pool).where(lines.c.pool.is_not(None))
        variants |= {(store, item) for store, item, pool in connection.execute(members) if (store, pool) in pools}
    return LowLines(variants, places)


def _consumption(evaluation: Evaluation) -> sa.CTE | None:
    return None if evaluation.consumption is None else evaluation.consumption.cte("consumption")


def _lines(variants: sa.CTE, levels: sa.FromClause) -> sa.CTE:
    return candidate_lines(with_pool_members(variants, levels).cte("candidates"), levels).cte("lines")


def _evaluated_target(row: sa.Row[Any]) -> EvaluatedTarget:
    return EvaluatedTarget(
        kind=row.kind,
        store_key=row.store_key,
        group=row.group_name,
        subject=row.subject,
        item_id=row.item_id,
        item_store=row.item_store,
        location_id=row.location_id,
        available=None if row.total is None else from_millionths(int(row.total)),
        at_least=row.unknown > 0,
        up_to=None if row.up_to is None else from_millionths(int(row.up_to)),
        ambiguous=row.ambiguous > 0,
        threshold=from_millionths(row.threshold),
        margin=from_millionths(row.margin),
        cover_days=row.cover_days,
        scope=row.scope,
        rule_item=row.rule_item or "",
        verdict=row.verdict,
    )
