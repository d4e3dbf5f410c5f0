"""`inventory-pipeline`: every command by name, each loaded when it is asked for."""

import importlib.metadata
import platform
from typing import Annotated, Any

import typer

from inventory_pipeline.cli.frame import Commands, LoadedWhenAsked
from inventory_pipeline.cli.session import session_of
from inventory_pipeline.cli.terminal import PROGRAM
from inventory_pipeline.private_files import keep_private

# In the order in which help lists them: the command's name, and the module of this folder that holds it. A noun with
# commands of its own is the module's `app`, any other command a function called like it.
_MODULES = {
    "stores": "stores",
    "credentials": "credentials",
    "feeds": "feeds",
    "alerts": "alerts",
    "thresholds": "thresholds",
    "notify": "notify",
    "sync-all-stores": "sync_all",
    "sync-log": "sync_log",
    "stock": "stock",
    "verify": "verify",
    "check-alerts": "check_alerts",
    "report": "report",
    "platforms": "platforms",
    "doctor": "doctor",
    "metrics": "metrics",
    "audit": "audit",
    "users": "users",
    "migrate": "migrate",
    "serve": "serve",
    "dev": "serve",
    "demo": "demo",
}


class Program(Commands):
    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = LoadedWhenAsked("inventory_pipeline.cli", _MODULES)


app = typer.Typer(cls=Program, name=PROGRAM, pretty_exceptions_enable=False, invoke_without_command=True)


def _show_version(asked: bool) -> None:
    if asked:
        ours, dagster = (importlib.metadata.version(package) for package in ("inventory_pipeline", "dagster"))
        typer.echo(f"{PROGRAM} {ours} (Dagster {dagster}, Python {platform.python_version()})")
        raise typer.Exit


@app.callback()
def start(
    context: typer.Context,
    version: Annotated[  # noqa: ARG001 - its callback answers it
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show this program's version.")
    ] = False,
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
    keep_private()
    app()
