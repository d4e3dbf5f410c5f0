"""`inventory-pipeline sync-log`: what every sync did."""

from typing import TYPE_CHECKING, Annotated

import typer

from inventory_pipeline.cli.options import Json
from inventory_pipeline.cli.output import print_documents
from inventory_pipeline.cli.session import session_of
from inventory_pipeline.cli.sync_rows import sync_heading, sync_line
from inventory_pipeline.core.clock import show_instant

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inventory_pipeline.defs.sync.sync_log import SyncLogRow


def sync_log(
    context: typer.Context,
    store: Annotated[str | None, typer.Option(metavar="KEY", help="Only this store.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many syncs.")] = 20,
    json: Json = False,
) -> None:
    """List syncs, newest first, whatever started them."""
    from inventory_pipeline.defs.sync.sync_log import list_syncs

    session = session_of(context)
    if store is not None:
        session.integrations.get(store)
    rows = list_syncs(session.dagster, store=store, limit=limit)
    if json:
        print_documents(row.as_json() for row in rows)
    elif rows:
        print_sync_log(rows)
    else:
        typer.echo("No sync yet: `inventory-pipeline sync-all-stores` makes one.")


def print_sync_log(rows: "Sequence[SyncLogRow]") -> None:
    """A line for each; the error, the longest part, stands last."""
    width = max((len(row.store or "") for row in rows), default=0)
    typer.echo(f"{'started':<20}  {'trigger':<9}  {sync_heading(width)}")
    for row in rows:
        started = show_instant(row.started_at) if row.started_at else "–"
        typer.echo(f"{started:<20}  {row.trigger:<9}  {sync_line(row, width)}")
