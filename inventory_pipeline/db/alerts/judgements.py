"""The resolver's word on single subjects: for `thresholds explain` and `stock --low`."""

from collections.abc import Sequence, Set
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa

from inventory_pipeline.core.alerts import Verdict
from inventory_pipeline.core.quantity import Number
from inventory_pipeline.core.thresholds import Scope
from inventory_pipeline.db.alerts.alert_stores import AlertStore, alert_stores
from inventory_pipeline.db.alerts.asked_lines import levels_as_of, lines_of, whole_subjects
from inventory_pipeline.db.alerts.evaluation import Evaluation, planner_hints
from inventory_pipeline.db.tables.stock import stock_levels, trimmed
from inventory_pipeline.db.types import from_millionths

# Verdicts on stock that a person wants to see who asks for what is low.
_LOW = ("runs_out", "low", "backorder", "out", "oversold")


class Judgement(NamedTuple):
    """One subject, its rule and its verdict."""

    kind: str
    store_key: str
    group: str
    subject: str
    item_id: str
    item_store: str
    location_id: str
    available: Number | None
    at_least: bool
    ambiguous: bool
    threshold: Number
    margin: Number
    cover_days: int
    scope: Scope
    rule_item: str
    verdict: Verdict


def judgements(
    connection: sa.Connection, stores: Sequence[AlertStore], now: datetime, store_key: str, sku: str
) -> list[Judgement]:
    """Every subject that a SKU or variant id of a store belongs to."""
    planner_hints(connection)
    level = stock_levels
    named = sa.or_(trimmed(level.c.sku) == sku, level.c.item_id == sku)
    mine = sa.select(level.c.store_key, level.c.item_id).where(level.c.store_key == store_key, named).distinct().cte("mine")
    group = next((store.store.group for store in stores if store.key == store_key), "")
    evaluation = Evaluation(connection, stores, now)
    found: list[Judgement] = []
    for part in (*evaluation.of(_lines(mine, level), _used(evaluation)), *evaluation.of_skus(sku)):
        it = part.subquery("judged")
        # A pool comes with the lines of all its variants, and a SKU with a total in every group.
        asked = sa.or_(it.c.kind != "location", it.c.item_id.in_(sa.select(mine.c.item_id)))
        found += [_judgement(row) for row in connection.execute(sa.select(it).where(it.c.group_name == group, asked))]
    return found


class LowLines(NamedTuple):
    """What the rules call low: whole variants by (store, item), and single places by (store, item, location)."""

    variants: Set[tuple[str, str]]
    places: Set[tuple[str, str, str]]

    def holds(self, store_key: str, item_id: str, location_id: str) -> bool:
        return (store_key, item_id) in self.variants or (store_key, item_id, location_id) in self.places


def low_now(connection: sa.Connection, now: datetime, interval: timedelta) -> LowLines:
    """The lines that the rules call low, stale stores by their last numbers. `interval` is the sync schedule's."""
    stores = [replace(store, stale=False) for store in alert_stores(connection, now, interval)]
    return _low_lines(connection, stores, now, stock_levels)


def low_then(connection: sa.Connection, at: datetime, interval: timedelta) -> LowLines:
    """The lines that the rules of today would have called low at a past instant, unknown stock left out."""
    stores = alert_stores(connection, at, interval, past=True)
    return _low_lines(connection, stores, at, levels_as_of(stores))


def _low_lines(connection: sa.Connection, stores: Sequence[AlertStore], now: datetime, levels: sa.FromClause) -> LowLines:
    """SKU rules are about a group's total and mark no single line."""
    planner_hints(connection)
    evaluation = Evaluation(connection, stores, now, levels)
    used = _used(evaluation)
    lines = _lines(sa.union(*evaluation.suspects(used)).cte("suspects"), levels)
    variants: set[tuple[str, str]] = set()
    places: set[tuple[str, str, str]] = set()
    pools: set[tuple[str, str]] = set()
    for part in evaluation.of(lines, used):
        it = part.subquery("judged")
        rows = sa.select(it.c.kind, it.c.store_key, it.c.subject, it.c.location_id).where(it.c.verdict.in_(_LOW))
        for kind, store, subject, location in connection.execute(rows):
            if kind == "location":
                places.add((store, subject, location))
            else:
                (variants if kind == "variant" else pools).add((store, subject))
    if pools:
        drawing = sa.select(lines.c.store_key, lines.c.item_id, lines.c.subject).where(lines.c.subject.is_not(None))
        variants |= {(store, item) for store, item, pool in connection.execute(drawing) if (store, pool) in pools}
    return LowLines(variants, places)


def _used(evaluation: Evaluation) -> sa.CTE | None:
    return None if evaluation.consumption is None else evaluation.consumption.cte("consumption")


def _lines(variants: sa.CTE, levels: sa.FromClause) -> sa.CTE:
    return lines_of(whole_subjects(variants, levels).cte("asked"), levels).cte("lines")


def _judgement(row: sa.Row[Any]) -> Judgement:
    return Judgement(
        kind=row.kind,
        store_key=row.store_key,
        group=row.group_name,
        subject=row.subject,
        item_id=row.item_id,
        item_store=row.item_store,
        location_id=row.location_id,
        available=None if row.total is None else from_millionths(int(row.total)),
        at_least=row.unknown > 0,
        ambiguous=row.ambiguous > 0,
        threshold=from_millionths(row.threshold),
        margin=from_millionths(row.margin),
        cover_days=row.cover_days,
        scope=row.scope,
        rule_item=row.rule_item or "",
        verdict=row.verdict,
    )
