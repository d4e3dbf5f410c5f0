"""Many threshold rules at once: loaded into a temporary table, then put in place in one short transaction.

Memory does not grow with their number, and syncs wait for the write lock only at the end.
"""

from collections.abc import Sequence
from datetime import datetime
from types import TracebackType
from typing import NamedTuple, Self

import sqlalchemy as sa

from inventory_pipeline.core.thresholds import Threshold
from inventory_pipeline.db.alerts.thresholds import IDENTITY, identity_of
from inventory_pipeline.db.database import Database
from inventory_pipeline.db.engine import load_temporary, upsert
from inventory_pipeline.db.interruptible import InterruptibleConnection
from inventory_pipeline.db.tables.alerts import thresholds as _rules
from inventory_pipeline.db.tables.stores import audit_log
from inventory_pipeline.db.types import Key, to_millionths

_FIGURES = ("threshold", "margin", "cover_days")
_incoming = sa.Table(
    "incoming_thresholds",
    sa.MetaData(),
    sa.Column("line", sa.BigInteger),
    *(sa.Column(name, Key) for name in IDENTITY),
    *(sa.Column(name, sa.BigInteger) for name in _FIGURES),
    *(sa.Column(name, sa.Text) for name in ("target", "figures")),
    prefixes=["TEMPORARY"],
)


class Incoming(NamedTuple):
    """A rule with the line of the file that it stands in, and its figures for the audit log."""

    line: int
    rule: Threshold
    figures: str


class ThresholdImport:
    """A context manager that owns one database connection. Nothing is changed before `finish`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def __enter__(self) -> Self:
        self._connection = InterruptibleConnection(self._database)
        try:
            self._connection.run(_incoming.create, "stage")
        except BaseException:
            self._connection.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._connection.close()

    def add(self, rules: Sequence[Incoming]) -> None:
        rows = [
            (
                each.line,
                *identity_of(each.rule),
                to_millionths(each.rule.threshold),
                to_millionths(each.rule.margin),
                each.rule.cover_days,
                each.rule.target,
                each.figures,
            )
            for each in rules
        ]
        names = _incoming.columns.keys()
        self._connection.run(lambda connection: load_temporary(connection, _incoming.name, names, rows), "stage")

    def repeated(self) -> tuple[int, int, str] | None:
        """The first line that sets a rule again, the line that did before, and what the rule is about."""
        return self._connection.run(_repeated, "stage")

    def finish(self, now: datetime, actor: str) -> None:
        """Puts all rules in place, each instead of the one with its identity, and into the audit log; all or none."""
        self._connection.run(lambda connection: _finish(connection, now, actor), "write")


def _repeated(connection: sa.Connection) -> tuple[int, int, str] | None:
    identity = [_incoming.c[name] for name in IDENTITY]
    before = sa.func.lag(_incoming.c.line).over(partition_by=identity, order_by=_incoming.c.line).label("before")
    seen = sa.select(_incoming.c.line, before, _incoming.c.target).subquery("seen")
    first = sa.select(seen).where(seen.c.before.is_not(None)).order_by(seen.c.line).limit(1)
    row = connection.execute(first).first()
    return None if row is None else (row.line, row.before, row.target)


def _finish(connection: sa.Connection, now: datetime, actor: str) -> None:
    incoming = [_incoming.c[name] for name in IDENTITY]
    when = sa.literal(now, _rules.c.changed_at.type)
    # In the order of the primary key, so that its pages are written once. (SQLite needs a WHERE before ON CONFLICT.)
    rows = sa.select(*incoming, *(_incoming.c[name] for name in _FIGURES), when).where(sa.true()).order_by(*incoming)
    insert = upsert(connection.dialect, _rules).from_select([*IDENTITY, *_FIGURES, "changed_at"], rows)
    replaced = {name: insert.excluded[name] for name in (*_FIGURES, "changed_at")}
    connection.execute(insert.on_conflict_do_update(index_elements=list(IDENTITY), set_=replaced))
    entries = sa.select(when, sa.literal(actor), sa.literal("set threshold"), _incoming.c.target, _incoming.c.figures)
    entries = entries.order_by(_incoming.c.line)
    connection.execute(audit_log.insert().from_select(["at", "actor", "action", "subject", "detail"], entries))
