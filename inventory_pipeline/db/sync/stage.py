"""The stage of one read: temporary tables that it is loaded into and compared from, invisible to other connections."""

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

Result = TypeVar("Result")

# How many rows are held in memory before they are loaded: enough for bulk speed, and only a few megabytes.
BATCH = 5_000


class Measure(NamedTuple):
    """What publishing the staged read would do, in lines over distinct identities.

    `seen = created + updated + skipped + rejected`. `repeats` counts the rows that a later row of the same identity replaced.
    `missing_candidates` counts present lines that the read does not hold, `missing_again` lines that are missing already and
    that it does not hold either. `present_before` counts the lines that are present now.

    `stocked` counts the quantities that are in stock now, `emptied` and `unreadable` those of them that would be out of stock
    and unknown; of both, each pool counts once. `becoming_unknown` counts the lines, in stock or not, that would be unknown.
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
    stocked: int = 0
    emptied: int = 0
    unreadable: int = 0
    becoming_unknown: int = 0


class Stage:
    """A context manager that owns one database connection and its temporary tables. For one thread at a time.

    Its tables end with the block or the process. Between two calls it holds no lock and no transaction. An exception that a
    signal handler raises ends any of its methods at once, and closes the stage.
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
        """Adds a part of the read, of any size; lines must have passed `checked_line`.

        Of two rows with one identity the later one counts, be it a line or a rejected one.
        """
        self._measure = None
        self._lines += [loading.line_row(next(self._seq), line) for line in lines]
        for line in rejected:
            seq = next(self._seq)
            self._rejected.append(loading.rejected_row(seq, line))
            if line.item_id is not None and line.location_id is not None:
                self._lines.append(loading.unreadable_row(seq, line))
        if len(self._lines) + len(self._rejected) >= self._batch:
            self._flush()

    def clear(self) -> None:
        """Empties the stage, for another read."""
        self._lines, self._rejected, self._added, self._measure = [], [], 0, None
        self.run(loading.clear, "stage")

    def measure(self) -> Measure:
        """Compares the read, which must be whole now, with the current levels. Publishes nothing."""
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
        # In small parts: SQLite ignores a call to stop that comes between two rows of one `executemany`.
        for start in range(0, max(len(lines), len(rejected)), self._batch):
            part = slice(start, start + self._batch)
            self.run(partial(loading.load, lines=lines[part], rejected=rejected[part]), "stage")

    def _compare(self, connection: sa.Connection) -> Measure:
        loading.drop_repeats(connection)
        diff.compare(connection, self.store_key)
        actions = diff.count_actions(connection)
        lines, unread = connection.execute(
            sa.select(sa.func.count(), sa.func.count().filter(stage_lines.c.rejected)).select_from(stage_lines)
        ).one()
        nameless = connection.scalar(_count(stage_rejected, ~has_identity())) or 0
        present_before, stocked = diff.count_present(connection, self.store_key)
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
            present_before=present_before,
            stocked=stocked,
            **diff.count_falls(connection, self.store_key)._asdict(),
        )


def has_identity() -> sa.ColumnElement[bool]:
    """Whether a rejected line says which line it is."""
    return sa.and_(stage_rejected.c.item_id.is_not(None), stage_rejected.c.location_id.is_not(None))


def _count(table: sa.Table, *conditions: sa.ColumnElement[bool]) -> sa.Select:
    return sa.select(sa.func.count()).select_from(table).where(*conditions)
