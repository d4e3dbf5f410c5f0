"""`inventory-pipeline`: every command, put together."""

from typing import Annotated

import typer

from inventory_pipeline.cli import alerts, credentials, notify, stores, thresholds
from inventory_pipeline.cli.audit import audit
from inventory_pipeline.cli.check_alerts import check_alerts
from inventory_pipeline.cli.demo import demo
from inventory_pipeline.cli.doctor import doctor
from inventory_pipeline.cli.frame import PROGRAM, Commands
from inventory_pipeline.cli.metrics import metrics
from inventory_pipeline.cli.migrate import migrate
from inventory_pipeline.cli.platforms import platforms
from inventory_pipeline.cli.report import report
from inventory_pipeline.cli.serve import dev, serve
from inventory_pipeline.cli.session import session_of
from inventory_pipeline.cli.stock import stock
from inventory_pipeline.cli.sync_all import sync_all_stores
from inventory_pipeline.cli.sync_log import sync_log

app = typer.Typer(cls=Commands, name=PROGRAM, pretty_exceptions_enable=False, invoke_without_command=True)
app.add_typer(stores.app, name="stores")
app.add_typer(credentials.app, name="credentials")
app.add_typer(alerts.app, name="alerts")
app.add_typer(thresholds.app, name="thresholds")
app.add_typer(notify.app, name="notify")
for command in (
    sync_all_stores,
    sync_log,
    stock,
    check_alerts,
    report,
    platforms,
    doctor,
    metrics,
    audit,
    migrate,
    serve,
    dev,
    demo,
):
    app.command()(command)


@app.callback()
def start(
    context: typer.Context,
    verbose: Annotated[bool, typer.Option("--verbose", help="Show each request and what is being done.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="As --verbose, and show where an error came from.")] = False,
) -> None:
    """One truthful picture of stock across many e-commerce stores."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit
    session_of(context).start(verbose=verbose, debug=debug)


def main() -> None:
    """The console script. Ends the process: 0 all well, 1 something failed or was refused, 2 wrong usage."""
    app()
