"""One evaluation compared with the unresolved alerts: which targets the state machine must see, and which are gone.

The comparison is set-based, in temporary tables: only rows that change something reach the program.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from inventory_pipeline.core.alerts import LEVELS, AlertState, Kind, Verdict
from inventory_pipeline.core.quantity import Number
from inventory_pipeline.core.thresholds import Scope
from inventory_pipeline.db.alerts.candidate_lines import candidate_lines, with_pool_members
from inventory_pipeline.db.alerts.evaluation import Evaluation, set_planner_options
from inventory_pipeline.db.alerts.monitored_stores import MonitoredStore
from inventory_pipeline.db.alerts.records import IDENTITY, AlertIdentity
from inventory_pipeline.db.tables.alerts import UNRESOLVED, alerts
from inventory_pipeline.db.tables.evaluation import alert_candidates, alert_comparison, alert_consumption, alert_lines
from inventory_pipeline.db.tables.stock import stock_levels
from inventory_pipeline.db.types import from_millionths

STOCK_KINDS: tuple[Kind, ...] = ("variant", "pool", "location", "sku")

_table = alert_comparison
_EVALUATED_COLUMNS = [column.name for column in alert_comparison.columns if column.name != "alert_id"]
_ROWS_AT_ONCE = 1_000


class ChangedTarget(NamedTuple):
    """One target that the state machine must see. `alert_id` and `state` are None where it has no unresolved alert."""

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
    up_to: Number | None
    ambiguous: bool
    threshold: Number
    margin: Number
    cover_days: int
    scope: Scope
    rule_item: str
    alert_id: int | None
    state: AlertState | None

    @property
    def alert_identity(self) -> AlertIdentity:
        return self.kind, self.store_key, self.subject, self.location_id, self.group


def compare(connection: sa.Connection, stores: Sequence[MonitoredStore], now: datetime) -> None:
    """Fills `alert_comparison` with every target that is in alarm or has an unresolved alert.

    Needs a transaction that may write.

    1. The temporary tables are made anew.
    2. `alert_consumption`: what each variant used up, where a rule asks.
    3. `alert_candidates`: the variants that can be in alarm, those with an unresolved alert, and the members of their pools.
    4. `alert_lines`: their lines.
    5. `alert_comparison`: the evaluated targets of these lines, and the evaluated SKUs, each beside its alert.
    """
    for table in (alert_consumption, alert_candidates, alert_lines, alert_comparison):
        table.drop(connection, checkfirst=True)
        table.create(connection)
    set_planner_options(connection)
    evaluation = Evaluation(connection, stores, now)
    consumption = None
    if evaluation.consumption is not None:
        consumption = alert_consumption
        _fill(connection, alert_consumption, evaluation.consumption)
    variants = sa.union(*evaluation.candidate_variants(consumption), *_variants_with_alerts()).cte("variants")
    _fill(connection, alert_candidates, with_pool_members(variants, stock_levels))
    _fill(connection, alert_lines, candidate_lines(alert_candidates, stock_levels))
    for part in (*evaluation.line_targets(alert_lines, consumption), *evaluation.sku_targets()):
        target = part.subquery("target")
        its_alert = sa.and_(*(alerts.c[name] == target.c[name] for name in IDENTITY), UNRESOLVED)
        columns = (target.c[name] for name in _EVALUATED_COLUMNS)
        rows = sa.select(*columns, alerts.c.id).select_from(target.outerjoin(alerts, its_alert))
        rows = rows.where(sa.or_(target.c.verdict.in_(sorted(LEVELS)), alerts.c.id.is_not(None)))
        connection.execute(alert_comparison.insert().from_select([*_EVALUATED_COLUMNS, "alert_id"], rows))
    _analyze(connection, alert_comparison)


def changed_targets(connection: sa.Connection, now: datetime) -> Iterator[ChangedTarget]:
    """The targets that need a transition: a new alarm, another level, an ended snooze, a recovery, another threshold.

    Ordered by store, kind, subject, location and group; streamed.
    """
    alarm = _table.c.verdict.in_(sorted(LEVELS))
    snooze_ended = sa.and_(alerts.c.status == "snoozed", alerts.c.snoozed_until <= now)
    changed = sa.or_(
        alerts.c.id.is_(None),
        _table.c.verdict == "fine",
        sa.and_(alarm, sa.or_(_table.c.verdict != alerts.c.level, snooze_ended)),
        sa.and_(_table.c.verdict == "recovering", alerts.c.level.not_in(("low", "runs_out"))),
        sa.type_coerce(alerts.c.threshold, sa.BigInteger).is_distinct_from(_table.c.threshold),
    )
    state = (alerts.c.status, alerts.c.level, alerts.c.worst, alerts.c.snoozed_until)
    rows = sa.select(_table, *state, _from_line("sku").label("line_sku"), _from_line("title").label("line_title"))
    rows = rows.select_from(_table.outerjoin(alerts, alerts.c.id == _table.c.alert_id)).where(changed)
    order = (_table.c.store_key, _table.c.kind, _table.c.subject, _table.c.location_id, _table.c.group_name)
    for row in connection.execute(rows.order_by(*order).execution_options(yield_per=_ROWS_AT_ONCE)):
        yield _changed_target(row)


def alerts_without_target(connection: sa.Connection, stale: Sequence[str]) -> list[tuple[int, AlertState]]:
    """Unresolved alerts about stock that is no longer evaluated: line deleted or drafted, rule removed, store inactive.

    Alerts of the `stale` stores are left out: nobody knows their stock. Call it before new alerts are opened, since
    `alert_comparison` does not hold their ids.
    """
    with_target = sa.select(_table.c.alert_id).where(_table.c.alert_id.is_not(None))
    rows = (
        sa.select(alerts.c.id, alerts.c.status, alerts.c.level, alerts.c.worst, alerts.c.snoozed_until)
        .where(UNRESOLVED, alerts.c.kind.in_(STOCK_KINDS), alerts.c.id.not_in(with_target))
        .where(alerts.c.store_key.not_in(stale))
        .order_by(alerts.c.id)
    )
    return [(alert_id, AlertState(*state)) for alert_id, *state in connection.execute(rows)]


def update_quantities(connection: sa.Connection) -> None:
    """Sets the figures of unresolved alerts to what was just evaluated, `was` while the rule holds; no notice tells of it."""
    held = _table.c.verdict.in_(sorted(LEVELS))
    marks = ((_table.c.unknown > 0).label("at_least"), (_table.c.ambiguous > 0).label("ambiguous"))
    columns = (_table.c.total, _table.c.up_to, *marks, _table.c.margin, held.label("held"))
    current = sa.select(*columns, _table.c.alert_id).subquery("current")
    names = ("available", "up_to", "margin", "was")
    available, up_to, margin, was = (sa.type_coerce(alerts.c[name], sa.BigInteger) for name in names)
    last = sa.case((current.c.held, current.c.total), else_=was)
    moved = sa.or_(
        available.is_distinct_from(current.c.total),
        up_to.is_distinct_from(current.c.up_to),
        alerts.c.at_least != current.c.at_least,
        alerts.c.ambiguous != current.c.ambiguous,
        margin.is_distinct_from(current.c.margin),
        was.is_distinct_from(last),
    )
    update = alerts.update().where(alerts.c.id == current.c.alert_id, moved)
    figures = {"available": current.c.total, "up_to": current.c.up_to, "margin": current.c.margin, "was": last}
    exact = {name: sa.type_coerce(value, alerts.c[name].type) for name, value in figures.items()}
    connection.execute(update.values(at_least=current.c.at_least, ambiguous=current.c.ambiguous, **exact))


def _fill(connection: sa.Connection, table: sa.Table, rows: sa.Select | sa.CompoundSelect) -> None:
    connection.execute(table.insert().from_select(table.columns.keys(), rows))
    _analyze(connection, table)


def _analyze(connection: sa.Connection, table: sa.Table) -> None:
    """PostgreSQL's autovacuum does not analyze temporary tables."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text(f"ANALYZE {table.name}"))


