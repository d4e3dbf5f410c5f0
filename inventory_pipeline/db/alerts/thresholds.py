"""Rows of threshold rules."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from inventory_pipeline.core.thresholds import BUILT_IN, SCOPES, Threshold
from inventory_pipeline.db.tables.alerts import thresholds as _table

IDENTITY = ("scope", "store_key", "item_id", "location_id", "group_name", "sku")


def put_thresholds(connection: sa.Connection, rules: Iterable[Threshold], now: datetime) -> None:
    """Stores the rules. Each replaces the rule with the same identity, if there is one."""
    # One statement for all rules: thousands of single ones would keep syncs waiting for the write lock.
    rows = [
        {**_identity(rule), "threshold": rule.threshold, "margin": rule.margin, "cover_days": rule.cover_days, "changed_at": now}
        for rule in rules
    ]
    if rows:
        same = (_table.c[name] == sa.bindparam(f"old_{name}") for name in IDENTITY)
        connection.execute(_table.delete().where(*same), [{f"old_{name}": row[name] for name in IDENTITY} for row in rows])
        connection.execute(_table.insert(), rows)


def remove_threshold(connection: sa.Connection, rule: Threshold) -> bool:
    """Removes the rule with the same identity; False where there is none."""
    same = (_table.c[name] == value for name, value in _identity(rule).items())
    return connection.execute(_table.delete().where(*same)).rowcount == 1


def list_thresholds(connection: sa.Connection, store_key: str | None = None) -> list[Threshold]:
    """All rules, or those of one store; the most specific scopes first, then by identity."""
    scope_order = sa.case({scope: number for number, scope in enumerate(SCOPES)}, value=_table.c.scope)
    identity = (_table.c[name] for name in IDENTITY)
    rows = sa.select(_table).order_by(scope_order, *identity)
    if store_key is not None:
        rows = rows.where(_table.c.store_key == store_key)
    return [_threshold(row) for row in connection.execute(rows)]


def store_rules(connection: sa.Connection) -> dict[str, Threshold]:
    """The rules with scope `store`, by store key."""
    rows = connection.execute(sa.select(_table).where(_table.c.scope == "store"))
    return {row.store_key: _threshold(row) for row in rows}


def default_rule(connection: sa.Connection) -> Threshold:
    """The rule that applies where no more specific one does: the global rule, or the built-in one."""
    row = connection.execute(sa.select(_table).where(_table.c.scope == "global")).first()
    return BUILT_IN if row is None else _threshold(row)


def _threshold(row: sa.Row[Any]) -> Threshold:
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


def identity_of(rule: Threshold) -> tuple[str, ...]:
    """The values of IDENTITY."""
    return rule.scope, rule.store_key, rule.item_id, rule.location_id, rule.group, rule.sku


def _identity(rule: Threshold) -> dict[str, str]:
    return dict(zip(IDENTITY, identity_of(rule), strict=True))
