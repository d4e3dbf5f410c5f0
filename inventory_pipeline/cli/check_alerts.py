"""`inventory-pipeline check-alerts`: what the hourly sensor does, by hand."""

import time
from collections.abc import Callable
from typing import Annotated, TypeVar

import typer

from inventory_pipeline.cli.options import Json
from inventory_pipeline.cli.output import print_document
from inventory_pipeline.cli.session import Session, alerting_of, session_of
from inventory_pipeline.cli.terminal import complain, say
from inventory_pipeline.core.errors import DatabaseUnavailable

Result = TypeVar("Result")


def check_alerts(
    context: typer.Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would happen.")] = False,
    json: Json = False,
) -> None:
    """Hold all stock against the thresholds, and deliver what is to be told."""
    session = session_of(context)
    alerting = alerting_of(session)
    result = _once_more_where_lost(session, lambda: alerting.check.run(dry_run=dry_run))
    if json:
        print_document(result.counts)
    else:
        told = ", ".join(f"{number:,} {name.replace('_', ' ')}" for name, number in result.counts.items())
        say(f"{result.stores} stores: {told}")
        for key in result.stale:
            typer.echo(f"  store {key} is stale: its stock was not judged")
        for key in result.first_look:
            typer.echo(f"  first look at store {key}")
    if dry_run:
        return
    delivered = _once_more_where_lost(session, alerting.delivery.run)
    session.services.say_all_is_well("alert checks")
    if delivered.failed or delivered.given_up:
        what = f"{delivered.failed} notices not delivered, {delivered.given_up} given up"
        complain(f"{what}; `inventory-pipeline notify list` says why")
        raise typer.Exit(1)


def _once_more_where_lost(session: Session, work: Callable[[], Result]) -> Result:
    """As in Dagster: a database that was lost is asked once more, over a fresh connection and from the beginning."""
    try:
        return work()
    except DatabaseUnavailable as error:
        wait = session.environment.retry_wait.total_seconds()
        complain(f"{error}; trying once more in {wait:.0f} s")
        time.sleep(wait)
        return work()
