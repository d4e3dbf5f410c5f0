"""`inventory-pipeline sync-log`: what every sync did."""

from typing import TYPE_CHECKING, Annotated

import typer

from inventory_pipeline.cli.options import Json, OnlyStore
from inventory_pipeline.cli.output import print_documents
from inventory_pipeline.cli.session import Session, session_of
from inventory_pipeline.cli.sync_rows import COUNT_COLUMNS, sync_cells
from inventory_pipeline.cli.tables import Column, print_table
from inventory_pipeline.cli.terminal import say
from inventory_pipeline.core.clock import show_instant

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inventory_pipeline.defs.sync.sync_log import SyncLogRow


def sync_log(
    context: typer.Context,
    store: OnlyStore = None,
    limit: Annotated[int, typer.Option(min=1, help="How many syncs.")] = 20,
    json: Json = False,
) -> None:
    """List syncs, newest first, whatever started them."""
    session = session_of(context)
    if store is not None:
        session.integrations.get(store)
    rows = _read(session, store, limit)
    if json:
        print_documents(row.as_json() for row in rows)
    elif rows:
        print_sync_log(rows)
    else:
        say(_why_empty(session, store))


def _read(session: Session, store: str | None, limit: int) -> "list[SyncLogRow]":
    """Without Dagster where its history is the project's own: that takes a fifth of the time."""
    from inventory_pipeline.defs.sync.recorded_runs import history
    from inventory_pipeline.defs.sync.sync_log import list_syncs, read_syncs

    with history(session.environment) as connection:
        if connection is not None:
            return read_syncs(connection, store=store, limit=limit)
    return list_syncs(session.dagster, store=store, limit=limit)


def _why_empty(session: Session, store: str | None) -> str:
    """The stock of a store whose runs were deleted in Dagster is still there, and so is when it was read."""
    from inventory_pipeline.db.sync.snapshots import last_of_each

    with session.services.database.connect() as connection:
        reads = [last.ended_at for key, last in last_of_each(connection).items() if store in (None, key)]
    if not reads:
        return "No sync yet: `inventory-pipeline sync-all-stores` makes one."
    return (
        f"No run of a sync is left in Dagster's history: they were deleted there, or by maintenance. The last read ended at"
        f" {show_instant(max(reads))}; its stock stays, and `inventory-pipeline stores list` shows its age."
    )


def print_sync_log(rows: "Sequence[SyncLogRow]") -> None:
    """A row for each, newest first."""
    columns = (Column("started"), Column("trigger", spare=8), Column("store"), Column("outcome"), *COUNT_COLUMNS)
    cells = ([row.started_at and show_instant(row.started_at), row.trigger, *sync_cells(row)] for row in rows)
    print_table(columns, cells)