def _variants_with_alerts() -> list[sa.Select]:
    """The variants that unresolved alerts are about.

    For a pool these are its variants of now: the variant that stood for it when the alert opened may be gone.
    """
    single = sa.select(alerts.c.store_key, alerts.c.item_id).where(UNRESOLVED, alerts.c.kind.in_(("variant", "location")))
    line = stock_levels.c
    has_alert = sa.exists().where(
        UNRESOLVED, alerts.c.kind == "pool", alerts.c.store_key == line.store_key, alerts.c.subject == line.shared_pool
    )
    pooled = sa.select(line.store_key, line.item_id).where(line.shared_pool.is_not(None), has_alert)
    return [single, pooled]


def _from_line(column: str) -> sa.ScalarSelect[Any]:
    """A column of the first line of the variant that stands for the target: looked up for the few rows that are fetched."""
    same = stock_levels.c.store_key == _table.c.item_store, stock_levels.c.item_id == _table.c.item_id
    return sa.select(stock_levels.c[column]).where(*same).order_by(stock_levels.c.location_id).limit(1).scalar_subquery()


def _changed_target(row: sa.Row[Any]) -> ChangedTarget:
    return ChangedTarget(
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
        up_to=None if row.up_to is None else from_millionths(int(row.up_to)),
        ambiguous=row.ambiguous > 0,
        threshold=from_millionths(row.threshold),
        margin=from_millionths(row.margin),
        cover_days=row.cover_days,
        scope=row.scope,
        rule_item=row.rule_item,
        alert_id=row.alert_id,
        state=None if row.level is None else AlertState(row.status, row.level, row.worst, row.snoozed_until),
    )
