"""One evaluation held against the alerts that are open: what it finds wrong, and what it changes.

The comparison is set-based, in a temporary table: only rows that change something reach the program.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from inventory_pipeline.core.alerts import LEVELS, Kind, Level, Standing, Verdict
from inventory_pipeline.core.quantity import Number
from inventory_pipeline.core.thresholds import Scope
from inventory_pipeline.db.alerts.alerts import Subject
from inventory_pipeline.db.tables.alerts import LIVE, alerts
from inventory_pipeline.db.tables.evaluating import alert_findings as _table
from inventory_pipeline.db.tables.stock import stock_levels
from inventory_pipeline.db.types import from_millionths

ABOUT_STOCK: tuple[Kind, ...] = ("variant", "pool", "location", "sku")
_CHUNK = 1_000


class Finding(NamedTuple):
    """One subject that the evaluation changes. `standing` and `alert_id` are None where nothing is open about it."""

    kind: Kind
    group: str
    store_key: str
    subject: str
    location_id: str
    item_id: str
    platform: str
    sku: str | None
    title: str
    verdict: Verdict
    available: Number | None
    at_least: bool
    ambiguous: bool
    threshold: Number
    cover_days: int
    scope: Scope
    rule_item: str
    alert_id: int | None
    standing: Standing | None

    @property
    def about(self) -> Subject:
        return self.kind, self.store_key, self.subject, self.location_id, self.group


def changes(connection: sa.Connection, now: datetime) -> Iterator[Finding]:
    """The findings that the state machine must see, by store: new alarms, other levels, ended snoozes, recoveries."""
    alarm = _table.c.verdict.in_(sorted(LEVELS))
    woken = sa.and_(alerts.c.status == "snoozed", alerts.c.snoozed_until <= now)
    differs = sa.or_(
        alerts.c.id.is_(None),
        _table.c.verdict == "fine",
        sa.and_(alarm, sa.or_(_table.c.verdict != alerts.c.level, woken)),
        sa.and_(_table.c.verdict == "recovering", alerts.c.level.not_in(("low", "runs_out"))),
        sa.type_coerce(alerts.c.threshold, sa.BigInteger).is_distinct_from(_table.c.threshold),
    )
    rows = sa.select(_table, *_standing(), _line("sku").label("line_sku"), _line("title").label("line_title"))
    rows = rows.select_from(_table.outerjoin(alerts, alerts.c.id == _table.c.alert_id)).where(differs)
    ordered = rows.order_by(_table.c.store_key, _table.c.kind, _table.c.subject, _table.c.location_id, _table.c.group_name)
    for row in connection.execute(ordered.execution_options(yield_per=_CHUNK)):
        yield _finding(row)


def gone(connection: sa.Connection, stale: Sequence[str]) -> list[tuple[int, Standing]]:
    """Open alerts about stock that is no longer judged: delisted, its rule removed, its store inactive.

    Those of stale stores stay: nobody knows. To be asked before new alerts are opened, which the findings do not know.
    """
    found = sa.select(_table.c.alert_id).where(_table.c.alert_id.is_not(None))
    left = sa.select(alerts.c.id, *_standing()).where(LIVE, alerts.c.kind.in_(ABOUT_STOCK), alerts.c.id.not_in(found))
    rows = connection.execute(left.where(alerts.c.store_key.not_in(stale)).order_by(alerts.c.id))
    return [(number, Standing(*standing)) for number, *standing in rows]


def refresh_numbers(connection: sa.Connection) -> None:
    """Brings the numbers shown by open alerts to what was just found, without a word to anybody."""
    shown = sa.type_coerce(alerts.c.available, sa.BigInteger)
    fresh = sa.select(_table.c.total, (_table.c.unknown > 0).label("at_least"), _table.c.alert_id).subquery("fresh")
    moved = sa.or_(shown.is_distinct_from(fresh.c.total), alerts.c.at_least != fresh.c.at_least)
    update = alerts.update().where(alerts.c.id == fresh.c.alert_id, moved)
    connection.execute(update.values(available=sa.type_coerce(fresh.c.total, alerts.c.available.type), at_least=fresh.c.at_least))


def _standing() -> list[sa.ColumnElement[Any]]:
    return [alerts.c[name] for name in ("status", "level", "worst", "snoozed_until")]


def _line(column: str) -> sa.ScalarSelect[Any]:
    """What the line that stands for the subject says: looked up for the few rows that are fetched."""
    same = stock_levels.c.store_key == _table.c.item_store, stock_levels.c.item_id == _table.c.item_id
    return sa.select(stock_levels.c[column]).where(*same).order_by(stock_levels.c.location_id).limit(1).scalar_subquery()


def _finding(row: sa.Row[Any]) -> Finding:
    level: Level | None = row.level
    return Finding(
        kind=row.kind,
        group=row.group_name,
        store_key=row.store_key,
        subject=row.subject,
        location_id=row.location_id,
        item_id=row.item_id,
        platform=row.platform,
        sku=row.sku or row.line_sku,
        title=row.line_title or "",
        verdict=row.verdict,
        available=None if row.total is None else from_millionths(int(row.total)),
        at_least=row.unknown > 0,
        ambiguous=row.ambiguous > 0,
        threshold=from_millionths(row.threshold),
        cover_days=row.cover_days,
        scope=row.scope,
        rule_item=row.rule_item,
        alert_id=row.alert_id,
        standing=None if level is None else Standing(row.status, level, row.worst, row.snoozed_until),
    )
