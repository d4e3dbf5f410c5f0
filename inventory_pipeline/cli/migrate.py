"""`inventory-pipeline migrate`: the inventory database's schema."""

import typer

from inventory_pipeline.cli.session import session_of


def migrate(context: typer.Context) -> None:
    """Bring the inventory database to this version's schema. (Every command does so at its first use of it.)"""
    from inventory_pipeline.db.migrate import HEAD

    database = session_of(context).services.database
    database.migrate()
    typer.echo(f"{database.describe()} is at schema {HEAD}, the newest")
