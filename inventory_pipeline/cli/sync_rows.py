"""A sync as one row, for lists that grow while a person looks on."""

from typing import TYPE_CHECKING

from inventory_pipeline.cli.tables import Column, Table

if TYPE_CHECKING:
    from inventory_pipeline.defs.sync.sync_log import SyncLogRow

# Lines, except for the calls; the last is the error or the note, which needs no name. What was seen and changed is the last to
# go on a narrow terminal.
COUNT_COLUMNS = (
    Column("seen", 9, right=True),
    Column("created", 9, right=True, spare=1),
    Column("updated", 9, right=True, spare=2),
    Column("skipped", 9, right=True, spare=6),
    Column("rejected", 8, right=True, spare=4),
    Column("missing", 7, right=True, spare=5),
    Column("calls", 6, right=True, spare=7),
    Column("seconds", 7, right=True, spare=3),
    Column("", below=True),
)


def sync_heading(width: int) -> str:
    """The names of `sync_line`'s columns; `width` is the longest store key's."""
    return _table(width).heading


def sync_line(row: "SyncLogRow", width: int) -> str:
    """The outcome, or Dagster's word for a run under way; the counts; the error where there is one."""
    return _table(width).text(sync_cells(row))


def sync_cells(row: "SyncLogRow") -> list[object]:
    """Store, outcome and the cells of COUNT_COLUMNS."""
    counts = (row.seen, row.created, row.updated, row.skipped, row.rejected, row.missing, row.api_calls)
    seconds = f"{(row.ended_at - row.started_at).total_seconds():.1f}" if row.started_at and row.ended_at else None
    return [row.store, row.outcome or row.status.lower(), *counts, seconds, row.error or row.note or ""]


def _table(width: int) -> Table:
    return Table([Column("store", width), Column("outcome", 11), *COUNT_COLUMNS])
