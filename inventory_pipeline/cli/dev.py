"""`inventory-pipeline dev`: Dagster's web UI and daemon on this project's history."""

import os
import sys
from typing import Annotated

import typer

from inventory_pipeline.cli.session import session_of
from inventory_pipeline.environment import PROJECT_ROOT

HOST = "127.0.0.1"
PORT = 3000


def dev(
    context: typer.Context,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Where the web UI listens.")] = PORT,
    host: Annotated[str, typer.Option(help="Dagster has no login: anyone who reaches this address can launch runs.")] = HOST,
) -> None:
    """Start Dagster: web UI, schedule and sensors, until Ctrl-C. From any folder, as `dagster dev` in the checkout."""
    session_of(context).services.database.migrate()
    command = dagster_dev(port, host)
    os.chdir(PROJECT_ROOT)
    os.execv(command[0], command)


def dagster_dev(port: int, host: str = HOST) -> list[str]:
    """The command line of Dagster's web UI and daemon; it must run in the checkout, where dagster.yaml is."""
    workspace = str(PROJECT_ROOT / "workspace.yaml")
    return [sys.executable, "-m", "dagster", "dev", "--workspace", workspace, "--host", host, "--port", str(port)]
