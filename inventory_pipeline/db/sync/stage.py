"""One store's read on its way in: loaded in bulk beside the current levels, compared with them, not yet visible to anyone."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import count
from types import TracebackType
from typing import NamedTuple, Self, TypeVar

import sqlalchemy as sa

from inventory_pipeline.core.stock import RejectedLine, StockLine
from inventory_pipeline.db.database import Database
from inventory_pipeline.db.engine import Mode
from inventory_pipeline.db.interruptible import InterruptibleConnection
from inventory_pipeline.db.sync import diff, loading
from inventory_pipeline.db.tables.staging import stage_lines, stage_rejected
from inventory_pipeline.db.tables.stock import stock_levels

Result = TypeVar("Result")

# Rows held in memory before they go to the database: enough for bulk speed, and no more than a few megabytes.
BATCH = 5_000


class Measure(NamedTuple):
    """What publishing the staged read would do, in lines over distinct identities; `repeats` were read more than once.

    `seen = created + updated + skipped + rejected`. `missing_candidates` are present lines that the read does not show,
    `missing_again` those that the last snapshot did not show either.
    """

    seen: int
    rejected: int
    repeats: int
    created: int
    updated: int
    skipped: int
    missing_candidates: int
    missing_again: int
    present_before: int


class Stage:
    """A context manager that owns one database connection and its temporary tables. For one thread at a time.

    Nothing of it outlives the block or the process. While a read goes on it locks nothing and keeps no transaction
    open. A signal handler's exception ends any of its methods at once; the stage is then closed.
    """

    def __init__(self, database: Database, store_key: str, *, batch: int = BATCH) -> None:
        self.store_key = store_key
        self._database, self._batch = database, batch
        self._seq = count(1)
        self._lines: list[loading.Row] = []
        self._rejected: list[loading.Row] = []
        self._added = 0
        self._measure: Measure | None = None

    def __enter__(self) -> Self:
        self._connection = InterruptibleConnection(self._database)
        try:
            self.run(loading.create, "stage")
        except BaseException:
            self._connection.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._connection.close()

    def add(self, lines: Sequence[StockLine], rejected: Sequence[RejectedLine] = ()) -> None:
        """Takes a part of the read, of any size. Of two readings of one line the later holds, whichever it was.

        Lines must have passed `checked_line`.
        """
        self._measure = None
        self._lines += [loading.line_row(next(self._seq), line) for line in lines]
        for line in rejected:
            seq = next(self._seq)
            self._rejected.append(loading.rejected_row(seq, line))
            if line.item_id is not None and line.location_id is not None:
                self._lines.append(loading.unread_row(seq, line))
        if len(self._lines) + len(self._rejected) >= self._batch:
            self._flush()

    def clear(self) -> None:
        """Forgets the read, for another one."""
        self._lines, self._rejected, self._added, self._measure = [], [], 0, None
        self.run(loading.clear, "stage")

    def measure(self) -> Measure:
        """Compares the whole read with the current levels. Publishes nothing."""
        if self._measure is None:
            self._flush()
            self._measure = self.run(self._compare, "stage")
        return self._measure

    def run(self, work: Callable[[sa.Connection], Result], mode: Mode) -> Result:
        """Runs `work` in one transaction of the stage's connection, interruptibly."""
        return self._connection.run(work, mode)

    def _flush(self) -> None:
        lines, rejected = self._lines, self._rejected
        self._lines, self._rejected = [], []
        self._added += len(lines)
        # Never much at once: SQLite forgets a call to stop that falls between two rows.
        for start in range(0, max(len(lines), len(rejected)), self._batch):
            part = slice(start, start + self._batch)
            self.run(partial(loading.load, lines=lines[part], rejected=rejected[part]), "stage")

    def _compare(self, connection: sa.Connection) -> Measure:
        loading.settle(connection)
        diff.compare(connection, self.store_key)
        actions = diff.count_actions(connection)
        lines, unread = connection.execute(
            sa.select(sa.func.count(), sa.func.count().filter(stage_lines.c.rejected)).select_from(stage_lines)
        ).one()
        nameless = connection.scalar(_count(stage_rejected, ~has_identity())) or 0
        present = stock_levels.c.store_key == self.store_key, stock_levels.c.presence == "present"
        created = actions.get("created", 0) + actions.get("returned", 0)
        updated = actions.get("updated", 0)
        return Measure(
            seen=lines + nameless,
            rejected=unread + nameless,
            repeats=self._added - lines,
            created=created,
            updated=updated,
            skipped=lines - unread - created - updated,
            missing_candidates=actions.get("missing", 0),
            missing_again=actions.get("deleted", 0),
            present_before=connection.scalar(_count(stock_levels, *present)) or 0,
        )


def has_identity() -> sa.ColumnElement[bool]:
    """Whether a rejected line says which line it is."""
    return sa.and_(stage_rejected.c.item_id.is_not(None), stage_rejected.c.location_id.is_not(None))


def _count(table: sa.Table, *conditions: sa.ColumnElement[bool]) -> sa.Select:
    return sa.select(sa.func.count()).select_from(table).where(*conditions)
