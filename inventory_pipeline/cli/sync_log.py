"""`inventory-pipeline sync-log`: what every sync did."""

from typing import TYPE_CHECKING, Annotated

import typer

from inventory_pipeline.cli.options import Json
from inventory_pipeline.cli.output import print_documents, print_table
from inventory_pipeline.cli.session import session_of
from inventory_pipeline.core.clock import show_instant

if TYPE_CHECKING:
    from collections.abc import Iterable

    from inventory_pipeline.defs.sync_log import SyncLogRow

COLUMNS = (
    *("started", "store", "trigger", "outcome", "seen", "created", "updated", "skipped", "rejected", "missing"),
    *("calls", "seconds", "error"),
)


def sync_log(
    context: typer.Context,
    store: Annotated[str | None, typer.Option(metavar="KEY", help="Only this store.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many syncs.")] = 20,
    json: Json = False,
) -> None:
    """List syncs, newest first, whatever started them."""
    from inventory_pipeline.defs.sync_log import list_syncs

    session = session_of(context)
    if store is not None:
        session.integrations.get(store)
    rows = list_syncs(session.dagster, store=store, limit=limit)
    if json:
        print_documents(row.as_json() for row in rows)
    else:
        print_sync_log(rows)


def print_sync_log(rows: "Iterable[SyncLogRow]") -> None:
    """The rows as a table: a sync under way shows Dagster's word for its run instead of an outcome."""
    print_table(COLUMNS, (_cells(row) for row in rows), none="No sync yet: `inventory-pipeline sync-all-stores` makes one.")


def _cells(row: "SyncLogRow") -> list[object]:
    return [
        show_instant(row.started_at) if row.started_at else None,
        row.store,
        row.trigger,
        row.outcome or row.status.lower(),
        *(row.seen, row.created, row.updated, row.skipped, row.rejected, row.missing, row.api_calls),
        round((row.ended_at - row.started_at).total_seconds(), 1) if row.started_at and row.ended_at else None,
        row.error,
    ]
