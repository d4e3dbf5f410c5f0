"""Rows of threshold rules."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from inventory_pipeline.core.thresholds import SCOPES, Threshold
from inventory_pipeline.db.tables.alerts import thresholds as _table

_IDENTITY = ("scope", "store_key", "item_id", "location_id", "group_name", "sku")


def put_thresholds(connection: sa.Connection, rules: Iterable[Threshold], now: datetime) -> None:
    """Stores the rules; a rule about the same thing is replaced."""
    # By the thousand in one statement: a price list's worth of rules must not keep syncs waiting.
    rows = [
        {**_identity(rule), "threshold": rule.threshold, "margin": rule.margin, "cover_days": rule.cover_days, "changed_at": now}
        for rule in rules
    ]
    if rows:
        same = (_table.c[name] == sa.bindparam(f"old_{name}") for name in _IDENTITY)
        connection.execute(_table.delete().where(*same), [{f"old_{name}": row[name] for name in _IDENTITY} for row in rows])
        connection.execute(_table.insert(), rows)


def remove_threshold(connection: sa.Connection, rule: Threshold) -> bool:
    """Removes the rule about the same thing; False where there is none."""
    return connection.execute(_table.delete().where(*_same(rule))).rowcount == 1


def list_thresholds(connection: sa.Connection, store_key: str | None = None) -> list[Threshold]:
    """All rules, or one store's own; most specific scopes first."""
    order = sa.case({scope: number for number, scope in enumerate(SCOPES)}, value=_table.c.scope)
    rows = sa.select(_table).order_by(order, *(_table.c[name] for name in _IDENTITY[1:]))
    if store_key is not None:
        rows = rows.where(_table.c.store_key == store_key)
    return [threshold_of(row) for row in connection.execute(rows)]


def threshold_of(row: sa.Row[Any]) -> Threshold:
    return Threshold(
        scope=row.scope,
        threshold=row.threshold,
        margin=row.margin,
        cover_days=row.cover_days,
        store_key=row.store_key,
        item_id=row.item_id,
        location_id=row.location_id,
        group=row.group_name,
        sku=row.sku,
    )


def _same(rule: Threshold) -> list[sa.ColumnElement[bool]]:
    return [_table.c[name] == value for name, value in _identity(rule).items()]


def _identity(rule: Threshold) -> dict[str, str]:
    values = (rule.scope, rule.store_key, rule.item_id, rule.location_id, rule.group, rule.sku)
    return dict(zip(_IDENTITY, values, strict=True))
