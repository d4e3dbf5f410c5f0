"""Coverage: what each published snapshot saw."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

import sqlalchemy as sa

from inventory_pipeline.core.clock import show_instant
from inventory_pipeline.core.stock import ListCoverage
from inventory_pipeline.core.sync import Counts
from inventory_pipeline.db.engine import upsert
from inventory_pipeline.db.tables.stock import quarantined_reads
from inventory_pipeline.db.tables.stock import snapshots as _table


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One published read. `expected`, `read` and `gap` count the platform's own entities, the counts are lines."""

    id: int
    store_key: str
    run_id: str
    started_at: datetime
    ended_at: datetime
    published_at: datetime
    expected: int | None
    read: int
    gap: int
    how: str
    memo: Mapping[str, str]
    unchanged: bool
    accepted_shrink: bool
    api_calls: int
    excluded: Mapping[str, int]
    accepted_unreadable: bool = False
    modified: datetime | None = None
    gap_since: datetime | None = None
    warnings: Sequence[str] = ()
    notes: Sequence[str] = ()
    line_notes: Sequence[str] = ()
    lists: Sequence[ListCoverage] = ()
    counts: Counts

    @property
    def accepted(self) -> tuple[str, ...]:
        """What a person had asked to publish, whatever the read shows."""
        said = {"accept_shrink": self.accepted_shrink, "accept_unreadable": self.accepted_unreadable}
        return tuple(name for name, is_said in said.items() if is_said)

    @property
    def gap_told(self) -> str:
        """The gap for a person; empty without one."""
        if not self.gap:
            return ""
        since = f" since {show_instant(self.gap_since)}" if self.gap_since else ""
        return f"{self.gap:,} of {self.expected or 0:,} entries that the platform counts are not shown{since}"


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantinedRead:
    """The last read of a store that was not believed. `rejected_lines` are the first of the `rejected` ones, as texts by name.

    `accepts` are the settings of a run that would publish it all the same, `does` says what that would do. `lost_lines` are
    those with most units of the `lost` ones that would be missing, out of stock or unknown: see `diff.lost_lines`.
    """

    store_key: str
    run_id: str
    started_at: datetime
    ended_at: datetime
    why: str
    rejected: int
    rejected_lines: Sequence[Mapping[str, str | None]]
    accepts: Sequence[str] = ()
    does: str = ""
    lost: int = 0
    lost_lines: Sequence[Mapping[str, str | None]] = ()


def last_published(connection: sa.Connection, store_key: str) -> Snapshot | None:
    return next(iter(list_snapshots(connection, store_key, limit=1)), None)


def get_snapshot(connection: sa.Connection, snapshot_id: int) -> Snapshot:
    """A snapshot that exists."""
    return _snapshot(connection.execute(sa.select(_table).where(_table.c.id == snapshot_id)).mappings().one())


def last_of_each(connection: sa.Connection) -> dict[str, Snapshot]:
    """The last snapshot of every store that was ever published. One query."""
    newest = sa.select(sa.func.max(_table.c.id)).group_by(_table.c.store_key)
    rows = connection.execute(sa.select(_table).where(_table.c.id.in_(newest))).mappings()
    return {row["store_key"]: _snapshot(row) for row in rows}


def list_snapshots(connection: sa.Connection, store_key: str, *, limit: int = 100) -> list[Snapshot]:
    """The store's snapshots, newest first."""
    newest = sa.select(_table).where(_table.c.store_key == store_key).order_by(_table.c.id.desc()).limit(limit)
    return [_snapshot(row) for row in connection.execute(newest).mappings()]


def keep_quarantined(connection: sa.Connection, read: QuarantinedRead) -> None:
    """Keeps a read that was not believed, in the place of the one kept before."""
    lists = {name: list(getattr(read, name)) for name in ("rejected_lines", "accepts", "lost_lines")}
    values = asdict(read) | lists
    insert = upsert(connection.dialect, quarantined_reads).values(values)
    changed = {name: insert.excluded[name] for name in values if name != "store_key"}
    connection.execute(insert.on_conflict_do_update(index_elements=["store_key"], set_=changed))


def forget_quarantined(connection: sa.Connection, store_key: str) -> None:
    connection.execute(quarantined_reads.delete().where(quarantined_reads.c.store_key == store_key))


def last_quarantined(connection: sa.Connection, store_key: str) -> QuarantinedRead | None:
    """The store's last read that was not believed; None where one was published since."""
    mine = sa.select(quarantined_reads).where(quarantined_reads.c.store_key == store_key)
    row = connection.execute(mine).mappings().first()
    return None if row is None else QuarantinedRead(**row)


def _snapshot(row: sa.RowMapping) -> Snapshot:
    counts = Counts(
        seen=row["seen"],
        created=row["created"],
        updated=row["updated"],
        skipped=row["skipped"],
        rejected=row["rejected"],
        missing=row["missing"],
        deleted=row["deleted"],
        repeats=row["repeats"],
    )
    return Snapshot(
        id=row["id"],
        store_key=row["store_key"],
        run_id=row["run_id"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        published_at=row["published_at"],
        expected=row["expected"],
        read=row["read"],
        gap=row["gap"],
        how=row["how"],
        memo=row["memo"],
        unchanged=row["unchanged"],
        accepted_shrink=row["accepted_shrink"],
        accepted_unreadable=row["accepted_unreadable"],
        api_calls=row["api_calls"],
        excluded=row["excluded"],
        modified=row["modified"],
        gap_since=row["gap_since"],
        warnings=row["warnings"],
        notes=row["notes"],
        line_notes=row["line_notes"],
        lists=tuple(ListCoverage(*entry) for entry in row["lists"]),
        counts=counts,
    )
