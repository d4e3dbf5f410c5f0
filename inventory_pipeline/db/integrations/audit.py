"""Who changed what, and when. Append-only."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from inventory_pipeline.db.tables.stores import audit_log as _table


class AuditEntry(NamedTuple):
    at: datetime
    actor: str
    action: str
    subject: str
    detail: str


def record(connection: sa.Connection, at: datetime, actor: str, action: str, subject: str, detail: str = "") -> None:
    """Appends one entry. `detail` must hold no secret: names and references only."""
    record_all(connection, at, actor, action, [(subject, detail)])


def record_all(connection: sa.Connection, at: datetime, actor: str, action: str, entries: Sequence[tuple[str, str]]) -> None:
    """Appends the same action for each subject and its detail."""
    rows = [{"at": at, "actor": actor, "action": action, "subject": subject, "detail": detail} for subject, detail in entries]
    if rows:
        connection.execute(_table.insert(), rows)


def list_audit(
    connection: sa.Connection, limit: int = 100, *, offset: int = 0, subjects: Sequence[str] | None = None
) -> list[AuditEntry]:
    """Newest first, of these subjects where given; the first `offset` are left out."""
    columns = (_table.c.at, _table.c.actor, _table.c.action, _table.c.subject, _table.c.detail)
    rows = sa.select(*columns).order_by(_table.c.id.desc()).limit(limit).offset(offset)
    if subjects is not None:
        rows = rows.where(_table.c.subject.in_(subjects))
    return [AuditEntry(*row) for row in connection.execute(rows)]
