"""`inventory-pipeline metrics`: figures for a monitor."""

import typer

from inventory_pipeline.cli.session import session_of


def metrics(context: typer.Context) -> None:
    """Print figures as Prometheus reads them: stale stores, alerts, notices that did not arrive."""
    from inventory_pipeline.defs.sync.interval import sync_interval
    from inventory_pipeline.services.stock.metrics import prometheus_text

    session = session_of(context)
    with session.services.database.connect() as connection:
        for line in prometheus_text(connection, session.services.clock(), sync_interval(session.environment)):
            typer.echo(line)
