"""A sync as one line of text, for lists that grow while a person looks on."""

from typing import TYPE_CHECKING

from inventory_pipeline.cli.output import show

if TYPE_CHECKING:
    from inventory_pipeline.defs.sync.sync_log import SyncLogRow

_COUNTS = ("seen", "created", "updated", "skipped", "rejected", "missing", "api_calls")


def sync_heading(width: int) -> str:
    """The names of `sync_line`'s columns; `width` is the longest store key's."""
    return f"{'store':<{width}}  {'outcome':<11}" + "".join(f"{name.removeprefix('api_'):>9}" for name in _COUNTS) + "  seconds"


def sync_line(row: "SyncLogRow", width: int) -> str:
    """The outcome, or Dagster's word for a run under way; counts in lines; the error where there is one."""
    counts = "".join(f"{show(getattr(row, name)):>9}" for name in _COUNTS)
    seconds = f"{(row.ended_at - row.started_at).total_seconds():.1f}" if row.started_at and row.ended_at else show(None)
    error = f"  {row.error}" if row.error else ""
    return f"{show(row.store):<{width}}  {row.outcome or row.status.lower():<11}{counts}{seconds:>9}{error}"
