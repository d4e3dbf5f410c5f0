"""`inventory-pipeline audit`: who changed what."""

from typing import Annotated

import typer

from inventory_pipeline.cli.options import Json
from inventory_pipeline.cli.output import print_documents, print_table
from inventory_pipeline.cli.session import session_of
from inventory_pipeline.core.clock import show_instant


def audit(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, help="How many entries.")] = 50,
    json: Json = False,
) -> None:
    """List changes of stores, credentials and what was accepted by hand, newest first."""
    from inventory_pipeline.db.integrations.audit import AuditEntry, list_audit

    with session_of(context).services.database.connect() as connection:
        entries = [{**entry._asdict(), "at": show_instant(entry.at)} for entry in list_audit(connection, limit)]
    if json:
        print_documents(entries)
    else:
        print_table(AuditEntry._fields, (list(entry.values()) for entry in entries), none="Nothing was changed yet.")
