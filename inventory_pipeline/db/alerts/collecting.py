"""One evaluation put beside the alerts that are open, in temporary tables: a million levels stay in the database."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from inventory_pipeline.core.alerts import LEVELS
from inventory_pipeline.db.alerts.alert_stores import AlertStore
from inventory_pipeline.db.alerts.alerts import SUBJECT
from inventory_pipeline.db.alerts.asked_lines import lines_of, whole_subjects
from inventory_pipeline.db.alerts.evaluation import Evaluation, planner_hints
from inventory_pipeline.db.tables.alerts import LIVE, alerts
from inventory_pipeline.db.tables.evaluating import alert_asked, alert_consumption, alert_findings, alert_lines
from inventory_pipeline.db.tables.stock import stock_levels

_KEPT = [column.name for column in alert_findings.columns if column.name != "alert_id"]


def collect(connection: sa.Connection, stores: Sequence[AlertStore], now: datetime) -> None:
    """Evaluates, and keeps every subject that is in alarm or has an alert. Needs a transaction that may write."""
    for table in (alert_consumption, alert_asked, alert_lines, alert_findings):
        table.drop(connection, checkfirst=True)
        table.create(connection)
    planner_hints(connection)
    evaluation = Evaluation(connection, stores, now)
    used = None
    if evaluation.consumption is not None:
        _fill(connection, used := alert_consumption, evaluation.consumption)
    variants = sa.union(*evaluation.suspects(used), *_with_alert()).cte("variants")
    _fill(connection, alert_asked, whole_subjects(variants, stock_levels))
    _fill(connection, alert_lines, lines_of(alert_asked, stock_levels))
    for part in (*evaluation.of(alert_lines, used), *evaluation.of_skus()):
        found = part.subquery("found")
        same = sa.and_(*(alerts.c[name] == found.c[name] for name in SUBJECT), LIVE)
        kept = sa.select(*(found.c[name] for name in _KEPT), alerts.c.id).select_from(found.outerjoin(alerts, same))
        wanted = sa.or_(found.c.verdict.in_(sorted(LEVELS)), alerts.c.id.is_not(None))
        connection.execute(alert_findings.insert().from_select([*_KEPT, "alert_id"], kept.where(wanted)))
    _analyze(connection, alert_findings)


def _fill(connection: sa.Connection, table: sa.Table, rows: sa.Select | sa.CompoundSelect) -> None:
    connection.execute(table.insert().from_select(table.columns.keys(), rows))
    _analyze(connection, table)


def _with_alert() -> list[sa.Select]:
    """Variants that an open alert is about. One about a pool may have lost the variant that stood for it."""
    single = sa.select(alerts.c.store_key, alerts.c.item_id).where(LIVE, alerts.c.kind.in_(("variant", "location")))
    line = stock_levels.c
    about = sa.exists().where(
        LIVE, alerts.c.kind == "pool", alerts.c.store_key == line.store_key, alerts.c.subject == line.shared_pool
    )
    return [single, sa.select(line.store_key, line.item_id).where(line.shared_pool.is_not(None), about)]


def _analyze(connection: sa.Connection, table: sa.Table) -> None:
    """Nobody else tells PostgreSQL what is in a temporary table."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text(f"ANALYZE {table.name}"))
