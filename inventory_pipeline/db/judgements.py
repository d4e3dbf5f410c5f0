"""The resolver's word on single subjects: for `thresholds explain` and `stock --low`."""

from collections.abc import Sequence, Set
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from inventory_pipeline.core.alerts import Verdict
from inventory_pipeline.core.quantity import Number
from inventory_pipeline.core.thresholds import Scope
from inventory_pipeline.db.alert_stores import AlertStore
from inventory_pipeline.db.evaluation import evaluation, planner_hints
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
    mine = sa.select(level.c.item_id, level.c.shared_pool).where(level.c.store_key == store_key, named)
    items = connection.execute(mine.distinct()).all()
    ids = sorted({row.item_id for row in items})
    pools = sorted({row.shared_pool for row in items if row.shared_pool is not None})
    group = next((store.store.group for store in stores if store.key == store_key), "")
    found: list[Judgement] = []
    for part in evaluation(connection, stores, now):
        it = part.subquery("judged")
        own = sa.and_(it.c.store_key == store_key, sa.or_(it.c.item_id.in_(ids), it.c.subject.in_(pools)))
        total = sa.and_(it.c.kind == "sku", it.c.group_name == group, it.c.subject == sku)
        found += [_judgement(row) for row in connection.execute(sa.select(it).where(sa.or_(own, total)))]
    return found


class LowLines(NamedTuple):
    """What the rules call low: whole variants by (store, item), and single places by (store, item, location)."""

    variants: Set[tuple[str, str]]
    places: Set[tuple[str, str, str]]

    def holds(self, store_key: str, item_id: str, location_id: str) -> bool:
        return (store_key, item_id) in self.variants or (store_key, item_id, location_id) in self.places


def low_lines(connection: sa.Connection, stores: Sequence[AlertStore], now: datetime) -> LowLines:
    """The lines of the stores that a rule calls low now, stale stores by their last numbers.

    SKU rules are about a group's total and mark no single line.
    """
    planner_hints(connection)
    believed = [replace(store, stale=False) for store in stores]
    variants: set[tuple[str, str]] = set()
    places: set[tuple[str, str, str]] = set()
    for part in evaluation(connection, believed, now):
        it = part.subquery("judged")
        rows = sa.select(it.c.kind, it.c.store_key, it.c.subject, it.c.item_id, it.c.location_id)
        for kind, store, subject, item, location in connection.execute(rows.where(it.c.verdict.in_(_LOW), it.c.kind != "sku")):
            if kind == "location":
                places.add((store, item, location))
            elif kind == "variant":
                variants.add((store, item))
            else:
                variants.update((store, member) for member in _drawing_on(connection, store, subject))
    return LowLines(variants, places)


def _drawing_on(connection: sa.Connection, store_key: str, pool: str) -> list[str]:
    mine = stock_levels.c.store_key == store_key, stock_levels.c.shared_pool == pool
    return list(connection.scalars(sa.select(stock_levels.c.item_id).where(*mine).distinct()))


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
        threshold=from_millionths(row.threshold),
        margin=from_millionths(row.margin),
        cover_days=row.cover_days,
        scope=row.scope,
        rule_item=row.rule_item or "",
        verdict=row.verdict,
    )
