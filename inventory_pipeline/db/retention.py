"""What may be forgotten: details for people. Snapshots, levels and their changes are history and stay."""

from datetime import datetime

import sqlalchemy as sa

from inventory_pipeline.db.alerts.outbox import HAS_ROUTE
from inventory_pipeline.db.tables.alerts import alerts, outbox
from inventory_pipeline.db.tables.stock import rejected_lines, snapshots
from inventory_pipeline.db.tables.stores import audit_log


def forget_rejected_lines(connection: sa.Connection, before: datetime) -> int:
    """Removes the ledger of unreadable lines of snapshots published before the instant; their counts stay."""
    old = sa.select(snapshots.c.id).where(snapshots.c.published_at < before)
    return connection.execute(rejected_lines.delete().where(rejected_lines.c.snapshot_id.in_(old))).rowcount


def forget_audit(connection: sa.Connection, before: datetime) -> int:
    """Removes audit entries from before the instant."""
    return connection.execute(audit_log.delete().where(audit_log.c.at < before)).rowcount


def forget_alerts(connection: sa.Connection, before: datetime) -> int:
    """Removes alerts resolved before the instant, and notices made before it that no longer wait for a route."""
    resolved = alerts.delete().where(alerts.c.status == "resolved", alerts.c.resolved_at < before)
    settled = outbox.delete().where(sa.or_(outbox.c.status != "pending", ~HAS_ROUTE), outbox.c.created_at < before)
    return sum(connection.execute(old).rowcount for old in (resolved, settled))
