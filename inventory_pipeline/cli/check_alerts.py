"""`inventory-pipeline check-alerts`: what the hourly sensor does, by hand."""

from typing import Annotated

import typer

from inventory_pipeline.cli.options import Json
from inventory_pipeline.cli.output import print_document
from inventory_pipeline.cli.session import alerting_of, session_of


def check_alerts(
    context: typer.Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would happen.")] = False,
    json: Json = False,
) -> None:
    """Hold all stock against the thresholds, and deliver what is to be told."""
    alerting = alerting_of(session_of(context))
    result = alerting.check.run(dry_run=dry_run)
    if json:
        print_document(result.counts)
    else:
        told = ", ".join(f"{number:,} {name.replace('_', ' ')}" for name, number in result.counts.items())
        typer.echo(f"{result.stores} stores: {told}")
        for key in result.stale:
            typer.echo(f"  store {key} is stale: its stock was not judged")
        for key in result.first_look:
            typer.echo(f"  first look at store {key}")
    if dry_run:
        return
    delivered = alerting.delivery.run()
    if delivered.failed or delivered.given_up:
        what = f"{delivered.failed} notices not delivered, {delivered.given_up} given up"
        typer.echo(f"inventory-pipeline: {what}; `inventory-pipeline notify list` says why", err=True)
        raise typer.Exit(1)
